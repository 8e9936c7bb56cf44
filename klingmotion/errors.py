"""Everything that can go wrong, as one family. All of it pickles and copies.

KlingMotionError
├── ConfigurationError (ValueError)       a token or an option is missing or malformed
├── InvalidRequestError (ValueError)      refused before anything was sent
├── APIConnectionError                    no answer
│   └── APITimeoutError (TimeoutError)    no answer in time
├── APIStatusError                        an answer that says no
│   ├── BadRequestError                   400
│   ├── AuthenticationError               401
│   ├── SubscriptionError                 402
│   ├── PermissionDeniedError             403
│   ├── NotFoundError                     404
│   │   └── AssetNotFoundError            404 VALID.ResourceNotFound
│   ├── GoneError                         410
│   ├── EndpointUnavailableError          404, 405 or 410 of the submit path itself
│   ├── InsufficientCreditsError          412
│   ├── RateLimitError                    429
│   ├── ModerationError                   500 that means moderation
│   ├── RejectedInputError                500 that means the input is not usable
│   │   └── PersonNotFoundError           400 MOTION.PIC_NOT_MATCHED
│   ├── AccountError                      596
│   └── InternalServerError               other 5xx
├── APIResponseError                      an answer that is not what was promised
├── SubmitUncertainError                  it is unknown whether a submit was accepted
├── TaskError                             a task did not give a result
│   ├── TaskFailedError
│   ├── TaskGoneError
│   ├── TaskTimeoutError (TimeoutError)
│   └── MotionNotListedError
├── DownloadError                         a result file could not be saved whole
└── JournalError                          the file that makes a batch resumable cannot be used
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only annotations name them: models imports this module
    from klingmotion.models import Task
    from klingmotion.refs import TaskRef

#: Characters of a raw answer that an error keeps.
BODY_LIMIT = 8192


def _rebuild(cls: type[KlingMotionError], args: tuple[object, ...], state: dict[str, object]) -> KlingMotionError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class KlingMotionError(Exception):
    """The root: `except KlingMotionError` catches all that this package raises on purpose."""

    #: How to find the task again, where one is concerned.
    ref: TaskRef | None = None
    #: The task as last seen, where one is concerned.
    task: Task | None = None

    def __reduce__(
        self,
    ) -> tuple[object, tuple[type[KlingMotionError], tuple[object, ...], dict[str, object]]]:
        return _rebuild, (type(self), self.args, self.__dict__)


class ConfigurationError(KlingMotionError, ValueError):
    """A token or an option is missing or malformed. Nothing was sent."""


class InvalidRequestError(KlingMotionError, ValueError):
    """An argument is not usable; the text says what is allowed. Nothing was sent."""


class APIConnectionError(KlingMotionError):
    """No answer came: the connection failed or broke."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        #: False only if the connection never opened, so the server cannot have seen the request.
        self.sent = sent


class APITimeoutError(APIConnectionError, TimeoutError):
    """No answer came in time."""


class APIStatusError(KlingMotionError):
    """The server answered with an error status."""

    def __init__(
        self,
        text: str,
        *,
        status: int,
        error: str | None = None,
        message: str | None = None,
        code: str | None = None,
        body: str = "",
    ) -> None:
        super().__init__(text)
        #: The HTTP status.
        self.status = status
        #: The body's `error`, verbatim: the text that says what happened.
        self.error = error
        #: The body's `message`, verbatim. Often generic, sometimes misleading.
        self.message = message
        #: The upstream code in parentheses at the end of either, such as `CM_EXT.POther`.
        self.code = code
        #: The raw body, cut at `BODY_LIMIT` characters.
        self.body = body


class BadRequestError(APIStatusError):
    """400: a parameter is wrong, or `email` is needed because several accounts are linked."""


class AuthenticationError(APIStatusError):
    """401: the token is not accepted."""


class SubscriptionError(APIStatusError):
    """402: the useapi.net subscription has ended."""


class PermissionDeniedError(APIStatusError):
    """403: the thing belongs to someone else."""


class NotFoundError(APIStatusError):
    """404: there is no such thing, or no more."""


class AssetNotFoundError(NotFoundError):
    """404 `VALID.ResourceNotFound`: Kling does not know the asset; upload it again."""


class GoneError(APIStatusError):
    """410: it has expired."""


class EndpointUnavailableError(APIStatusError):
    """The API no longer offers this way to submit; the text names the other one. Nothing was accepted."""


class InsufficientCreditsError(APIStatusError):
    """412: the account has too few credits."""


class ModerationError(APIStatusError):
    """Moderation refused the content. Sending the same again will not help."""


class RejectedInputError(APIStatusError):
    """Kling refused the input for the reason in `code` and `error`."""


class PersonNotFoundError(RejectedInputError):
    """400 `MOTION.PIC_NOT_MATCHED`: there is no person in the image that the motion could be given to."""


class RateLimitError(APIStatusError):
    """429: every slot of the account is taken, or too many requests."""

    #: Seconds still to wait before another try makes sense.
    retry_after: float | None = None
    #: False if the server was not asked at all, because it has answered an earlier call with 429.
    sent: bool = True


class AccountError(APIStatusError):
    """596: the linked Kling account's own login is broken; link it again."""


class InternalServerError(APIStatusError):
    """A 5xx that says nothing certain about the request."""


class APIResponseError(KlingMotionError):
    """An answer that is not what was promised: not JSON, cut short, or of a wrong type at `path`."""

    def __init__(self, message: str, *, status: int | None = None, body: str = "", path: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        #: The raw body, cut at `BODY_LIMIT` characters.
        self.body = body
        #: Where in the JSON the trouble is, such as `$.task.id`.
        self.path = path


class SubmitUncertainError(KlingMotionError):
    """It is unknown whether a submit was accepted; it was not sent again.

    `wait_for_motion(error.ref)` looks for the task again, now or in another process.
    """

    def __init__(self, message: str, *, ref: TaskRef, absent: bool = False, candidates: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.ref: TaskRef = ref
        #: True if everything points to the submit never having been accepted.
        self.absent = absent
        #: Ids of tasks that may be the one, when several match.
        self.candidates = candidates
        #: What made the outcome unclear.
        self.last_error: KlingMotionError | None = None

    @property
    def reply_ref(self) -> str | None:
        """The mark the submit carried."""
        return self.ref.reply_ref

    @property
    def resource_url(self) -> str | None:
        """The video that was submitted."""
        return self.ref.resource_url

    @property
    def email(self) -> str | None:
        """The linked account it was submitted to."""
        return self.ref.email

    @property
    def sent_at(self) -> datetime | None:
        """When the submit was sent, by the local clock."""
        return self.ref.sent_at


class TaskError(KlingMotionError):
    """A task did not give a result here. `ref` finds it again."""

    def __init__(
        self,
        message: str,
        *,
        ref: TaskRef,
        task: Task | None = None,
        looks: int = 0,
        elapsed: float = 0.0,
        last_error: KlingMotionError | None = None,
    ) -> None:
        super().__init__(message)
        self.ref: TaskRef = ref
        #: As last seen; `None` if no look succeeded.
        self.task = task
        #: How many looks this wait took.
        self.looks = looks
        #: Seconds this wait took.
        self.elapsed = elapsed
        #: The last look that failed, if any did.
        self.last_error = last_error

    @property
    def task_id(self) -> int | None:
        """The id of the task."""
        return self.ref.task_id

    @property
    def status(self) -> int | None:
        """The status number last seen."""
        return None if self.task is None else self.task.status

    @property
    def status_name(self) -> str | None:
        """The status name last seen."""
        return None if self.task is None else self.task.status_name


class TaskFailedError(TaskError):
    """The task is over and did not succeed; `task.error` and `task.message` hold the server's words."""


class TaskGoneError(TaskError):
    """The server no longer knows the task: deleted, refused by moderation, or out of credits."""


class TaskTimeoutError(TaskError, TimeoutError):
    """The deadline passed first. The task goes on; `wait_for_motion(error.ref)` resumes."""


class MotionNotListedError(TaskError):
    """The task succeeded but no entry of the motions list is its own."""


class DownloadError(KlingMotionError):
    """A result file could not be fetched or saved whole. Nothing is left at the final name."""

    def __init__(self, message: str, *, url: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.status = status


class JournalError(KlingMotionError):
    """The journal of a batch cannot be used: in use, damaged, of a later version or no journal. It was not changed."""
