"""Which published form of motion-create a call takes, row by row, and what each option may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from klingmotion import Asset, InvalidRequestError, MediaFile, Motion, UploadedAsset, VideoOptions, forms
from klingmotion.forms import Form
from klingmotion.sources import Source, image_source, motion_source

VIDEO = "https://cdn.example.test/in/walk.mp4"
IMAGE = "https://cdn.example.test/in/pose.png"

OLD, NEW, NEWEST = Form.OCTOBER_2025, Form.JANUARY_2026, Form.MARCH_2026

#: A right value for each option, and the forms it belongs to.
OPTIONS: dict[str, tuple[Any, set[Form]]] = {
    "prompt": ("a dance", {OLD, NEW, NEWEST}),
    "mode": ("pro", {OLD, NEW, NEWEST}),
    "keep_audio": (False, {NEW, NEWEST}),
    "motion_direction": ("image_direction", {NEW, NEWEST}),
    "model_name": ("kling-v2-6", {NEWEST}),
    "element": ("u_123456789012345", {NEWEST}),
    "duration": (10, {OLD}),
    "character_id": (0, {OLD}),
    "change_direction": (False, {OLD}),
    "sound_effect": (True, {OLD}),
    "audio_prompt": ("birds", {OLD}),
    "music_prompt": ("a waltz", {OLD}),
    "enable_asmr": (False, {OLD}),
}

#: What a motion has, and the forms it can be said in, the preferred first.
MOTIONS: dict[str, tuple[dict[str, bool], list[Form]]] = {
    "a work id": ({"has_work_id": True, "has_url": False}, [OLD]),
    "a video": ({"has_work_id": False, "has_url": True}, [NEW, NEWEST]),
    "both": ({"has_work_id": True, "has_url": True}, [NEW, NEWEST, OLD]),
}


def options(*names: str) -> VideoOptions:
    """Right values for these options."""
    return cast("VideoOptions", {name: OPTIONS[name][0] for name in names})


def test_the_table_has_every_option() -> None:
    """A new option needs a row here."""
    assert OPTIONS.keys() == VideoOptions.__annotations__.keys()


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("option", [None, *OPTIONS])
def test_the_form_follows_from_the_motion_and_an_option(motion: str, option: str | None) -> None:
    """The first form both belong to; if there is none, the text names both."""
    has, possible = MOTIONS[motion]
    fitting = [form for form in possible if option is None or form in OPTIONS[option][1]]
    given = options() if option is None else options(option)
    if fitting:
        assert forms.form_of(given, **has) is fitting[0]
        return
    with pytest.raises(InvalidRequestError) as caught:
        forms.form_of(given, **has)
    assert str(option) in str(caught.value)
    assert f"a motion given {'by its work id' if has['has_work_id'] else 'as a video'}" in str(caught.value)


@pytest.mark.parametrize(
    ("motion", "given", "form"),
    [
        ("both", ("prompt", "mode"), NEW),
        ("both", ("prompt", "keep_audio"), NEW),
        ("both", ("keep_audio", "model_name"), NEWEST),
        ("both", ("mode", "duration", "character_id", "audio_prompt"), OLD),
        ("a video", ("prompt", "mode", "keep_audio", "motion_direction"), NEW),
        ("a video", ("prompt", "mode", "keep_audio", "motion_direction", "model_name"), NEWEST),
        ("a work id", ("prompt", "mode", "duration", "enable_asmr"), OLD),
    ],
)
def test_the_form_follows_from_all_that_is_given(motion: str, given: tuple[str, ...], form: Form) -> None:
    """It is the earliest of those that can say it, 2026 before 2025."""
    assert forms.form_of(options(*given), **MOTIONS[motion][0]) is form


def test_mixed_forms_are_refused_with_all_that_does_not_go_together() -> None:
    """What belongs to every form is not blamed."""
    with pytest.raises(InvalidRequestError) as caught:
        forms.form_of(
            options("prompt", "mode", "duration", "sound_effect", "keep_audio", "element"), **MOTIONS["both"][0]
        )
    assert str(caught.value) == (
        "these do not go together: duration, sound_effect (only in the form of October 2025) and"
        " element, keep_audio (only in the forms of 2026)"
    )


def test_none_is_not_given() -> None:
    """So that a caller can hand on what it may not have."""
    given = VideoOptions(duration=None, keep_audio=True, model_name=None)
    assert forms.form_of(given, has_work_id=False, has_url=True) is NEW
    assert forms.fields(given) == {"keepAudio": True}


def test_there_are_no_other_options() -> None:
    """A slip in a name is an error, not an option that has no effect."""
    slip: Any = {"lenght": 5}
    with pytest.raises(TypeError, match="no option 'lenght': there are model_name, prompt, "):
        forms.check(slip, has_work_id=False, has_url=True)


ALLOWED: list[tuple[str, Any, str, Any]] = [
    ("prompt", "", "prompt", ""),
    ("prompt", "x" * 2500, "prompt", "x" * 2500),
    ("mode", "std", "mode", "std"),
    ("mode", "pro", "mode", "pro"),
    ("keep_audio", True, "keepAudio", True),
    ("motion_direction", "motion_direction", "motionDirection", "motion_direction"),
    ("model_name", "kling-v3-0", "model_name", "kling-v3-0"),
    ("duration", 5, "duration", "5"),
    ("duration", 10, "duration", "10"),
    ("character_id", 0, "character_id", 0),
    ("character_id", 10, "character_id", 10),
    ("enable_asmr", False, "enable_asmr", False),
]


@pytest.mark.parametrize(("name", "value", "wire_name", "spelled"), ALLOWED)
def test_allowed_values_are_sent(name: str, value: Any, wire_name: str, spelled: Any) -> None:
    """Both ends of every range are in it."""
    given: Any = {name: value}
    assert forms.fields(given) == {wire_name: spelled}


REFUSED: list[tuple[str, Any, str]] = [
    ("prompt", "x" * 2501, "a text of at most 2500 characters, got 2501 characters"),
    ("prompt", 5, "a text of at most 2500 characters, got 5"),
    ("mode", "max", "'std' or 'pro', got 'max'"),
    ("mode", ["std"], "'std' or 'pro', got"),
    ("keep_audio", "true", "True or False, got 'true'"),
    ("keep_audio", 1, "True or False, got 1"),
    ("motion_direction", "left", "'motion_direction' or 'image_direction', got 'left'"),
    ("model_name", "kling-v3.0", "'kling-v3-0' or 'kling-v2-6', got 'kling-v3.0'"),
    ("element", "123456789012345", "'u_' and digits"),
    ("element", "u_", "'u_' and digits"),
    ("element", 5, "'u_' and digits"),
    ("duration", 4, "5 or 10 seconds, got 4"),
    ("duration", "5", "5 or 10 seconds, got '5'"),
    ("duration", 5.0, "5 or 10 seconds, got 5.0"),
    ("duration", True, "5 or 10 seconds, got True"),
    ("character_id", -1, "a whole number from 0 to 10, got -1"),
    ("character_id", 11, "a whole number from 0 to 10, got 11"),
    ("character_id", True, "a whole number from 0 to 10, got True"),
    ("change_direction", 0, "True or False, got 0"),
    ("sound_effect", "birds", "True or False, got 'birds'"),
    ("audio_prompt", True, "a text, got True"),
    ("music_prompt", 5, "a text, got 5"),
    ("enable_asmr", "yes", "True or False, got 'yes'"),
]


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
def test_other_values_are_refused(name: str, value: Any, words: str) -> None:
    """The text names the option, what it may be and what it was."""
    given: Any = {name: value}
    with pytest.raises(InvalidRequestError) as caught:
        forms.fields(given)
    assert str(caught.value).startswith(f"{name} must be ")
    assert words in str(caught.value)


def test_every_option_has_a_value_that_is_refused() -> None:
    """No option goes out unchecked."""
    assert {name for name, *_ in REFUSED} == OPTIONS.keys()


def test_an_element_needs_the_later_model() -> None:
    """It is asked for by name, so that no server takes another; the earlier one is refused."""
    assert forms.fields({"element": "u_17"}) == {"model_name": "kling-v3-0", "element_1": "u_17"}
    with pytest.raises(InvalidRequestError, match="element needs the model 'kling-v3-0', got model_name 'kling-v2-6'"):
        forms.fields({"element": "u_17", "model_name": "kling-v2-6"})


# --- Sources --------------------------------------------------------------------------------------------------------

STORED = UploadedAsset(content_type="video", resource=MediaFile(url=VIDEO))
PICTURE = UploadedAsset(content_type="image", resource=MediaFile(url=IMAGE))


@pytest.mark.parametrize(
    ("motion", "source"),
    [
        (17, Source(work_id=17)),
        (-100_000_000_000_004, Source(work_id=-100_000_000_000_004)),
        (Motion(work_id=17, task_id=3), Source(work_id=17)),
        (Motion(work_id=17, video_url=""), Source(work_id=17)),
        (Motion(work_id=17, video_url=VIDEO), Source(work_id=17, url=VIDEO)),
        (Motion(asset_id="motion_1", video_url=VIDEO), Source(url=VIDEO)),
        (Asset(resource_url=VIDEO, cover_url=IMAGE), Source(url=VIDEO)),
        (STORED, Source(url=VIDEO)),
        (VIDEO, Source(url=VIDEO)),
        (f" {VIDEO.upper()}\n", Source(url=VIDEO.upper())),
        ("walk.mp4", Source(file="walk.mp4")),
        ("17", Source(file="17")),
        (Path("walk.mp4"), Source(file=Path("walk.mp4"))),
        (b"frames", Source(file=b"frames")),
    ],
    ids=repr,
)
def test_a_motion_may_be_given_in_many_ways(motion: Any, source: Source) -> None:
    """A number is a work id, a text is a URL or a path, and what came from the API names itself."""
    assert motion_source(motion) == source


@pytest.mark.parametrize(
    ("image", "source"),
    [
        (Asset(url=IMAGE), Source(url=IMAGE)),
        (PICTURE, Source(url=IMAGE)),
        (IMAGE, Source(url=IMAGE)),
        ("me.png", Source(file="me.png")),
        (b"\x89PNG", Source(file=b"\x89PNG")),
    ],
    ids=repr,
)
def test_an_image_may_be_given_in_many_ways(image: Any, source: Source) -> None:
    """As a motion, but for work ids."""
    assert image_source(image) == source


@pytest.mark.parametrize("motion", [Motion(task_id=3), Asset(url=IMAGE), PICTURE, UploadedAsset()], ids=repr)
def test_a_motion_has_to_have_something_to_name_it_by(motion: Any) -> None:
    """An image is no motion."""
    with pytest.raises(InvalidRequestError, match="motion"):
        motion_source(motion)


@pytest.mark.parametrize("image", [Asset(resource_url=VIDEO), STORED, UploadedAsset()], ids=repr)
def test_an_image_has_to_have_a_link(image: Any) -> None:
    """A video is no image."""
    with pytest.raises(InvalidRequestError, match="image must be an uploaded image"):
        image_source(image)


def test_bytes_are_not_shown() -> None:
    """A source of some megabytes has a short name in a log."""
    assert "frames" not in repr(motion_source(b"frames"))
