"""From a motion and an image to a video, as the command line does and shows it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from klingmotion import TaskRef
from klingmotion.emulator import DropAfter, Outcome, StallBefore, Status, ThreadedEmulator
from klingmotion.emulator.artefacts import cover_png
from tests.cli.shell import SAMPLE, names, objects, on_terminal, once, resumed, run, run_apart, running


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    path.write_bytes(cover_png(320, 320))
    return path


def test_a_video_is_created_without_a_token(clip: Path, image: Path, tmp_path: Path) -> None:
    """The command of the README: a film that plays, its path on stdout, and what it is not on stderr."""
    done = run_apart("create", "--image", image, "--motion", clip, "--emulator", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.removesuffix("\n"))
    assert path.parent == tmp_path / "out"
    said = [line.removeprefix("me.png: ") for line in done.stderr.splitlines()]
    assert said[:5] == [
        "uploading walk.mp4 (190.5 kB)",
        "uploaded",
        "uploading me.png (3.2 kB)",
        "uploaded",
        "submitting",
    ]
    assert said[5].startswith("submitted as task ")
    assert f"saved {path.name}" in said
    assert "the clean file" in said[-2]
    assert said[-1] == "The emulator invents its videos: neither motion nor image went into this one."
    if shutil.which("ffprobe"):
        command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"]
        probed = subprocess.run([*command, "-of", "json", path], capture_output=True, text=True, check=True)
        (stream,) = json.loads(probed.stdout)["streams"]
        assert int(stream["nb_read_frames"]) > 100


def test_on_a_terminal_both_uploads_and_the_download_are_drawn(
    emulator: ThreadedEmulator, clip: Path, image: Path, tmp_path: Path
) -> None:
    """The end is a line, and the path the last one."""
    emulator.next_tasks(Outcome(at_submit=True))
    code, shown = on_terminal("create", "--image", image, "--motion", clip, "--out", tmp_path, emulator=emulator)
    assert code == 0, shown
    assert "✓" in shown
    assert "the clean file" in shown
    assert Path(shown.splitlines()[-1]).suffix == ".mp4"


def test_in_json_every_step_is_an_object(emulator: ThreadedEmulator, clip: Path, image: Path, tmp_path: Path) -> None:
    """The last one holds the task, the files, and which file it is."""
    emulator.next_tasks(Outcome(at_submit=True))
    done = run("create", "--image", image, "--motion", clip, "--out", tmp_path, "--json", emulator=emulator)
    assert (done.returncode, done.stderr) == (0, "")
    found = objects(done.stdout)
    assert names(found) == [
        "uploading", "uploaded", "uploading", "uploaded", "submitting", "submitted", "downloading", "saved", "done"
    ]  # fmt: skip
    assert [bool(document["url"]) for document in found if document["event"] == "uploaded"] == [False, True]
    uploads = [document["file"] for document in found if "file" in document and document["event"] != "saved"]
    assert uploads == [str(clip)] * 2 + [str(image)] * 2
    assert {document["clip"] for document in found} == {str(image)}
    *_, saved, last = found
    assert (saved["file"], saved["clean"], saved["reason"]) == ("video", True, None)
    assert last["files"] == {"video": saved["path"]}
    assert (last["clean"], last["task_id"]) == (True, emulator.books.tasks[0].task_id)
    assert isinstance(last["task"], dict)
    assert last["task"]["works"][0]["workId"] == last["work_id"]


def test_every_option_reaches_the_server(emulator: ThreadedEmulator, image: Path, tmp_path: Path) -> None:
    """In either form; a number that is no file is a work id, a negative one is no option."""
    emulator.next_tasks(Outcome(at_submit=True), Outcome(at_submit=True))
    old = [
        "--motion", "-100000000000001", "--duration", "10", "--character-id", "0", "--change-direction",
        "--sound-effect", "--audio-prompt", "birds", "--music-prompt", "a waltz", "--enable-asmr", "--mode", "pro",
    ]  # fmt: skip
    done = run("create", "--image", image, *old, "--out", tmp_path, emulator=emulator)
    assert done.returncode == 0, done.stderr
    new = [
        "--motion", emulator.run(lambda inner: inner.add_asset(SAMPLE.read_bytes()).resource_url),
        "--prompt", "a dance", "--model-name", "kling-v3-0", "--keep-audio", "--motion-direction", "image_direction",
        "--element", "u_17",
    ]  # fmt: skip
    done = run("create", "--image", image, *new, "--out", tmp_path, emulator=emulator)
    assert done.returncode == 0, done.stderr
    bodies = [dict(request.body or {}) for request in emulator.books.seen("submit_video")]
    for body in bodies:
        assert str(body.pop("replyRef")).startswith("km-")
        body.pop("image", body.pop("imageUrl", None))
    assert bodies == [
        {
            "workId": -100000000000001, "duration": "10", "character_id": 0, "change_direction": True,
            "sound_effect": True, "audio_prompt": "birds", "music_prompt": "a waltz", "enable_asmr": True,
            "mode": "pro",
        },
        {
            "motionUrl": new[1], "prompt": "a dance", "model_name": "kling-v3-0", "keepAudio": True,
            "motionDirection": "image_direction", "element_1": "u_17",
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--duration", "5"], "these do not go together: --duration (only"),
        (["--mode", "max"], "--mode must be 'std' or 'pro'"),
        (["--image", "none.png"], "none.png cannot be read: No such file or directory\n"),
        (["--motion", "none.mp4"], "none.mp4 cannot be read: No such file or directory\n"),
        (["--character-id", "99"], "--character-id (only in the form of October 2025)"),
        (["--motion-direction", "x"], "--motion-direction must be 'motion_direction' or 'image_direction', got 'x'"),
        (
            ["--model-name", "kling-v2-6", "--element", "u_1"],
            "--element needs the model 'kling-v3-0', got --model-name",
        ),
        (["--timeout", "-1"], "--timeout"),
    ],
)
def test_what_cannot_be_meant_is_2(
    emulator: ThreadedEmulator, clip: Path, image: Path, arguments: list[str], said: str
) -> None:
    """It is refused before anything is uploaded."""
    done = run("create", "--image", image, "--motion", clip, *arguments, emulator=emulator)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert emulator.books.count() == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Status.picture_not_matched(), "give an image that shows the whole person"),
        (Status(410), "The other way is `klingmotion extract`: it gives the motion itself as a BVH"),
    ],
)
def test_a_submit_that_is_refused_is_4(
    emulator: ThreadedEmulator, clip: Path, image: Path, fault: Status, said: str
) -> None:
    """In words of the command line, and nothing is left to be resumed."""
    emulator.fail("submit_video", fault)
    done = run("create", "--image", image, "--motion", clip, emulator=emulator)
    assert (done.returncode, done.stdout) == (4, "")
    assert said in done.stderr
    assert "to resume" not in done.stderr


def test_an_extraction_that_is_gone_names_the_other_command(emulator: ThreadedEmulator, clip: Path) -> None:
    """The way that lasts."""
    emulator.fail("submit_motion", Status(404))
    done = run("extract", clip, emulator=emulator)
    assert done.returncode == 4
    assert "The other way is `klingmotion create`: it takes the video of the motion itself" in done.stderr


def test_the_time_limit_covers_the_uploads(emulator: ThreadedEmulator, clip: Path, image: Path) -> None:
    """Nothing was submitted."""
    emulator.fail("upload_asset", StallBefore(60.0))
    done = run("create", "--image", image, "--motion", clip, "--timeout", "0.5", emulator=emulator)
    assert done.returncode == 6
    assert "nothing was submitted" in done.stderr
    assert emulator.books.count("submit_video") == 0


def test_a_work_without_a_clean_file_is_said_to_be_one(
    emulator: ThreadedEmulator, clip: Path, image: Path, tmp_path: Path
) -> None:
    """With the reason."""
    emulator.next_tasks(Outcome(at_submit=True))
    emulator.fail("download_works", Status(402), times=None)
    done = run("create", "--image", image, "--motion", clip, "--out", tmp_path, emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert "it is not the clean file: the link to the clean file of a work" in done.stderr
    assert "the clean file)" not in done.stderr


def test_a_work_that_is_unknown_is_not_to_be_uploaded(emulator: ThreadedEmulator, image: Path) -> None:
    """It is said where works are found."""
    done = run("create", "--image", image, "--motion", "99999", emulator=emulator)
    assert done.returncode == 4
    assert "Kling does not know the work 99999, or the image; `klingmotion list` shows" in done.stderr
    assert "upload" not in done.stderr.splitlines()[-1]


# --- Resuming -------------------------------------------------------------------------------------------------------


def test_ctrl_c_prints_the_command_that_gives_the_video(
    emulator: ThreadedEmulator, clip: Path, image: Path, tmp_path: Path
) -> None:
    """`wait` knows a video by its reference, and saves it where it was to go."""
    with running("create", "--image", image, "--motion", clip, "--out", tmp_path / "out", emulator=emulator) as command:
        command.until("submitted as task")
        code, out, talk = command.interrupt()
    assert (code, out) == (130, "")
    assert "goes on" in talk
    done = run(*resumed(talk)[1:], emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == tmp_path / "out"
    assert emulator.books.count("submit_video") == 1


def test_ctrl_c_during_the_submit_loses_nothing(emulator: ThreadedEmulator, clip: Path, image: Path) -> None:
    """The reference was there before the answer; the task is found by it."""
    emulator.fail("submit_video", DropAfter())
    emulator.fail("list_running", StallBefore(600.0), times=None)
    with running("create", "--image", image, "--motion", clip, emulator=emulator) as command:
        once(emulator, lambda books: books.count("list_running") > 0)
        code, _, talk = command.interrupt()
    assert code == 130
    assert "unknown whether it was accepted" in talk
    emulator.run(lambda inner: inner.heal())
    _, _, ref, *_ = resumed(talk)
    assert TaskRef.parse(ref).image_url is not None
    done = run("wait", ref, emulator=emulator)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("video.mp4")
    assert len(emulator.books.tasks) == 1


def test_wait_tells_a_video_from_a_motion_by_the_task_itself(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """An id alone is enough, for either."""
    emulator.next_tasks(Outcome(at_submit=True))
    url = emulator.run(lambda inner: inner.add_asset(SAMPLE.read_bytes()).resource_url)
    png = tmp_path / "me.png"
    png.write_bytes(cover_png(320, 320))
    created = run("create", "--image", png, "--motion", url, "--out", tmp_path, emulator=emulator)
    assert created.returncode == 0, created.stderr
    done = run("wait", str(emulator.books.tasks[0].task_id), "--out", tmp_path / "again", emulator=emulator)
    assert Path(done.stdout.strip()).name == Path(created.stdout.strip()).name
    motion = emulator.run(lambda inner: inner.add_task(ended=True))
    done = run("wait", str(motion.id), "--out", tmp_path, emulator=emulator)
    assert Path(done.stdout.strip()).suffix == ".bvh"
