"""Callbacks wake the waits they are about, spare looks, and decide nothing (behaviours I1 to I3)."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading

import pytest
from aiohttp import web
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from klingmotion import (
    APIConnectionError,
    ConfigurationError,
    InvalidRequestError,
    Json,
    MotionSession,
    PollPolicy,
    Request,
    SubmitUncertainError,
    Task,
    TaskFailedError,
    TaskRef,
    WebhookInbox,
)
from klingmotion.emulator import ByTime, DropAfter, DropBefore, Emulator, Fault, Status
from tests.fake_transport import Answer, FakeTransport
from tests.stage import CLIP, TOKEN, now, staged, uploaded, virtual_session

STEADY = PollPolicy(jitter=0)
URL = "https://bot.example.test/kling/0f3a"
VIDEO, COVER = "https://x.test/a.mp4", "https://x.test/a.jpg"


def body(task_id: int, name: str, *, final: bool, reply_ref: str | None = None) -> bytes:
    """A callback as the service may send it."""
    document: dict[str, Json] = {
        "task": {"id": task_id},
        "status": 99 if final else 10,
        "status_name": name,
        "status_final": final,
    }
    if reply_ref is not None:
        document["replyRef"] = reply_ref
    return json.dumps(document).encode()


@define
class Service:
    """Tasks that take `duration` seconds, and callbacks to an inbox at `callbacks` seconds after their ends."""

    inbox: WebhookInbox
    duration: float = 60.0
    callbacks: tuple[float, ...] = (0.1,)
    status_name: str = "succeed"
    born: dict[int, float] = field(factory=dict)
    marks: dict[int, str] = field(factory=dict)
    submits: list[dict[str, Json]] = field(factory=list)
    #: Instants of the looks at each task, from its submit on.
    looks: dict[int, list[float]] = field(factory=dict)
    down: tuple[float, float] = (0.0, 0.0)
    #: Tasks that are over before their time.
    over: set[int] = field(factory=set)

    def __call__(self, request: Request) -> Answer:
        if request.method == "POST":
            task_id = len(self.born) + 1
            sent = dict(request.json or {})
            self.submits.append(sent)
            self.born[task_id], self.marks[task_id], self.looks[task_id] = now(), str(sent["replyRef"]), []
            for after in self.callbacks:
                self.post(after, task_id)
        else:
            task_id = int(request.path.rpartition("/")[2])
            age = now() - self.born[task_id]
            self.looks[task_id].append(age)
            if self.down[0] <= age < self.down[1]:
                return APIConnectionError("down")
        over = now() - self.born[task_id] >= self.duration or task_id in self.over
        document = json.loads(body(task_id, self.status_name if over else "processing", final=over))
        return 200, document

    def post(self, after: float, task_id: int, content: bytes | None = None) -> None:
        """Post a callback `after` seconds after a task's end: that it is over, unless it is said what."""
        if content is None:
            content = body(task_id, self.status_name, final=True, reply_ref=self.marks[task_id])
        at = self.born[task_id] + self.duration + after
        asyncio.get_running_loop().call_at(max(at, now()), self.inbox.receive, content)


class Bot:
    """A session with an inbox at a service."""

    def __init__(self, inbox: WebhookInbox | None = None) -> None:
        self.inbox = inbox or WebhookInbox(URL)
        self.service = Service(self.inbox)
        self.transport = FakeTransport(self.service, latency=0.0)
        self.session = MotionSession(transport=self.transport, poll=STEADY, inbox=self.inbox)

    async def submit(self) -> Task:
        return await self.session.submit_motion(VIDEO, COVER)

    async def run(self, count: int = 1) -> tuple[list[float], float]:
        """Submit and wait, so many times; of the last task, the ages at its looks and how late its end was noticed."""
        for _ in range(count):
            await self.session.wait_for_task(await self.submit())
        last = max(self.service.born)
        return self.service.looks[last], now() - self.service.born[last] - self.service.duration


async def proven() -> Bot:
    """One whose callbacks have come."""
    bot = Bot()
    await bot.run()
    assert bot.inbox.works
    return bot


# --- I3: looks that are spared --------------------------------------------------------------------------------------


async def test_a_first_task_is_waited_for_as_ever_but_its_end_is_noticed_at_its_callback() -> None:
    """Whether callbacks come is not known yet, so no look is spared."""
    bot = Bot()
    looks, lag = await bot.run()
    assert looks[:-1] == pytest.approx([*(5 * 1.25**n for n in range(7)), *(22 * 1.1**n for n in range(11))])
    assert lag == pytest.approx(0.1)
    assert [sent["replyUrl"] for sent in bot.service.submits] == [URL]


@pytest.mark.parametrize(("duration", "most"), [(21, 3), (60, 4), (180, 6), (600, 10)])
async def test_where_callbacks_come_looks_are_few_and_ends_are_noticed_at_once(duration: float, most: int) -> None:
    """I3: a look at `first`, then one as the age doubles, at least every two minutes."""
    bot = await proven()
    bot.service.duration = duration
    looks, lag = await bot.run(3)
    assert lag == pytest.approx(0.1)
    assert len(looks) <= most
    assert looks[0] == 5


async def test_a_missed_callback_costs_time_and_nothing_else() -> None:
    """I2: the next look finds the end."""
    bot = await proven()
    bot.service.callbacks = ()
    looks, lag = await bot.run()
    assert looks == [5, 20, 40, 80]
    assert lag == 20
    assert bot.inbox.works


async def test_where_callbacks_cease_to_come_looks_come_back() -> None:
    """I2: after two tasks in a row without one, until the next comes."""
    bot = await proven()
    bot.service.callbacks = ()
    await bot.run(2)
    assert not bot.inbox.works
    looks, lag = await bot.run()
    assert len(looks) == 19
    assert lag < 6
    bot.service.callbacks = (0.1,)
    await bot.run()
    assert bot.inbox.works
    assert len((await bot.run())[0]) == 4


async def test_waits_that_sleep_long_are_looked_at_again_once_callbacks_cease() -> None:
    """I2: not all in one instant."""
    bot = await proven()
    bot.service.callbacks, bot.service.duration = (), 1000
    silent = [await bot.submit() for _ in range(2)]
    waits = [asyncio.create_task(bot.session.wait_for_task(task)) for task in silent]
    await asyncio.sleep(50)
    others = [await bot.submit() for _ in range(2)]  # all in all fewer than share looks
    waits += [asyncio.create_task(bot.session.wait_for_task(task)) for task in others]
    await asyncio.sleep(100)
    bot.service.over |= {task.id for task in silent}  # which their looks at 160 s find
    await asyncio.sleep(22)
    assert [wait.done() for wait in waits] == [True, True, False, False]
    assert not bot.inbox.works
    looks = [bot.service.looks[task.id] for task in others]
    assert [ages[:4] for ages in looks] == [[5, 20, 40, 80]] * 2
    (first,), (second,) = (ages[4:] for ages in looks)
    assert 110 < first < 122
    assert 110 < second < 122
    assert first != second
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def test_a_callback_that_comes_just_after_the_look_that_found_the_end_is_not_missed() -> None:
    """I2: late ones tell that callbacks come, too."""
    bot = Bot()
    bot.service.callbacks, bot.service.duration = (0.5,), 5.0
    await bot.run()
    assert not bot.inbox.works
    await asyncio.sleep(1)
    assert bot.inbox.works
    for _ in range(3):
        await bot.run()
        await asyncio.sleep(1)
    assert bot.inbox.works


async def test_callbacks_of_progress_do_not_vouch_for_callbacks_of_the_end() -> None:
    """I3: looks are spared only where ends have been told."""
    bot = Bot()
    bot.service.callbacks = ()
    task = await bot.submit()
    for after in range(-55, 0, 10):
        bot.service.post(after, task.id, body(task.id, "processing", final=False, reply_ref=bot.service.marks[task.id]))
    await bot.session.wait_for_task(task)
    assert len(bot.service.looks[task.id]) == 19
    assert not bot.inbox.works


async def test_a_failed_look_is_repeated_by_the_policy_although_a_callback_will_come() -> None:
    """W4 and I3: where the network is bad, callbacks are not relied on."""
    bot = await proven()
    bot.service.down = (5, 6)
    bot.service.callbacks = ()
    looks, _ = await bot.run()
    assert looks[0] == 5
    assert looks[1] <= 7


async def test_many_waits_neither_look_nor_list_often_where_callbacks_come() -> None:
    """I3 and W10: the shared look becomes rare, too."""
    inbox = WebhookInbox(URL)
    service = Service(inbox)

    def answer(request: Request) -> Answer:
        if request.path == "/scheduler":
            return 200, [{"id": one} for one, born in service.born.items() if now() - born < service.duration]
        return service(request)

    transport = FakeTransport(answer, latency=0.0)
    session = MotionSession(transport=transport, inbox=inbox)
    await session.wait_for_task(await session.submit_motion(VIDEO, COVER))
    before, service.duration = len(transport.asked), 120.0
    tasks = [await session.submit_motion(VIDEO, COVER) for _ in range(50)]
    await asyncio.gather(*(session.wait_for_task(task) for task in tasks))
    assert now() - service.born[tasks[-1].id] == pytest.approx(120.1, abs=0.1)
    assert len(transport.asked) - before <= 50 * 6  # the submit, four looks at most, and few lists


async def test_a_wait_by_id_alone_is_not_spared() -> None:
    """I3: without a reply ref nobody can tell whether callbacks were asked for."""
    bot = await proven()
    bot.service.callbacks = ()
    task = await bot.submit()
    await bot.session.wait_for_task(task.id)
    assert len(bot.service.looks[task.id]) > 10


async def test_a_reference_of_an_earlier_process_is_looked_at_at_once() -> None:
    """W2 and I3: only later looks are spared."""
    bot = await proven()
    task = await bot.submit()
    await asyncio.sleep(31)
    again = MotionSession(transport=FakeTransport(bot.service, latency=0.0), poll=STEADY, inbox=bot.inbox)
    await again.wait_for_task(TaskRef.parse(str(task.ref)))
    assert bot.service.looks[task.id] == pytest.approx([31, 46, 60.1])


# --- I1: hints decide nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["succeed", "failed"])
@pytest.mark.parametrize("marked", [True, False])
async def test_a_forged_end_changes_no_outcome_and_costs_a_look(name: str, marked: bool) -> None:
    """I1: also from someone who knows the reply ref."""
    bot = Bot()
    usual, _ = await bot.run()
    task = await bot.submit()
    mark = bot.service.marks[task.id] if marked else None
    bot.service.post(-49, task.id, body(task.id, name, final=True, reply_ref=mark))
    assert (await bot.session.wait_for_task(task)).succeeded
    looks = bot.service.looks[task.id]
    assert 11 in looks
    assert len(looks) <= len(usual) + 1


async def test_a_flood_of_forged_ends_makes_looks_rarer_and_rarer() -> None:
    """I1: one look for the first, then each look in vain doubles the time to the next."""
    bot = Bot()
    usual, _ = await bot.run()
    task = await bot.submit()
    for tenth in range(-500, 0):
        bot.service.post(tenth / 10, task.id, body(task.id, "succeed", final=True))
    _, looks = await bot.session.wait_for_task(task), bot.service.looks[task.id]
    assert len(looks) <= len(usual) + 6


async def test_callbacks_that_bring_news_are_looked_after_each_time() -> None:
    """I2: whoever watches a task sees every change when it is told of."""
    bot = await proven()
    names = iter(["a", "b", "c", "d", "e", "f", "g", "h"])
    task = await bot.submit()
    bot.service.duration = 60

    def answer(request: Request) -> Answer:
        status, document = bot.service(request)  # type: ignore[misc]
        if not document["status_final"]:  # type: ignore[index]
            document["status_name"] = next(names)  # type: ignore[index]
        return status, document

    bot.transport.answer = answer
    for at in range(10, 40, 6):
        bot.service.post(at - 60, task.id, body(task.id, "next", final=False, reply_ref=bot.service.marks[task.id]))
    seen = [(one.status_name, now() - bot.service.born[task.id]) async for one in bot.session.watch_task(task)]
    assert [at for _, at in seen] == pytest.approx([5, 10, 16, 22, 28, 34, 60.1])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"<html></html>",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"task": {"id": 1}, "x": "' + b"x" * (1 << 20) + b'"}',
        b'{"task": {"id": true}}',
        b'{"task": {"id": 1.5}}',
        b'{"task": [1]}',
        b'{"task": {"id": 1}, "status": NaN}',
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"task": {"id": 2}, "status_final": true, "status_name": "succeed"}',
        b'{"replyRef": 7}',
        b'{"replyRef": ""}',
        b'{"replyRef": "another"}',
        b'{"replyRef": "' + b"x" * 10_000 + b'"}',
    ],
    ids=lambda content: repr(content[:30]),
)
async def test_what_names_no_task_of_ours_asks_for_no_look(content: bytes) -> None:
    """I1: oversize, nested, cut, of another task."""
    bot = Bot()
    usual, _ = await bot.run()
    bot.service.callbacks = ()
    bot = Bot()
    bot.service.callbacks = ()
    task = await bot.submit()
    bot.service.post(-40, task.id, content)
    await bot.session.wait_for_task(task)
    assert bot.service.looks[task.id] == pytest.approx([*usual[:-1], usual[-2] * 1.1])


@pytest.mark.parametrize(
    "content",
    [
        b'{"task": {"id": 1}}',
        b'{"id": "1"}',
        b'{"task": {"id": 1, "status_name": 7}, "works": 3}',
        b'{"task": {"id": 1, "taskInfo": {"replyRef": "MARK"}}}',
        b'{"replyRef": "MARK"}',
        b'{"task": {"replyRef": "MARK"}}',
        b'{"task": {"id": 1}, "replyRef": "of someone else"}',
    ],
)
async def test_what_names_the_task_in_any_way_asks_for_a_look(content: bytes) -> None:
    """I1: by its id or by its reply ref, wherever that stands."""
    bot = Bot()
    bot.service.callbacks = ()
    task = await bot.submit()
    bot.service.post(-49, task.id, content.replace(b"MARK", bot.service.marks[task.id].encode()))
    assert (await bot.session.wait_for_task(task)).succeeded
    assert 11 in bot.service.looks[task.id]


async def test_a_callback_under_our_mark_about_another_task_is_not_ours() -> None:
    """I1: it neither asks for a look nor vouches for callbacks."""
    bot = Bot()
    bot.service.callbacks = ()
    task = await bot.submit()
    bot.service.post(-49, task.id, body(777, "succeed", final=True, reply_ref=bot.service.marks[task.id]))
    await bot.session.wait_for_task(task)
    assert 11 not in bot.service.looks[task.id]
    assert not bot.inbox.works


async def test_only_who_knows_the_reply_ref_can_vouch_for_callbacks() -> None:
    """I1: forged ones cannot make looks rare."""
    bot = Bot()
    bot.service.callbacks = ()
    task = await bot.submit()
    bot.service.post(0.1, task.id, body(task.id, "succeed", final=True, reply_ref="guessed"))
    await bot.session.wait_for_task(task)
    assert not bot.inbox.works


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["task", "id", "status", "status_name", "status_final", "replyRef", "taskInfo", "works"]
                ),
                x,
            )
        ),
    )
)
def test_any_json_can_be_received(document: Json) -> None:
    """I1: nothing that is posted raises anything."""
    WebhookInbox().receive(json.dumps(document).encode())


@pytest.mark.parametrize("final", [True, False], ids=["forged", "progress"])
async def test_callbacks_during_an_outage_do_not_use_up_the_failures(final: bool) -> None:
    """I1 and W4: failed looks are repeated by the policy, whoever asks for more."""
    bot = Bot()
    bot.service.callbacks, bot.service.duration, bot.service.down = (), 100, (60, 75)
    task = await bot.submit()
    for half in range(118, 152):
        content = body(task.id, f"step {half}", final=final, reply_ref=None if final else bot.service.marks[task.id])
        bot.service.post(half / 2 - 100, task.id, content)
    assert (await bot.session.wait_for_task(task, on_change=lambda _: None)).succeeded


async def test_tasks_whose_callbacks_go_elsewhere_are_looked_at_as_ever() -> None:
    """I3: also between others whose callbacks come."""
    bot = await proven()
    bot.service.callbacks = ()
    task = await bot.session.submit_motion(VIDEO, COVER, reply_url="https://other.example.test/")
    for _ in range(3):
        await bot.session.wait_for_task(task)
        assert len(bot.service.looks[task.id]) > 15
        assert bot.inbox.works
        task = await bot.session.submit_motion(VIDEO, COVER, reply_url="https://other.example.test/")


async def test_ends_that_were_told_before_they_were_waited_for_are_no_silence() -> None:
    """I2: early callbacks tell that callbacks come, too."""
    bot = await proven()
    tasks = [await bot.submit() for _ in range(3)]
    await asyncio.sleep(100)
    for task in tasks:
        await bot.session.wait_for_task(task)
    assert bot.inbox.works


# --- I2: any order --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status_name", ["succeed", "failed"])
@pytest.mark.parametrize("order", list(itertools.permutations(["early", "progress", "end", "again"])))
async def test_callbacks_in_any_order_leave_the_outcome_alone(order: tuple[str, ...], status_name: str) -> None:
    """I2: early, repeated, out of order, late: the outcome is the task's, at once or at the next look."""
    bot = await proven()
    bot.service.callbacks, bot.service.status_name = (), status_name
    task = await bot.submit()
    mark = bot.service.marks[task.id]
    instants = iter([-58.0, -20.0, 0.2, 3.0])
    for kind in order:
        final = kind != "progress"
        content = body(task.id, status_name if final else "processing", final=final, reply_ref=mark)
        bot.service.post(next(instants), task.id, content)
    if status_name == "failed":
        with pytest.raises(TaskFailedError):
            await bot.session.wait_for_task(task)
    else:
        assert (await bot.session.wait_for_task(task)).succeeded
    assert now() - bot.service.born[task.id] < 66.5
    assert len(bot.service.looks[task.id]) <= 19 + len(order)


async def test_a_callback_before_the_service_shows_the_end_brings_usual_looks_back() -> None:
    """I2: the end was told and not seen, so this task is looked at closely."""
    bot = await proven()
    bot.service.callbacks = (-5,)
    looks, lag = await bot.run()
    assert lag < 6
    assert looks[:4] == [5, 20, 40, 55]


async def test_callbacks_reach_waits_of_all_sessions_of_an_inbox_from_any_thread() -> None:
    """I1: a web server may run in a thread of its own."""
    inbox = WebhookInbox(URL)
    bots = [Bot(inbox), Bot(inbox)]
    tasks = [await bot.submit() for bot in bots]
    waits = [asyncio.create_task(bot.session.wait_for_task(task)) for bot, task in zip(bots, tasks, strict=True)]
    for bot in bots:
        bot.service.duration = 10.5
    await asyncio.sleep(11)
    thread = threading.Thread(target=inbox.receive, args=(body(1, "succeed", final=True),))
    thread.start()
    thread.join()
    await asyncio.wait(waits, timeout=0.2)
    assert all(wait.done() for wait in waits)


def test_a_callback_for_a_wait_of_a_loop_that_has_ended_is_ignored() -> None:
    """T1: a session may be entered again on another loop."""
    inbox = WebhookInbox(URL)

    async def once() -> asyncio.Task[Task]:
        bot = Bot(inbox)
        task = await bot.submit()
        return asyncio.create_task(bot.session.wait_for_task(task))

    loop = asyncio.new_event_loop()
    wait = loop.run_until_complete(once())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    inbox.receive(body(1, "succeed", final=True))
    del wait


async def test_a_wait_that_has_ended_is_forgotten() -> None:
    """T2: whether it was cancelled, timed out or done."""
    bot = Bot()
    for _ in range(3):
        task = await bot.submit()
        wait = asyncio.create_task(bot.session.wait_for_task(task))
        await asyncio.sleep(1)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
    await bot.run()
    assert bot.inbox._listeners == {}


async def test_memory_of_callbacks_is_bounded() -> None:
    """I1: whoever floods the inbox fills no memory."""
    inbox = WebhookInbox()
    for number in range(3000):
        inbox.receive(body(number + 1, "succeed", final=True, reply_ref=f"forged-{number}"))
    assert inbox.task_of("forged-0") is None
    assert inbox.task_of("forged-2999") == 3000
    assert len(inbox._named) <= 1024


# --- submits --------------------------------------------------------------------------------------------------------


async def test_an_unclear_submit_is_settled_by_a_callback_where_no_list_shows_it() -> None:
    """S2 and I1: the callback names the task under our mark, and a look bears it out."""
    inbox = WebhookInbox()
    async with staged(Emulator(progress=ByTime(2, 30), lone_reply_ref=False), inbox=inbox) as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        emulator.fail("list_tasks", *[Status(503)] * 50)
        asset = await uploaded(session)
        submitting = asyncio.create_task(session.submit_motion(asset, reply_ref="bot-job-7"))
        await asyncio.sleep(3)
        (made,) = emulator.books.tasks
        inbox.receive(body(made.task_id, "processing", final=False, reply_ref="bot-job-7"))
        task = await submitting
        assert task.id == made.task_id
        assert len(emulator.books.tasks) == 1


@pytest.mark.parametrize("fault", [DropAfter(), DropBefore()], ids=["accepted", "lost"])
async def test_an_old_callback_under_a_mark_that_is_used_again_settles_no_submit(fault: Fault) -> None:
    """S2: the same video under the same mark of the caller's own, later: the old task is not the new one."""
    inbox = WebhookInbox()
    async with Emulator(progress=ByTime(2, 10)) as emulator, virtual_session(emulator, inbox=inbox) as session:
        asset = await uploaded(session)
        old = await session.submit_motion(asset, reply_ref="bot-job-7")
        inbox.receive(body(old.id, "processing", final=False, reply_ref="bot-job-7"))
        await session.wait_for_task(old)
        await asyncio.sleep(7200)
        emulator.fail("submit_motion", fault)
        try:
            task = await session.submit_motion(asset, reply_ref="bot-job-7")
        except SubmitUncertainError:
            assert len(emulator.books.tasks) == 1
        else:
            assert task.id == emulator.books.tasks[1].task_id


async def test_a_forged_callback_settles_no_submit() -> None:
    """I1: the task it names was made of something else, so it is not ours."""
    inbox = WebhookInbox()
    async with staged(Emulator(), inbox=inbox) as (emulator, session):
        other = emulator.add_task()
        emulator.fail("submit_motion", DropAfter())
        asset = await uploaded(session)
        inbox.receive(body(other.id, "processing", final=False, reply_ref="bot-job-7"))
        task = await session.submit_motion(asset, reply_ref="bot-job-7")
        assert task.id != other.id
        assert len(emulator.books.tasks) == 2


# --- as a whole -----------------------------------------------------------------------------------------------------


async def test_the_emulator_posts_to_an_inbox_behind_a_web_server() -> None:
    """The whole way: submit, callbacks over loopback, look, motion; the second task takes two looks."""
    inbox: WebhookInbox

    async def hook(request: web.BaseRequest) -> web.Response:
        inbox.receive(await request.read())
        return web.Response()

    runner = web.ServerRunner(web.Server(hook, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        inbox = WebhookInbox(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
        async with staged(Emulator(progress=ByTime(2, 30)), inbox=inbox) as (emulator, session):
            await session.extract_motion(CLIP.read_bytes())
            assert inbox.works
            before, began = len(emulator.books.seen("get_task")), now()
            await session.extract_motion(CLIP.read_bytes())
            assert len(emulator.books.seen("get_task")) - before == 3
            assert now() - began < 32.5
    finally:
        await runner.cleanup()


async def test_a_batch_asks_for_callbacks_too() -> None:
    """The inbox of the session serves its batches."""
    async with staged(inbox=WebhookInbox(URL)) as (emulator, session):
        outcomes = [outcome async for outcome in session.extract_motions([str(CLIP)])]
        assert [outcome.status for outcome in outcomes] == ["done"]
        assert {sent.url for sent in emulator.books.callbacks} == {URL}


async def test_another_reply_url_goes_before_the_inbox() -> None:
    """What a call says counts."""
    bot = Bot()
    await bot.session.submit_motion(VIDEO, COVER, reply_url="https://other.example.test/")
    assert bot.service.submits[0]["replyUrl"] == "https://other.example.test/"


@pytest.mark.parametrize("url", ["", "bot.example.test/kling", "ftp://bot.example.test", 7])
def test_an_inbox_at_no_url_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="url"):
        WebhookInbox(url)


def test_what_is_no_inbox_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="WebhookInbox"):
        MotionSession(TOKEN, inbox=URL)  # type: ignore[arg-type]


def test_only_bytes_are_received() -> None:
    """A handler that passes something else is told so."""
    with pytest.raises(InvalidRequestError, match="bytes"):
        WebhookInbox().receive("{}")  # type: ignore[arg-type]


def test_an_inbox_does_not_show_where_it_is() -> None:
    """T3: its path is as good as a password."""
    assert "0f3a" not in repr(WebhookInbox(URL))
