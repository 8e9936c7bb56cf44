"""What POST /videos/motion-create takes, in its three dated dialects: the HTTP contract, section 2.11."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from klingmotion.emulator import refusals
from klingmotion.emulator.call import Call
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.rules import CreateDialect
from klingmotion.emulator.tasks import VIDEO_TASK, Arguments, Submission

LONGEST_PROMPT = 2500
MODES = ("std", "pro")
DURATIONS = ("5", "10")
DIRECTIONS = ("motion_direction", "image_direction")
MODELS = ("kling-v3-0", "kling-v2-6")


def creation(call: Call) -> Submission:
    """The submission in the body, or a 400. Parameters another dialect has are not looked at."""
    dialect = call.state.rules.create_dialect
    if dialect == "any":
        # That of March 2026 takes all that January's takes, so a body is of 2025 or of the latest.
        dialect = "2025" if call.has("workId") or call.has("image") else "2026-03"
    return READERS[dialect](call)


def _october_2025(call: Call) -> Submission:
    work_id = call.required_number("workId")
    return _submission(
        call,
        work_id=work_id,
        image_url=call.required("image"),
        options={
            "prompt": call.text("prompt", longest=LONGEST_PROMPT),
            "duration": call.choice("duration", DURATIONS),
            "mode": call.choice("mode", MODES),
            "character_id": call.number("character_id", 0, 10),
            "change_direction": call.flag("change_direction"),
            "sound_effect": call.flag("sound_effect"),
            "audio_prompt": call.text("audio_prompt"),
            "music_prompt": call.text("music_prompt"),
            "enable_asmr": call.flag("enable_asmr"),
        },
    )


def _january_2026(call: Call) -> Submission:
    return _of_2026(call, {})


def _march_2026(call: Call) -> Submission:
    model = call.choice("model_name", MODELS)
    element = call.text("element_1")
    if element is not None and not re.fullmatch("u_[0-9]+", element):
        raise Refused(refusals.parameter_invalid("element_1", "u_ and digits"))
    if element is not None and model != "kling-v3-0":
        raise Refused(refusals.parameter_invalid("element_1", "used with model_name kling-v3-0 only"))
    return _of_2026(call, {"model_name": model, "element_1": element})


def _of_2026(call: Call, options: Mapping[str, object]) -> Submission:
    return _submission(
        call,
        motion_url=call.required("motionUrl"),
        image_url=call.required("imageUrl"),
        options={
            "prompt": call.text("prompt", longest=LONGEST_PROMPT),
            "mode": call.choice("mode", MODES),
            "keepAudio": call.flag("keepAudio"),
            "motionDirection": call.choice("motionDirection", DIRECTIONS),
            **options,
        },
    )


def _submission(
    call: Call,
    *,
    image_url: str,
    options: Mapping[str, object],
    motion_url: str = "",
    work_id: int | None = None,
) -> Submission:
    return Submission(
        resource_url=motion_url,
        image_url=image_url,
        work_id=work_id,
        arguments=_arguments(options),
        reply_url=call.text("replyUrl"),
        reply_ref=call.text("replyRef"),
        type=VIDEO_TASK,
    )


def _arguments(options: Mapping[str, object]) -> Arguments:
    # How Kling names these in `taskInfo` is not published: they stand there as the request names them.
    named = {"prompt": "", **{name: value for name, value in options.items() if value is not None}}
    told = tuple((name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in named.items())
    return (*told, ("biz", "klingai"))


READERS: Mapping[CreateDialect, Callable[[Call], Submission]] = {
    "2025": _october_2025,
    "2026-01": _january_2026,
    "2026-03": _march_2026,
}
