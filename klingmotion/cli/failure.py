"""How a command ended: the one place where an exception becomes a message and an exit code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from enum import IntEnum
from pathlib import Path
from typing import Final, Self, TypeGuard, TypeVar

from attrs import astuple, frozen

from klingmotion.cli.streams import AnswerError
from klingmotion.configuration import token_trouble
from klingmotion.errors import (
    AccountError,
    APIConnectionError,
    APIStatusError,
    AssetNotFoundError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    EndpointUnavailableError,
    GoneError,
    InsufficientCreditsError,
    InvalidRequestError,
    KlingMotionError,
    ModerationError,
    MotionNotListedError,
    NotFoundError,
    PermissionDeniedError,
    RejectedInputError,
    SubmitUncertainError,
    SubscriptionError,
    TaskFailedError,
    TaskGoneError,
)
from klingmotion.models import Json
from klingmotion.refs import TaskRef

E = TypeVar("E", bound=APIStatusError)


class ExitCode(IntEnum):
    """What the command tells the shell."""

    DONE = 0
    OTHER = 1
    USAGE = 2
    ACCOUNT = 3
    REJECTED = 4
    TASK_FAILED = 5
    TIMED_OUT = 6
    UNCERTAIN = 7
    INTERRUPTED = 130


#: The first row whose class fits decides. What fits none is `ExitCode.OTHER`.
_TABLE: Final[tuple[tuple[type[BaseException], ExitCode], ...]] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (SubmitUncertainError, ExitCode.UNCERTAIN),
    (TimeoutError, ExitCode.TIMED_OUT),  # a task's, and a request's
    (AuthenticationError, ExitCode.ACCOUNT),
    (SubscriptionError, ExitCode.ACCOUNT),
    (PermissionDeniedError, ExitCode.ACCOUNT),
    (InsufficientCreditsError, ExitCode.ACCOUNT),
    (AccountError, ExitCode.ACCOUNT),
    (AssetNotFoundError, ExitCode.REJECTED),
    (ModerationError, ExitCode.REJECTED),
    (RejectedInputError, ExitCode.REJECTED),
    (EndpointUnavailableError, ExitCode.REJECTED),
    (TaskFailedError, ExitCode.TASK_FAILED),
    (TaskGoneError, ExitCode.TASK_FAILED),
    (MotionNotListedError, ExitCode.TASK_FAILED),
    (NotFoundError, ExitCode.TASK_FAILED),
    (GoneError, ExitCode.TASK_FAILED),
    (ConfigurationError, ExitCode.USAGE),
    (InvalidRequestError, ExitCode.USAGE),
    (BadRequestError, ExitCode.USAGE),
)

#: What the texts of errors say to programmers, and what it is on the command line. The command that resumes is printed
#: anyway, so the call that does is left out with the clause around it.
_SPOKEN: Final[tuple[tuple[str, str], ...]] = (
    (
        r"(?:^|[.;:,] )(?:to resume: )?[^.;:,]*\bwa(?:it|tch)_\w+\((?:error\.ref|ref|task_id|'.*?')\)[^.;,]*",
        "",
    ),
    (r"\bpass token= or set ", "set "),
    (r"\bpass email= or set ", "pass --email or set "),
    (r"\bcreate_video\([^)]*\)", "`klingmotion create`"),
    (r"\bextract_motion\([^)]*\)", "`klingmotion extract`"),
    (r"\(check email=\)", "(check --email)"),
    (r"\bwith accounts=\[\.\.\.\]", "with --account"),
    (r"\brun with retry_failed=True", "run with --retry-failed"),
    (r"`email`", "`--email`"),
    (r"(?<=\(last seen: )([^,()]+), -?\d+(?=\))", r"\1"),
    (r"^email must", "--email or $USEAPI_EMAIL must"),
    (r"\bwhat str\(task\.ref\) gives", "the reference that `klingmotion submit` printed"),
    (r"\bcontent_type must", "--type must"),
    (r"\bcreated_(after|before)(?= |$)", r"--\1"),
    (r"^(timeout|settle|concurrency|prompt|mode|element|duration)(?= (?:must|needs) )", r"--\1"),
    (r"(?<=[:,d] )(duration|element)(?= \(only|,)", r"--\1"),
    (r" with upload_asset$", ""),
    (r" with untrack_task$", " with `klingmotion running --untrack`"),
    (r"^base_url ", "$KLINGMOTION_BASE_URL "),
    (r" ssl:(?:default|True|False)(?= \[)", ""),
)

#: Arguments that are options of the same name; in quotes they are values.
_LONG_OPTIONS: Final = re.compile(
    r"(?<![\w'\"/-])(?:model_name|keep_audio|motion_direction|character_id|change_direction|sound_effect|audio_prompt"
    r"|music_prompt|enable_asmr|reply_url)(?![\w'\"=])"
)

#: What is not true of a task that lived in an emulator of the command's own.
_GOES_ON: Final = re.compile(r"(?:^|[.,;] )(?:The task|which) goes on\b[^.;,]*")

#: What to do where nothing can be reached.
_UNREACHED: Final = "check the network, the proxy or $KLINGMOTION_BASE_URL"

#: What is left to whoever resumes a submit again and again and learns nothing.
_TO_SETTLE: Final = (
    "if that does not settle it: `klingmotion tasks` shows what there is; to submit again is your own choice, and may"
    " pay twice"
)

#: Errors after which there is nothing to come back to.
_OVER: Final = (TaskFailedError, TaskGoneError, ConfigurationError, InvalidRequestError)


@frozen(kw_only=True)
class Failure:
    """How it ended badly, in words and as a code."""

    #: The name of the error's class.
    kind: str
    message: str
    notes: tuple[str, ...] = ()
    exit_code: ExitCode
    #: The task concerned, as far as it is known.
    ref: TaskRef | None = None
    #: The command that goes on from here, if there is a way on.
    resume: str | None = None

    @classmethod
    def of(
        cls,
        error: BaseException,
        *,
        ref: TaskRef | None = None,
        resume: str | None = None,
        emulated: bool = False,
    ) -> Self:
        """The failure an error stands for.

        Args:
            error: What was raised.
            ref: What is known of the task besides.
            resume: The command that goes on, unless the error says that all is over.
            emulated: Whether the task was in an emulator that ends with the command.
        """
        over = isinstance(error, _OVER)
        notes = [spoken(note, emulated=emulated) for note in getattr(error, "__notes__", ())]
        notes += [_UNREACHED] if isinstance(error, APIConnectionError) and "found no connection" in str(error) else []
        return cls(
            kind=type(error).__name__,
            message=spoken(_message(error), emulated=emulated),
            notes=tuple(note for note in notes if note),
            exit_code=exit_code(error),
            ref=known_ref(error, ref),
            resume=None if over else resume,
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The message and what belongs to it."""
        way_on = () if self.resume is None else ("to resume:", f"  {self.resume}")
        settled = (_TO_SETTLE,) if self.resume is not None and self.exit_code is ExitCode.UNCERTAIN else ()
        return (self.message, *self.notes, *way_on, *settled)

    @property
    def fields(self) -> dict[str, Json]:
        """The same for programs."""
        return {
            "kind": self.kind,
            "message": self.message,
            "notes": list(self.notes),
            "exit_code": int(self.exit_code),
            "task_id": None if self.ref is None else self.ref.task_id,
            "ref": None if self.ref is None else str(self.ref),
            "resume": self.resume,
        }


def exit_code(error: BaseException) -> ExitCode:
    """The exit code an error stands for."""
    if isinstance(error, ConfigurationError) and str(error) == token_trouble(None):
        return ExitCode.ACCOUNT
    if isinstance(error, BadRequestError) and re.search("email|account", error.error or "", re.IGNORECASE):
        return ExitCode.ACCOUNT  # it is missing, or not linked
    return next((code for kind, code in _TABLE if isinstance(error, kind)), ExitCode.OTHER)


def reworded(error: APIStatusError, kind: type[E], text: str) -> E:
    """What the server has refused, where the command knows better than the answer what that means."""
    return kind(text, status=error.status, error=error.error, message=error.message, code=error.code, body=error.body)


def known_ref(error: BaseException, ref: TaskRef | None = None) -> TaskRef | None:
    """The reference that says more of the task concerned, the error's own or `ref`; `None` if neither names a task."""
    known = [one for one in (error.ref if isinstance(error, KlingMotionError) else None, ref) if _names_a_task(one)]
    return max(known, key=_known, default=None)


def _names_a_task(ref: TaskRef | None) -> TypeGuard[TaskRef]:
    return ref is not None and bool(ref.task_id or ref.reply_ref or ref.resource_url)


def _known(ref: TaskRef) -> int:
    return sum(value is not None for value in astuple(ref))


def resume_command(ref: TaskRef, out: Path | None = None, parts: Collection[str] | None = None) -> str:
    """The command that waits for a task, ready to be pasted into a shell."""
    words = ["klingmotion", "wait", str(ref)]
    if out is not None:
        words += ["--out", str(out)]
    if parts:
        words += ["--parts", ",".join(parts)]
    return shlex.join(words)


def spoken(text: str, *, emulated: bool = False) -> str:
    """A text of the library as the command line says it: commands and options instead of calls and arguments."""
    for pattern, words in _SPOKEN:
        text = re.sub(pattern, words, text)
    text = _LONG_OPTIONS.sub(lambda found: f"--{found[0].replace('_', '-')}", text)
    return _GOES_ON.sub("", text) if emulated else text


def _message(error: BaseException) -> str:
    if isinstance(error, KlingMotionError):
        return str(error) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted"
    if isinstance(error, AnswerError):
        return str(error)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"unexpected error, please report it: {text} (`klingmotion --debug ...` shows where it came from)"
