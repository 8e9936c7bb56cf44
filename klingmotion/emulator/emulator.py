"""The emulator as its users see it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from attrs import evolve

from klingmotion.emulator.blobs import MP4_HEAD, Blob
from klingmotion.emulator.books import Books
from klingmotion.emulator.chaos import Chaos
from klingmotion.emulator.faults import Fault
from klingmotion.emulator.ledger import PLAIN_CLIP, Asset, Motion
from klingmotion.emulator.media import Media
from klingmotion.emulator.outcomes import Outcome
from klingmotion.emulator.rules import (
    NO_LAG,
    Account,
    ByLooks,
    CreateDialect,
    Dialect,
    History,
    Lag,
    Progress,
    RetryAfter,
    Rules,
    lag,
)
from klingmotion.emulator.script import Script
from klingmotion.emulator.server import Server
from klingmotion.emulator.state import State
from klingmotion.emulator.tasks import MOTION_ARGUMENTS, MOTION_TASK, VIDEO_TASK, Submission, Task

BY_LOOKS, SAYS_NOTHING = ByLooks(), RetryAfter()
OFFICIAL = (("Walk", "Everyday"), ("Jumping jacks", "Sport"))


class Emulator:
    """The Kling API v1 of useapi.net around motions, their extraction and their use, on a loopback port.

    It runs while the block lasts::

        async with Emulator() as emulator:
            ...  # emulator.url is the base URL, emulator.token its token

    It waits by the event loop it runs in, and its wall clock moves with that loop's clock.

    Args:
        accounts: the linked accounts; one by default.
        token: the only token it takes.
        host: where to listen.
        port: where to listen; 0 takes a free port.
        progress: how tasks move on: by looks at them, which is exact, or by time.
        dialect: the shape of entries of GET /videos/motions; `mixed` has both, and pages as 2025 does.
        create_dialect: the form POST /videos/motion-create takes: that of October 2025 (`2025`), January 2026
            (`2026-01`) or March 2026 (`2026-03`); `any` takes each body as what it is.
        listing_delay: how long a finished motion is missing from the motions list.
        history: what GET /tasks shows of a task: all, its works only, or nothing.
        history_delay: how long a new task is missing from GET /tasks.
        scheduler_delay: how long a new task is missing from GET /scheduler.
        clean_file_delay: how long GET /assets/download fails for the work of a task just finished.
        lone_reply_ref: whether GET /scheduler shows a reply ref without a reply URL.
        clock_skew: the service's wall clock less ours, in seconds.
        page_limit: the most entries of one page of GET /tasks, whatever is asked for.
        retry_after: what a 429 at the account's limit says about waiting.
        longest_upload: the longest video POST /assets/ takes, in seconds: 10 by its page of 2025, 30 since
            motion-create takes so much. What each POST makes of a video's length is its own affair.
        deduplicate: whether equal files of one account get one URL.
        callbacks: whether callbacks report progress, or the end only.
        chaos: faults at random.
    """

    def __init__(
        self,
        *,
        accounts: Sequence[Account] | None = None,
        token: str = "user:1-example",  # noqa: S107  # the example token, not a secret
        host: str = "127.0.0.1",
        port: int = 0,
        progress: Progress = BY_LOOKS,
        dialect: Dialect = "2025",
        create_dialect: CreateDialect = "any",
        listing_delay: Lag | Literal["never"] = NO_LAG,
        history: History = "full",
        history_delay: Lag | Literal["never"] = NO_LAG,
        scheduler_delay: Lag | Literal["never"] = NO_LAG,
        clean_file_delay: Lag | Literal["never"] = NO_LAG,
        lone_reply_ref: bool = True,
        clock_skew: float = 0.0,
        page_limit: int = 100,
        retry_after: RetryAfter = SAYS_NOTHING,
        longest_upload: float = 30.0,
        deduplicate: bool = False,
        callbacks: Literal["progress", "final"] = "progress",
        chaos: Chaos | None = None,
    ) -> None:
        rules = Rules(
            progress=progress,
            dialect=dialect,
            create_dialect=create_dialect,
            listing_delay=lag(listing_delay),
            history=history,
            history_delay=lag(history_delay),
            scheduler_delay=lag(scheduler_delay),
            clean_file_delay=lag(clean_file_delay),
            lone_reply_ref=lone_reply_ref,
            page_limit=page_limit,
            retry_after=retry_after,
            longest_upload=longest_upload,
            deduplicate=deduplicate,
            callbacks=callbacks,
        )
        self.token = token
        self._state = State(rules, [Account("performer@example.com")] if accounts is None else accounts)
        self._script = Script(chaos)
        self._server = Server(self._state, self._script, token=token, host=host, port=port, clock_skew=clock_skew)

    # Life

    async def start(self) -> None:
        """Listen; once in a life."""
        await self._server.start()
        for name, tag in OFFICIAL:
            self.add_official_motion(name, tag=tag)

    async def stop(self) -> None:
        """Close everything, cutting stalls and callbacks short."""
        await self._server.stop()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:40123/v1/kling`."""
        return self._server.url

    @property
    def books(self) -> Books:
        """What it has seen and done."""
        return self._server.books

    async def close_port(self) -> None:
        """Refuse TCP connections, and cut those that are open."""
        await self._server.close_port()

    async def open_port(self) -> None:
        """Take connections again, at the same port."""
        await self._server.open_port()

    def now(self) -> float:
        """The service's wall clock, in seconds since the epoch."""
        return self._server.now()

    # Scripting what will happen

    def fail(self, endpoint: str, *faults: Fault, times: int | None = 1) -> None:
        """Let the next requests to an endpoint meet `faults`, one each, in order.

        Args:
            endpoint: upload_asset, submit_motion, submit_video, get_task, list_tasks, delete_task,
                list_motions, list_running, capacity, untrack_task, list_accounts, get_account,
                list_uploaded, delete_uploaded, download_works or file.
            faults: what happens; `Pass()` lets one request through.
            times: how often the whole row is played; None for ever, after all else scripted there.
                `fail("submit_motion", Html(404), times=None)` is an endpoint that has been taken away.
        """
        self._script.add(endpoint, faults, times)

    def heal(self, endpoint: str | None = None) -> None:
        """Forget the faults scripted for an endpoint; or all that are to come, chaos included."""
        self._script.clear(endpoint)

    def next_tasks(self, *outcomes: Outcome, resource_url: str | None = None) -> None:
        """Script the tasks created next, one outcome each, in order; if an asset is named, its tasks only.

        Tasks of both POSTs are meant. The asset may be a video or, for tasks that make a video, the image.
        """
        waiting = self._state.outcomes
        if resource_url is not None:
            waiting = self._state.outcomes_by_url.setdefault(resource_url, type(waiting)())
        waiting.extend(outcomes)

    def set_max_jobs(self, max_jobs: int, *, email: str | None = None) -> None:
        """Change an account's limit; what runs goes on."""
        ledger = self._state.ledger(email)
        ledger.account = evolve(ledger.account, max_jobs=max_jobs)

    # Acting as another process would

    def add_asset(
        self,
        data: bytes = MP4_HEAD,
        *,
        email: str | None = None,
        media: Media = PLAIN_CLIP,
        extension: str = "mp4",
    ) -> Asset:
        """Put a file there, unchecked: what it is, `media` says."""
        state = self._state
        blob = self._server.blobs.keep(Blob.of(data))
        return state.assets.add(state.ledger(email), blob, media, extension, state.new_ms(self.now()))

    def add_task(
        self,
        resource_url: str | None = None,
        *,
        cover_url: str | None = None,
        image_url: str | None = None,
        email: str | None = None,
        reply_url: str | None = None,
        reply_ref: str | None = None,
        type: str | None = None,  # noqa: A002  # the wire's own word
        outcome: Outcome | None = None,
        created_ago: float = 0.0,
        ended: bool = False,
    ) -> Task:
        """Create a task, running or `ended`, that no request asked for; the account's limit is ignored.

        With an image URL it makes a video, else a motion.
        """
        now = self.now()
        elsewhere = f"{self._server.origin}/files/in/0"
        extraction = image_url is None
        submission = Submission(
            resource_url=resource_url or f"{elsewhere}/elsewhere.mp4",
            cover_url=(cover_url or f"{elsewhere}/cover.png") if extraction else None,
            image_url=image_url,
            arguments=MOTION_ARGUMENTS if extraction else (("biz", "klingai"),),
            reply_url=reply_url,
            reply_ref=reply_ref,
            type=type or (MOTION_TASK if extraction else VIDEO_TASK),
        )
        created = int((now - created_ago) * 1000) if created_ago else None
        task = self._state.add_task(self._state.ledger(email), submission, outcome or Outcome(), now, created=created)
        if ended and task.open:
            self._state.end(task, now)
        self._server.task_created(task, seeded=True)
        return task

    def add_motion(
        self,
        name: str = "Motion made elsewhere",
        *,
        email: str | None = None,
        task_id: int | None = None,
        source_url: str | None = None,
    ) -> Motion:
        """Put a motion at the head of an account's list, at once."""
        ledger = self._state.ledger(email)
        return self._state.add_motion(ledger, name, self.now(), task_id=task_id, source_url=source_url)

    def add_official_motion(self, name: str, *, tag: str = "Everyday") -> Motion:
        """Add a template of the service."""
        return self._state.works.add_official(name, tag, self._state.new_ms(self.now()))

    def find_task(self, task_id: int) -> Task | None:
        """A task as it stands, gone or not."""
        return self._state.tasks.get(task_id)

    def end_task(self, task_id: int) -> None:
        """Bring a task to its scripted end at once."""
        task = self._state.tasks[task_id]
        if task.open:
            self._state.end(task, self.now())

    def vanish_task(self, task_id: int) -> None:
        """Make a task answer 404 from now on."""
        self._server.vanish(task_id)
