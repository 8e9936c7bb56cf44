"""What a session does with many clips."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterable, Sequence
from pathlib import Path

from klingmotion.batch.batch import Batch
from klingmotion.batch.intake import Videos, parameters
from klingmotion.batch.journal import UNNAMED, Journal
from klingmotion.batch.orders import Hooks, Orders, Plan
from klingmotion.batch.outcome import Outcome
from klingmotion.downloads import Part, checked_parts
from klingmotion.engine import TIMEOUT, checked_timeout
from klingmotion.errors import InvalidRequestError
from klingmotion.models import Task, UploadProgress
from klingmotion.progress import check_hook
from klingmotion.requests import MAX_JOBS, checked_email, checked_url
from klingmotion.retry import PollPolicy, is_limit
from klingmotion.session.core import SessionCore, checked_path

#: Seconds after an unclear submit in which its task may still turn up, unless said otherwise.
SETTLE = 180.0


class BatchMethods(SessionCore):
    """Many clips at once."""

    def extract_motions(
        self,
        videos: Videos,
        *,
        journal: str | os.PathLike[str] | Journal | None = None,
        out: str | os.PathLike[str] | None = None,
        parts: Collection[Part] | None = None,
        accounts: Sequence[str] | None = None,
        concurrency: int | None = None,
        ordered: bool = False,
        timeout: float | None = TIMEOUT,
        settle: float = SETTLE,
        retry_failed: bool = False,
        resubmit_uncertain: bool = False,
        salt: str = "",
        reply_url: str | None = None,
        poll: PollPolicy | None = None,
        on_start: Callable[[str], Awaitable[object] | object] | None = None,
        on_progress: Callable[[str, UploadProgress], object] | None = None,
        on_submitted: Callable[[str, Task], Awaitable[object] | object] | None = None,
        on_change: Callable[[str, Task], Awaitable[object] | object] | None = None,
        on_done: Callable[[Outcome], Awaitable[object] | object] | None = None,
    ) -> Batch:
        """Extract the motion of many clips, and go on where an earlier run with the same journal was ended.

        As a loop::

            clips = Path("clips").iterdir()
            async with session.extract_motions(clips, journal="run.db", out="motions") as batch:
                async for outcome in batch:
                    print(outcome.source, outcome.status)

        Every step of a clip is in the journal before it is taken, so that the process may be killed at any instant:
        the next run pays for no clip twice. One clip that goes wrong is an outcome and concerns no other. Clips are
        known by their content: one that is given twice, or again under another name, is extracted once. A run also
        goes on with what the journal has and `videos` does not name, so `videos=()` just resumes.

        Args:
            videos: Paths of clips, read as they are needed: any iterable or async iterable.
            journal: The file that makes the batch resumable, on a local disk, for one run at a time; made if it is
                missing. Without one, nothing survives this process.
            out: Where to save the files; without it, outcomes have links only.
            parts: See `download_motion`.
            accounts: Linked accounts to share the work, each within its own limit; else the session's.
            concurrency: Most tasks of one account at once; else what the account allows. Slots that others use, and
                429s, make it fewer.
            ordered: Give outcomes in the order of `videos` instead of as they come.
            timeout: Seconds one task is waited for, or `None` for no limit; the next run waits again.
            settle: Seconds after an unclear submit in which its task may still turn up. Only then, and only if the
                lists of the API prove that there is none, it is sent again.
            retry_failed: Start clips that failed in an earlier run anew; this is paid for.
            resubmit_uncertain: Send submits again whose outcome stays unknown. This can pay twice.
            salt: Makes other clips of the same content: with another salt they are extracted, and paid for, again.
            reply_url: Where the API posts progress and results to; else the session's inbox.
            poll: How often to look, instead of the session's policy.
            on_start: Called with the path of a clip that work begins on.
            on_progress: Called with the path and the bytes of it that were handed over so far.
            on_submitted: Called with the path and the new task.
            on_change: Called with the path and every new state of the task.
            on_done: Called with every outcome; the batch is over when the last such call is. A hook that raises is
                logged and holds nothing up.

        Returns:
            An async iterator over an `Outcome` for each clip. Errors of one clip are in its outcome; what ends the
            whole (`JournalError`, or that no account can do more, such as `AuthenticationError`) is raised after the
            last outcome.

        Raises:
            InvalidRequestError: An argument is not usable. Nothing was sent.
        """
        check_hook(on_progress)
        if isinstance(videos, str | bytes | os.PathLike) or not isinstance(videos, Iterable | AsyncIterable):
            raise InvalidRequestError(f"videos must be an iterable of paths, such as a list, got {videos!r:.80}")
        reply_url = self._engine.reply_url(reply_url)
        plan = Plan(
            out=_checked_out(out),
            parts=checked_parts(parts),
            settle=_checked_settle(settle),
            timeout=checked_timeout(timeout),
            poll=self._engine.policy(poll),
            reply_url=None if reply_url is None else checked_url("reply_url", reply_url),
            hooks=Hooks(
                on_start=on_start,
                on_progress=on_progress,
                on_submitted=on_submitted,
                on_change=on_change,
                on_done=on_done,
            ),
        )
        orders = Orders(
            videos=videos,
            accounts=self._accounts(accounts),
            concurrency=_checked_concurrency(concurrency),
            retry_failed=retry_failed,
            resubmit_uncertain=resubmit_uncertain,
            params=parameters(salt),
            plan=plan,
        )
        return Batch(self._engine, _opened(journal), orders, ordered=ordered)

    def _accounts(self, accounts: Sequence[str] | None) -> tuple[str, ...]:
        if accounts is None:
            return (self._engine.account(None) or UNNAMED,)
        named = () if isinstance(accounts, str) else tuple(dict.fromkeys(checked_email(one) or "" for one in accounts))
        if not named or UNNAMED in named:
            raise InvalidRequestError(f"accounts must be a list of linked accounts, got {accounts!r}")
        return named


def _opened(journal: str | os.PathLike[str] | Journal | None) -> Journal:
    from klingmotion.batch.sqlite_journal import SqliteJournal  # sqlite3 loads only where a batch is run

    if journal is None or isinstance(journal, str | os.PathLike):
        return SqliteJournal(None if journal is None else checked_path("journal", journal).absolute())
    return journal


def _checked_out(out: str | os.PathLike[str] | None) -> Path | None:
    if out is None:
        return None
    path = checked_path("out", out)
    if path.exists() and not path.is_dir():
        raise InvalidRequestError(f"out must be a directory, and {out} is none")
    return path


def _checked_settle(value: float) -> float:
    if not is_limit(value):
        raise InvalidRequestError(f"settle must be a number of seconds above 0, got {value!r:.80}")
    return value


def _checked_concurrency(value: int | None) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_JOBS):
        raise InvalidRequestError(f"concurrency must be a whole number from 1 to {MAX_JOBS}, got {value!r}")
    return value
