"""The three dated forms of motion-create, and which of them a call takes: what is given decides. No I/O.

Each thing that can be given belongs to some forms (HTTP contract, section 2.11):

    given                                                            October 2025   January 2026   March 2026
    the motion as a work id                                          yes
    the motion as the URL of a video                                                yes            yes
    prompt, mode                                                     yes            yes            yes
    duration, character_id, change_direction, sound_effect,
    audio_prompt, music_prompt, enable_asmr                          yes
    keep_audio, motion_direction                                                    yes            yes
    model_name, element                                                                            yes

Taken is the first of January 2026, March 2026 and October 2025 to which all that is given belongs; a motion that has
both a work id and a URL fits all three. If there is none, the call mixes forms and is refused. What January's form can
say March's says alike, so a server that speaks the later one reads both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Literal, TypedDict

from attrs import frozen

from klingmotion.errors import InvalidRequestError
from klingmotion.models import Json

#: Most characters of a prompt.
LONGEST_PROMPT = 2500

#: Most people in an image that `character_id` can tell apart, less one.
LAST_CHARACTER = 10


class VideoOptions(TypedDict, total=False):
    """How a video is made. `None` stands for what is not given.

    Some options belong to the form of October 2025 (the motion is a work id), some to those of 2026 (it is a video).
    """

    #: What is to be seen, in up to 2500 characters. All forms.
    prompt: str | None
    #: Quality, and cost; `std` if not given. All forms.
    mode: Literal["std", "pro"] | None
    #: Whether to keep the sound of the motion's video. 2026.
    keep_audio: bool | None
    #: Whether the person moves as in the motion's video, or keeps the direction of the image. 2026.
    motion_direction: Literal["motion_direction", "image_direction"] | None
    #: The model; `kling-v3-0` if not given. March 2026.
    model_name: Literal["kling-v3-0", "kling-v2-6"] | None
    #: An element (`u_...`) that keeps the person's looks; needs `kling-v3-0`. March 2026.
    element: str | None
    #: Seconds; 5 if not given. October 2025.
    duration: Literal[5, 10] | None
    #: Who moves where the image shows several people: 0 to 10, from the left. October 2025.
    character_id: int | None
    #: Whether the direction of the motion is changed. October 2025.
    change_direction: bool | None
    #: Whether the video gets a sound. October 2025.
    sound_effect: bool | None
    #: What the sound is like. October 2025.
    audio_prompt: str | None
    #: What the music is like. October 2025.
    music_prompt: str | None
    #: Whether the sound is in the manner of ASMR. October 2025.
    enable_asmr: bool | None


class Form(StrEnum):
    """A dated form of motion-create, in the order in which they are preferred."""

    JANUARY_2026 = "January 2026"
    MARCH_2026 = "March 2026"
    OCTOBER_2025 = "October 2025"


_ALL = frozenset(Form)
_OLD = frozenset({Form.OCTOBER_2025})
_NEW = frozenset({Form.JANUARY_2026, Form.MARCH_2026})
_NEWEST = frozenset({Form.MARCH_2026})


# --- Values ---------------------------------------------------------------------------------------------------------


def _text(name: str, value: object) -> Json:
    if isinstance(value, str):
        return value
    raise InvalidRequestError(f"{name} must be a text, got {value!r}")


def _prompt(name: str, value: object) -> Json:
    if isinstance(value, str) and len(value) <= LONGEST_PROMPT:
        return value
    got = f"{len(value)} characters" if isinstance(value, str) else repr(value)
    raise InvalidRequestError(f"{name} must be a text of at most {LONGEST_PROMPT} characters, got {got}")


def _flag(name: str, value: object) -> Json:
    if isinstance(value, bool):
        return value
    raise InvalidRequestError(f"{name} must be True or False, got {value!r}")


def _one_of(*allowed: str) -> Callable[[str, object], Json]:
    def check(name: str, value: object) -> Json:
        if isinstance(value, str) and value in allowed:
            return value
        raise InvalidRequestError(f"{name} must be {' or '.join(map(repr, allowed))}, got {value!r}")

    return check


def _duration(name: str, value: object) -> Json:
    if isinstance(value, int) and value in (5, 10):
        return str(value)  # the one number that is a text on the wire
    raise InvalidRequestError(f"{name} must be 5 or 10 seconds, got {value!r}")


def _character(name: str, value: object) -> Json:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_CHARACTER:
        return value
    raise InvalidRequestError(f"{name} must be a whole number from 0 to {LAST_CHARACTER}, got {value!r}")


def _element(name: str, value: object) -> Json:
    if isinstance(value, str) and re.fullmatch(r"u_[0-9]{1,30}", value):
        return value
    raise InvalidRequestError(f"{name} must be the id of an element, 'u_' and digits, got {value!r}")


@frozen
class _Option:
    """What it is called on the wire, the forms it belongs to, and what it may be."""

    wire_name: str
    forms: frozenset[Form]
    check: Callable[[str, object], Json]


_OPTIONS: Final[Mapping[str, _Option]] = {
    "model_name": _Option("model_name", _NEWEST, _one_of("kling-v3-0", "kling-v2-6")),
    "prompt": _Option("prompt", _ALL, _prompt),
    "keep_audio": _Option("keepAudio", _NEW, _flag),
    "motion_direction": _Option("motionDirection", _NEW, _one_of("motion_direction", "image_direction")),
    "duration": _Option("duration", _OLD, _duration),
    "mode": _Option("mode", _ALL, _one_of("std", "pro")),
    "character_id": _Option("character_id", _OLD, _character),
    "change_direction": _Option("change_direction", _OLD, _flag),
    "sound_effect": _Option("sound_effect", _OLD, _flag),
    "audio_prompt": _Option("audio_prompt", _OLD, _text),
    "music_prompt": _Option("music_prompt", _OLD, _text),
    "enable_asmr": _Option("enable_asmr", _OLD, _flag),
    "element": _Option("element_1", _NEWEST, _element),
}


# --- The choice -----------------------------------------------------------------------------------------------------


def form_of(options: VideoOptions, *, has_work_id: bool, has_url: bool) -> Form:
    """The form that can say all that is given.

    Raises:
        InvalidRequestError: There is none: the text names what does not go together.
        TypeError: There is no such option.
    """
    given = {name: _option(name).forms for name, value in options.items() if value is not None}
    motion = {(True, False): _OLD, (False, True): _NEW, (True, True): _ALL}[has_work_id, has_url]
    given["a motion given by its work id" if has_work_id else "a motion given as a video"] = motion
    fitting = frozenset.intersection(*given.values())
    if not fitting:
        old = sorted(name for name, forms in given.items() if forms <= _OLD)
        new = sorted(name for name, forms in given.items() if forms <= _NEW)
        raise InvalidRequestError(
            f"these do not go together: {', '.join(old)} (only in the form of October 2025) and"
            f" {', '.join(new)} (only in the forms of 2026)"
        )
    return next(form for form in Form if form in fitting)


def check(options: VideoOptions, *, has_work_id: bool, has_url: bool) -> None:
    """Refuse what cannot be asked for, before anything is done for it.

    Raises:
        InvalidRequestError: Forms are mixed, or an option is not what it may be.
        TypeError: There is no such option.
    """
    form_of(options, has_work_id=has_work_id, has_url=has_url)
    fields(options)


def fields(options: VideoOptions) -> dict[str, Json]:
    """The options as the request spells them.

    Raises:
        InvalidRequestError: One is not what it may be.
    """
    given: dict[str, object] = {name: value for name, value in options.items() if value is not None}
    if "element" in given and given.setdefault("model_name", "kling-v3-0") != "kling-v3-0":
        raise InvalidRequestError(f"element needs the model 'kling-v3-0', got model_name {given['model_name']!r}")
    return {option.wire_name: option.check(name, given[name]) for name, option in _OPTIONS.items() if name in given}


def _option(name: str) -> _Option:
    if name not in _OPTIONS:
        raise TypeError(f"a video has no option {name!r}: there are {', '.join(_OPTIONS)}")
    return _OPTIONS[name]
