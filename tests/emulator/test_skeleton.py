"""The walking figure, as other people's tools see it."""

from __future__ import annotations

import itertools
import statistics
import warnings
from pathlib import Path

import pytest

from klingmotion.emulator.skeleton import JOINTS, Motion, Vector, bvh_text, gait, joint_positions, walk

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # bvhio imports PyGLM by its old name, and PyGLM warns of it
    import bvhio

SEEDS = range(8)
SIDES = ("Left", "Right")


def positions(motion: Motion) -> list[dict[str, Vector]]:
    return [joint_positions(motion.joints, pose) for pose in motion.poses]


def bend(frame: dict[str, Vector], side: str) -> float:
    """How far the knee is ahead of the line from hip to ankle."""
    hip, knee, ankle = frame[f"{side}UpLeg"], frame[f"{side}Leg"], frame[f"{side}Foot"]
    share = (hip[1] - knee[1]) / (hip[1] - ankle[1])
    return knee[2] - (hip[2] + (ankle[2] - hip[2]) * share)


def test_the_bvh_opens_in_a_public_reader(tmp_path: Path) -> None:
    """The reader finds the joints, the channels, the tips of the limbs, the frames and the frame time."""
    path = tmp_path / "walk.bvh"
    path.write_text(bvh_text(2.5))
    file = bvhio.readAsBvh(str(path))
    joints = [joint for joint, _, _ in file.Root.layout()]
    assert file.FrameCount == 75
    assert pytest.approx(1 / 30) == file.FrameTime
    assert [joint.Name for joint in joints] == [joint.name for joint in JOINTS]
    assert [len(joint.Channels) for joint in joints] == [6] + [3] * 20
    ends = {joint.Name for joint in joints if not joint.Children}
    assert ends == {"Head", "LeftHand", "RightHand", "LeftToe", "RightToe"}
    assert all(len(joint.Keyframes) == 75 for joint in joints)


def test_the_reader_puts_every_joint_where_we_do(tmp_path: Path) -> None:
    """Our positions and the reader's agree on every frame: the file says what we draw."""
    path = tmp_path / "walk.bvh"
    path.write_text(bvh_text(1.5, seed=3))
    figure = bvhio.readAsHierarchy(str(path))
    motion = walk(1.5, seed=3)
    for number, expected in enumerate(positions(motion)):
        figure.loadPose(number)
        seen = {joint.Name: tuple(joint.PositionWorld) for joint, _, _ in figure.layout()}
        assert len(seen) == 21
        for name, place in seen.items():
            assert place == pytest.approx(expected[name], abs=0.01)


def test_the_feet_of_the_opened_file_really_walk(tmp_path: Path) -> None:
    """Each foot goes up and down and covers metres, and the hips stay at the height of a person's."""
    path = tmp_path / "walk.bvh"
    path.write_text(bvh_text(5.0))
    figure = bvhio.readAsHierarchy(str(path))
    feet: dict[str, list[Vector]] = {f"{side}Foot": [] for side in SIDES}
    hips = []
    for number in range(150):
        figure.loadPose(number)
        hips.append(figure.PositionWorld.y)
        for name, places in feet.items():
            places.append(tuple(figure.filter(name)[0].PositionWorld))
    assert min(hips) > 85
    assert max(hips) < 108
    for places in feet.values():
        heights = [y for _, y, _ in places]
        assert max(heights) - min(heights) > 8
        assert places[-1][2] - places[0][2] > 400


@pytest.mark.parametrize("seed", SEEDS)
def test_feet_neither_sink_nor_float(seed: int) -> None:
    """The lowest point of the feet stays within a finger's breadth of the ground."""
    names = [f"{side}{part}" for side in SIDES for part in ("Foot", "Toe", "Toe tip")]
    for frame in positions(walk(4.0, seed=seed)):
        lowest = min(frame[name][1] for name in names)
        assert lowest > -1.0
        assert lowest < 9.0  # an ankle, when the heel alone is down
        assert 85 < frame["Hips"][1] < 108
        assert 155 < frame["Head tip"][1] < 190


@pytest.mark.parametrize("seed", SEEDS)
def test_a_foot_on_the_ground_does_not_slide(seed: int) -> None:
    """The ball of a foot stays put while the body passes over it; a swinging one does 10 cm a frame."""
    motion = walk(4.0, seed=seed)
    flat = 2.35 * gait(seed).size
    frames = positions(motion)
    for side in SIDES:
        steps = [
            abs(after[f"{side}Toe"][2] - before[f"{side}Toe"][2])
            for before, after in itertools.pairwise(frames)
            if max(before[f"{side}Toe"][1], after[f"{side}Toe"][1]) < flat
        ]
        assert len(steps) > 20
        assert max(steps) < 2.5
        assert statistics.median(steps) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_knees_bend_forward_and_arms_swing_against_the_legs(seed: int) -> None:
    """A knee is never behind its leg, and a hand is ahead when the foot of its side is behind."""
    frames = positions(walk(4.0, seed=seed))
    for side in SIDES:
        bends = [bend(frame, side) for frame in frames]
        assert min(bends) > -0.5
        assert max(bends) > 12
        hand = [frame[f"{side}Hand"][2] - frame["Hips"][2] for frame in frames]
        foot = [frame[f"{side}Foot"][2] - frame["Hips"][2] for frame in frames]
        assert hand[foot.index(min(foot))] > hand[foot.index(max(foot))] + 20
        assert max(foot) - min(foot) > 50


def test_the_two_sides_do_the_same_in_turn() -> None:
    """Half a double step later the right side does what the left did, mirrored."""
    half = 0.5 / gait(0).cadence
    motion = walk(2 * half, frame_time=half)
    first, second = positions(motion)
    shift = second["Hips"][2] - first["Hips"][2]
    for joint in ("Foot", "Hand", "Leg", "ForeArm"):
        x, y, z = first[f"Left{joint}"]
        assert second[f"Right{joint}"] == pytest.approx((-x, y, z + shift), abs=1e-6)


@pytest.mark.parametrize(
    ("duration", "frame_time", "frames"),
    [
        (0.0, 1 / 30, 1),
        (0.01, 1 / 30, 1),
        (2.0, 1 / 30, 60),
        (10.1, 1 / 30, 303),
        (1.0, 0.04, 25),
        (5.2, 1 / 60, 312),
    ],
)
def test_the_frames_fill_the_duration(duration: float, frame_time: float, frames: int) -> None:
    """As many frames as fit, and never none."""
    lines = bvh_text(duration, frame_time).splitlines()
    assert f"Frames: {frames}" in lines
    start = next(number for number, line in enumerate(lines) if line.startswith("Frame Time:")) + 1
    assert [len(line.split()) for line in lines[start:]] == [6 + 20 * 3] * frames


@pytest.mark.parametrize("frame_time", [0.0, -0.1, float("nan")])
def test_a_frame_must_take_time(frame_time: float) -> None:
    """A frame time of nothing is refused with a text that names it."""
    with pytest.raises(ValueError, match=str(frame_time)):
        bvh_text(1.0, frame_time)


def test_a_seed_always_walks_the_same_way_and_each_its_own() -> None:
    """The text depends on the arguments alone, and the seed changes it."""
    texts = [bvh_text(1.0, seed=seed) for seed in SEEDS]
    assert texts == [bvh_text(1.0, seed=seed) for seed in SEEDS]
    assert len(set(texts)) == len(texts)
