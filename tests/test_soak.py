"""Hundreds of extractions under random faults, judged by the emulator's own books; thousands with `nox -s soak`."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import sys
import time
from collections import Counter

import attrs
import pytest

from klingmotion import KlingMotionError, Motion, MotionSession, SubmitUncertainError
from klingmotion.emulator import Account, ByTime, Chaos, Emulator
from klingmotion.known_tasks import Acquaintance
from tests.emulator.clips import mp4
from tests.stage import now, virtual_session

JOBS = int(os.environ.get("KLINGMOTION_SOAK_JOBS", "300"))
SEED = int(os.environ.get("KLINGMOTION_SOAK_SEED", "1"))
RATE = 0.2
ACCOUNTS = tuple(Account(f"{name}@example.com", 40) for name in ("ann", "ben", "cid"))


@attrs.define
class Job:
    """One extraction and what became of it."""

    number: int
    result: Motion | KlingMotionError | None = None
    resolved: Motion | KlingMotionError | None = None

    @property
    def reply_ref(self) -> str:
        return f"soak-{self.number}"

    @property
    def email(self) -> str:
        return ACCOUNTS[self.number % len(ACCOUNTS)].email

    async def run(self, session: MotionSession) -> None:
        clip = mp4(5.0, padding=self.number % 1000)
        try:
            self.result = await session.extract_motion(clip, email=self.email, reply_ref=self.reply_ref)
        except KlingMotionError as error:
            self.result = without_frames(error)

    async def resolve(self, session: MotionSession) -> None:
        """Go on with what the error left, as a program would later."""
        ref = getattr(self.result, "ref", None)
        if ref is None:
            return
        try:
            self.resolved = await session.wait_for_motion(ref)
        except KlingMotionError as error:
            self.resolved = error


def without_frames(error: KlingMotionError) -> KlingMotionError:
    """The error without its tracebacks, whose frames would keep everything of the call alive."""
    last = getattr(error, "last_error", None)
    for kept in (error, last):
        if kept is not None:
            kept.__cause__ = kept.__context__ = kept.__traceback__ = None
    return error


def live_values() -> int:
    """Objects of the client's own classes that are alive, less the memory of the last half hour's tasks."""
    gc.collect()
    kinds = (type(value) for value in gc.get_objects())
    homes = (str(kind.__module__) for kind in kinds if kind is not Acquaintance)
    return sum(home.startswith("klingmotion.") and "emulator" not in home for home in homes)


async def all_jobs(session: MotionSession, emulator: Emulator) -> tuple[list[Job], list[tuple[int, int, int]]]:
    """Run them, each account a little over its limit now and then, and note what stays in memory on the way."""
    room = {account.email: asyncio.Semaphore(account.max_jobs + 2) for account in ACCOUNTS}
    jobs = [Job(number) for number in range(JOBS)]
    memory = []

    async def one(job: Job) -> None:
        async with room[job.email]:
            await job.run(session)

    for start in range(0, JOBS, 500):
        await asyncio.gather(*(one(job) for job in jobs[start : start + 500]))
        done = jobs[: start + 500]
        # What the jobs hold in this test: a motion, or an error with its reference and the error before.
        kept = sum(1 if isinstance(job.result, Motion) else 3 for job in done)
        memory.append((len(done), live_values() - kept, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
        emulator.books.requests.clear()
    return jobs, memory


def judge(job: Job, emulator: Emulator) -> str:
    """Hold one job against the books; what it ended in."""
    made = emulator.books.tasks_for(job.reply_ref)
    assert len(made) <= 1, f"{job.reply_ref} was paid {len(made)} times"
    result = job.result
    assert result is not None
    if isinstance(result, Motion):
        assert [task.task_id for task in made] == [result.task_id]
        return "motion"
    if isinstance(result, SubmitUncertainError):
        assert isinstance(job.resolved, Motion if made else SubmitUncertainError), job.resolved
        if isinstance(job.resolved, Motion):
            assert job.resolved.task_id == made[0].task_id
            assert not result.absent
        return f"uncertain, {'found' if made else 'absent'} later"
    if result.ref is not None and result.ref.task_id is not None:
        assert [task.task_id for task in made] == [result.ref.task_id]
        assert isinstance(job.resolved, Motion)
        return f"{type(result).__name__}, resumed later"
    assert not made, f"{type(result).__name__} lost task {made[0].task_id}"
    return f"{type(result).__name__}, nothing was created"


def report(
    table: Counter[str], emulator: Emulator, memory: list[tuple[int, int, int]], took: tuple[float, float]
) -> str:
    """The table that `nox -s soak` prints."""
    books = emulator.books
    lines = [f"{JOBS} extractions, {len(ACCOUNTS)} accounts, {RATE:.0%} of requests faulty, seed {SEED}", ""]
    lines += [f"{count:8} {outcome}" for outcome, count in table.most_common()]
    lines += [
        "",
        f"{books.count():8} requests, {books.faults.total()} of them faulty",
        f"{books.count('submit_motion'):8} submits seen, {len(books.tasks)} tasks created",
        f"{max(books.open_tasks.values()):8} tasks of one account at once, at most (limit {ACCOUNTS[0].max_jobs})",
        f"{took[0]:8.0f} s of the client's time in {took[1]:.0f} s",
        "",
        *(
            f"{alive:8} client objects alive after {done} jobs, peak {peak / 1024:.0f} MB"
            for done, alive, peak in memory
        ),
    ]
    return "\n".join(lines)


async def test_every_extraction_under_chaos_is_paid_once_and_never_lost(caplog: pytest.LogCaptureFixture) -> None:
    """Each call ends in a motion or a typed error that says what is known, and the books agree with all of them."""
    caplog.set_level(logging.CRITICAL, "klingmotion")  # records that are captured keep what they tell of alive
    began, real = now(), time.monotonic()
    async with Emulator(accounts=ACCOUNTS, progress=ByTime(4, 12), chaos=Chaos(seed=SEED, rate=RATE)) as emulator:
        async with virtual_session(emulator) as session:
            jobs, memory = await all_jobs(session, emulator)
        emulator.heal()
        async with virtual_session(emulator) as later:
            await asyncio.gather(*(job.resolve(later) for job in jobs if isinstance(job.result, KlingMotionError)))
        table = Counter(judge(job, emulator) for job in jobs)
        sys.stdout.write("\n" + report(table, emulator, memory, (now() - began, time.monotonic() - real)) + "\n")
        assert table["motion"] > 0.8 * JOBS
        assert all(emulator.books.open_tasks[account.email] <= account.max_jobs for account in ACCOUNTS)
        assert len({made.reply_ref for made in emulator.books.tasks}) == len(emulator.books.tasks)
        assert memory[-1][1] <= memory[0][1] + 50, "client objects pile up"
