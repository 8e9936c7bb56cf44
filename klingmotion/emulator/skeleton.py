"""A person walking, as a tree of joints that moves, and its BVH text.

The joint tree and the gait are tables; a few functions turn them into poses. Nothing animates the path of the
hips: it follows from the foot that is on the ground, so the feet neither slide nor sink.

Lengths are centimetres. y is up, the figure faces and walks along z, and x is its left. At rest it stands
with its arms stretched out to the sides.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

Vector = tuple[float, float, float]
#: Three rows of a rotation matrix.
Matrix = tuple[Vector, Vector, Vector]


@frozen
class Joint:
    """One joint of the tree."""

    name: str
    #: The name of the joint it hangs on; ``None`` for the root.
    parent: str | None
    #: From the parent to this joint, at rest.
    offset: Vector
    #: For the last joint of a limb: from the joint to the limb's tip.
    tip: Vector | None = None


@frozen
class Pose:
    """The figure at one instant."""

    root: Vector
    #: Degrees about z, x and y for each joint, in the order of the joints; y is applied first.
    turns: tuple[Vector, ...]


@frozen
class Motion:
    """A figure and what it does."""

    joints: tuple[Joint, ...]
    #: Seconds from one pose to the next.
    frame_time: float
    poses: tuple[Pose, ...]


@frozen
class Gait:
    """How one person walks."""

    #: Size against the figure of 172 cm in the table.
    size: float
    #: How far the legs swing against the table.
    stride: float
    #: Double steps per second.
    cadence: float


# -- the figure ----------------------------------------------------------------------------------------------

_TRUNK = (
    Joint("Hips", None, (0.0, 0.0, 0.0)),
    Joint("Spine", "Hips", (0.0, 10.0, 0.0)),
    Joint("Chest", "Spine", (0.0, 16.0, 0.0)),
    Joint("Neck", "Chest", (0.0, 24.0, 0.0)),
    Joint("Head", "Neck", (0.0, 9.0, 1.0), tip=(0.0, 17.0, 0.0)),
)
_ARM = (
    Joint("LeftShoulder", "Chest", (4.0, 20.0, 0.0)),
    Joint("LeftArm", "LeftShoulder", (14.0, 0.0, 0.0)),
    Joint("LeftForeArm", "LeftArm", (28.0, 0.0, 0.0)),
    Joint("LeftHand", "LeftForeArm", (25.0, 0.0, 0.0), tip=(17.0, 0.0, 0.0)),
)
_LEG = (
    Joint("LeftUpLeg", "Hips", (9.0, -4.0, 0.0)),
    Joint("LeftLeg", "LeftUpLeg", (0.0, -42.0, 0.0)),
    Joint("LeftFoot", "LeftLeg", (0.0, -41.0, 0.0)),
    Joint("LeftToe", "LeftFoot", (0.0, -7.0, 13.0), tip=(0.0, -2.0, 7.0)),
)
#: Where a foot can touch the ground: heel, ball and tip of the toes, from the joint they move with.
_SOLE: tuple[tuple[str, Vector], ...] = (
    ("Foot", (0.0, -9.0, -5.0)),
    ("Toe", (0.0, -2.0, 0.0)),
    ("Toe", (0.0, -2.0, 7.0)),
)


def _right(name: str) -> str:
    return name.replace("Left", "Right")


def _mirrored(joint: Joint) -> Joint:
    offset, tip = ((-x, y, z) for x, y, z in (joint.offset, joint.tip or (0.0, 0.0, 0.0)))
    return Joint(_right(joint.name), _right(joint.parent or ""), offset, tip if joint.tip else None)


#: The joint tree, each joint after its parent and each limb in one piece.
JOINTS = (*_TRUNK, *_ARM, *map(_mirrored, _ARM), *_LEG, *map(_mirrored, _LEG))


def figure(size: float) -> tuple[Joint, ...]:
    """The joint tree at a given size; 1.0 is a person of 172 cm."""
    return tuple(
        evolve(joint, offset=_scaled(joint.offset, size), tip=joint.tip and _scaled(joint.tip, size))
        for joint in JOINTS
    )


# -- the gait ------------------------------------------------------------------------------------------------
# Degrees of bending over one double step, at every twentieth of it, from the moment the heel comes down. The
# values follow the textbook curves for walking at an easy pace.

_HIP = (22, 22, 19, 15, 10, 4, -1, -6, -11, -15, -17, -15, -7, 5, 16, 24, 28, 28, 26, 23)
_KNEE = (3, 8, 13, 14, 11, 8, 6, 5, 6, 9, 17, 29, 43, 57, 65, 65, 54, 34, 13, 2)
_ANKLE = (-2, -8, -6, -1, 1, 4, 7, 11, 14, 13, 9, 0, -10, -11, -1, 7, 8, 5, 2, 0)
_TOES = (8, 5, 0, 0, 0, 0, 0, 0, 3, 10, 23, 33, 28, 14, 10, 12, 10, 8, 10, 10)

_SWAY = 2.0  # how far the hips move over the standing foot, in centimetres
_LEG_LENGTH = 83.0


def _curve(values: Sequence[float], phase: float) -> float:
    """A smooth closed curve through evenly spaced values."""
    place = phase % 1.0 * len(values)
    index, t = int(place), place % 1.0
    a, b, c, d = (values[(index + step) % len(values)] for step in (-1, 0, 1, 2))
    return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _wave(size: float, phase: float, peak: float) -> float:
    return size * math.cos(math.tau * (phase - peak))


# Of the two sides the functions below know the left alone, whose heel comes down at phase 0. The right side
# does the same half a double step later, mirrored.


def _trunk_turns(phase: float) -> dict[str, Vector]:
    twist = _wave(-5.0, phase, 0.0)  # the hip of the leading leg goes forward, the shoulder on that side back
    tilt = _wave(2.5, phase, 0.15)  # the hip over the swinging leg drops
    return {
        "Hips": (tilt, 2.0, twist),
        "Spine": (-0.6 * tilt, 1.0, -0.8 * twist),
        "Chest": (-0.5 * tilt, 0.0, -1.2 * twist),
        "Neck": (0.0, 0.0, 0.5 * twist),
        "Head": (0.1 * tilt, -2.0, 0.5 * twist),
    }


def _leg_turns(phase: float, stride: float) -> dict[str, Vector]:
    tilt, _, twist = _trunk_turns(phase)["Hips"]
    inward = math.degrees(_wave(_SWAY, phase, 0.3) / _LEG_LENGTH) + 2.5
    return {
        "LeftUpLeg": (-tilt - inward, -2.0 - stride * _curve(_HIP, phase), -twist),
        "LeftLeg": (0.0, stride * _curve(_KNEE, phase), 0.0),
        "LeftFoot": (inward, -stride * _curve(_ANKLE, phase), 3.0),
        "LeftToe": (0.0, -stride * _curve(_TOES, phase), 0.0),
    }


def _arm_turns(phase: float, stride: float) -> dict[str, Vector]:
    forward = 2.0 + stride * _wave(21.0, phase, 0.5)  # an arm swings against the leg of its side
    return {
        "LeftShoulder": (0.0, 0.0, -0.1 * forward),
        "LeftArm": (-80.0, 0.0, -forward),
        "LeftForeArm": (0.0, 0.0, -18.0 - stride * _wave(9.0, phase, 0.55)),
        "LeftHand": (0.0, 0.0, -6.0 - _wave(4.0, phase, 0.6)),
    }


def _turns(phase: float, stride: float) -> tuple[Vector, ...]:
    turns = _trunk_turns(phase) | _leg_turns(phase, stride) | _arm_turns(phase, stride)
    opposite = _leg_turns(phase + 0.5, stride) | _arm_turns(phase + 0.5, stride)
    turns |= {_right(name): (-z, x, -y) for name, (z, x, y) in opposite.items()}
    return tuple(turns[joint.name] for joint in JOINTS)


# -- where the joints are ------------------------------------------------------------------------------------


def _scaled(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _sum(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _rotated(matrix: Matrix, vector: Vector) -> Vector:
    return _dot(matrix[0], vector), _dot(matrix[1], vector), _dot(matrix[2], vector)


def _product(a: Matrix, b: Matrix) -> Matrix:
    columns: Matrix = ((b[0][0], b[1][0], b[2][0]), (b[0][1], b[1][1], b[2][1]), (b[0][2], b[1][2], b[2][2]))
    return _rotated(columns, a[0]), _rotated(columns, a[1]), _rotated(columns, a[2])


def _matrix(turn: Vector) -> Matrix:
    """The rotation about y, then x, then z, given as degrees about z, x and y."""
    (sz, cz), (sx, cx), (sy, cy) = ((math.sin(a), math.cos(a)) for a in map(math.radians, turn))
    return (
        (cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy),
        (sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy),
        (-cx * sy, sx, cx * cy),
    )


def _placed(joints: Sequence[Joint], pose: Pose) -> dict[str, tuple[Matrix, Vector]]:
    """How each joint is turned and where it is, in the world."""
    placed: dict[str, tuple[Matrix, Vector]] = {}
    for joint, turn in zip(joints, pose.turns, strict=True):
        if joint.parent is None:
            placed[joint.name] = _matrix(turn), _sum(pose.root, joint.offset)
        else:
            matrix, position = placed[joint.parent]
            placed[joint.name] = (
                _product(matrix, _matrix(turn)),
                _sum(position, _rotated(matrix, joint.offset)),
            )
    return placed


def joint_positions(joints: Sequence[Joint], pose: Pose) -> dict[str, Vector]:
    """Where each joint is in the world, by name, and each tip of a limb, as ``Head tip``."""
    placed = _placed(joints, pose)
    positions = {name: position for name, (_, position) in placed.items()}
    for joint in joints:
        if joint.tip is not None:
            matrix, position = placed[joint.name]
            positions[f"{joint.name} tip"] = _sum(position, _rotated(matrix, joint.tip))
    return positions


# -- the way over the ground ---------------------------------------------------------------------------------


@frozen
class _Path:
    """How the hips move in one double step, in even steps of the phase."""

    heights: tuple[float, ...]
    #: How far the hips are ahead of an even pace.
    leads: tuple[float, ...]
    #: The way covered by one double step.
    length: float

    def root(self, phase: float, sway: float) -> Vector:
        ahead = phase * self.length + _curve(self.leads, phase) - self.leads[0]
        return _wave(sway, phase, 0.3), _curve(self.heights, phase), ahead


_STEPS = 64


@functools.lru_cache(maxsize=32)
def _path(gait: Gait) -> _Path:
    """The hips' way, from the rule that the lowest point of the feet rests on the ground."""
    soles = [_soles(gait, step / _STEPS) for step in range(_STEPS)]
    heights, advances = [], []
    for step, points in enumerate(soles):
        lowest = min(range(len(points)), key=lambda index: points[index][1])
        before, after = soles[step - 1][lowest], soles[(step + 1) % _STEPS][lowest]
        heights.append(-points[lowest][1])
        advances.append((before[2] - after[2]) / 2)
    heights, advances = _smooth(heights), _smooth(advances)
    length = sum(advances)
    leads = [sum(advances[:step]) - length * step / _STEPS for step in range(_STEPS)]
    return _Path(tuple(heights), tuple(leads), length)


def _soles(gait: Gait, phase: float) -> list[Vector]:
    """The points of both soles, seen from the hips."""
    placed = _placed(figure(gait.size), Pose((0.0, 0.0, 0.0), _turns(phase, gait.stride)))
    points = []
    for side in ("Left", "Right"):
        for joint, offset in _SOLE:
            matrix, position = placed[side + joint]
            points.append(_sum(position, _rotated(matrix, _scaled(offset, gait.size))))
    return points


def _smooth(values: Sequence[float]) -> list[float]:
    """Rounds the corners where the weight goes from one point of the sole to the next."""
    rounded = list(values)
    for _ in range(4):
        rounded = [(rounded[i - 1] + 2 * rounded[i] + rounded[i + 1 - _STEPS]) / 4 for i in range(_STEPS)]
    return rounded


def gait(seed: int) -> Gait:
    """A way to walk; every seed walks a little differently."""
    chance = random.Random(seed)
    return Gait(chance.uniform(0.95, 1.06), chance.uniform(0.96, 1.06), chance.uniform(0.84, 1.0))


def walk(duration: float, frame_time: float = 1 / 30, seed: int = 0) -> Motion:
    """A person who walks straight ahead for some seconds; at least one pose."""
    if not (frame_time > 0 and math.isfinite(duration / frame_time)):
        raise ValueError(f"a duration of {duration} s in frames of {frame_time} s cannot be")
    manner = gait(seed)
    path, poses = _path(manner), []
    for frame in range(max(1, round(duration / frame_time))):
        phase = frame * frame_time * manner.cadence
        poses.append(Pose(path.root(phase, _SWAY * manner.size), _turns(phase, manner.stride)))
    return Motion(figure(manner.size), frame_time, tuple(poses))


def bvh_text(duration: float, frame_time: float = 1 / 30, seed: int = 0) -> str:
    """The walk of `walk` as the text of a BVH file."""
    motion = walk(duration, frame_time, seed)
    lines = ["HIERARCHY", *_hierarchy(motion.joints, motion.joints[0], "")]
    lines += ["MOTION", f"Frames: {len(motion.poses)}", f"Frame Time: {motion.frame_time:.8f}"]
    lines += [_numbers(pose.root, *pose.turns) for pose in motion.poses]
    return "\n".join(lines) + "\n"


def _hierarchy(joints: Sequence[Joint], joint: Joint, indent: str) -> Iterator[str]:
    kind, channels = ("JOINT", "3") if joint.parent else ("ROOT", "6 Xposition Yposition Zposition")
    yield f"{indent}{kind} {joint.name}"
    yield f"{indent}{{"
    yield f"{indent}  OFFSET {_numbers(joint.offset)}"
    yield f"{indent}  CHANNELS {channels} Zrotation Xrotation Yrotation"
    for child in joints:
        if child.parent == joint.name:
            yield from _hierarchy(joints, child, indent + "  ")
    if joint.tip is not None:
        yield f"{indent}  End Site"
        yield f"{indent}  {{"
        yield f"{indent}    OFFSET {_numbers(joint.tip)}"
        yield f"{indent}  }}"
    yield f"{indent}}}"


def _numbers(*vectors: Vector) -> str:
    # Adding zero turns -0.0 into 0.0.
    return " ".join(f"{round(value, 4) + 0.0:.4f}" for vector in vectors for value in vector)
