"""One client in a process of its own, on the last core: does what it is told in JSON and answers in JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.benchmarks.clients import CLIENTS
from tests.benchmarks.control import Control
from tests.benchmarks.drivers import Driver
from tests.benchmarks.server import last_core

#: Waits started in a second where what is measured begins only when all of them sleep.
_PER_SECOND = 400


@frozen(kw_only=True)
class Order:
    """What to do."""

    client: str
    work: str
    url: str
    waits: int = 1
    interval: float | None = None
    looks: int = 0
    #: Start all waits in one instant, instead of spread over one interval.
    burst: bool = False
    durations: tuple[float, ...] = ()
    #: Keep to one core.
    pinned: bool = True


async def _fresh(order: Order) -> tuple[Driver, Control]:
    """A client that has opened no connection yet."""
    driver, control = CLIENTS[order.client].driver(), Control(order.url)
    await driver.start(order.url)
    return driver, control


async def _started(order: Order) -> tuple[Driver, Control]:
    """A client that has done everything once."""
    driver, control = await _fresh(order)
    control.plan(looks_each=2)
    driver.interval = 0.01
    await driver.wait(await driver.submit())
    driver.interval = order.interval
    return driver, control


async def _after(seconds: float, driver: Driver, handle: object) -> None:
    await asyncio.sleep(seconds)
    await driver.wait(handle)


def _waits(driver: Driver, handles: list[object], spread: float) -> list[asyncio.Task[None]]:
    steps = enumerate(handles)
    return [asyncio.create_task(_after(spread * number / len(handles), driver, handle)) for number, handle in steps]


async def cpu(order: Order) -> dict[str, float]:
    """CPU per look, in microseconds."""
    driver, control = await _started(order)
    control.plan(looks_each=order.looks)
    handles = [await driver.submit() for _ in range(order.waits)]
    gc.collect()
    before = time.process_time()
    await asyncio.gather(*_waits(driver, handles, 0.0 if order.burst else order.interval or 0.0))
    spent = time.process_time() - before
    seen = control.seen()
    return {"us": spent / (seen.looks + seen.results) * 1e6, "looks": seen.looks, "connections": seen.connections}


async def shared(order: Order) -> dict[str, float]:
    """CPU for each wait and tick while all waits are shown by the list of running tasks, in microseconds."""
    assert order.interval is not None
    driver, control = await _started(order)
    control.plan(durations=[3600.0])
    handles = [await driver.submit() for _ in range(order.waits)]
    tasks = _waits(driver, handles, order.interval)
    await asyncio.sleep(2.5 * order.interval)
    gc.collect()
    before, start = control.seen(), time.process_time()
    await asyncio.sleep(order.looks * order.interval)
    spent, after = time.process_time() - start, control.seen()
    ticks = after.listings - before.listings
    assert not any(task.done() for task in tasks)
    return {"us": spent / order.waits / ticks * 1e6, "ticks": ticks, "looks": after.looks - before.looks}


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def memory(order: Order) -> dict[str, float]:
    """Growth of resident memory for each wait that has looked once and sleeps, in KiB; the submit's handle included."""
    driver, control = await _started(order)
    spread = order.waits / _PER_SECOND
    first = CLIENTS[order.client].sleeps_first
    driver.interval = spread + 4 if first else 3600.0
    control.plan()
    gc.collect()
    before = _resident()
    handles = [await driver.submit() for _ in range(order.waits)]
    submitted = _resident()
    gc.collect()
    tasks = _waits(driver, handles, spread)
    del handles
    await asyncio.sleep(2 * spread + 5.5 if first else spread + 1.5)
    while (seen := control.seen()).looks < order.waits and not first:  # noqa: ASYNC110  # a slow client needs longer
        await asyncio.sleep(0.5)
    gc.collect()
    after = _resident()
    assert not any(task.done() for task in tasks)
    kib = 1024 * order.waits
    return {"kib": (after - before) / kib, "handle": (submitted - before) / kib, "looks": seen.looks / order.waits}


async def lag(order: Order) -> dict[str, Any]:
    """At default settings: how long after its end each job was known to be final, and how often it was looked at."""
    driver, control = await _fresh(order)
    driver.interval = None
    control.plan(durations=list(order.durations))
    returned = [0.0] * len(order.durations)

    async def one(number: int, handle: object) -> None:
        await driver.wait(handle)
        returned[number] = time.monotonic()

    steps = range(len(order.durations))
    tasks = [asyncio.create_task(one(number, await driver.submit())) for number in steps]
    await asyncio.gather(*tasks)
    seen = control.seen()
    lags = [end - final for end, final in zip(returned, seen.final_at, strict=True) if final is not None]
    return {"lags": lags, "looks": seen.looks_each, "connections": seen.connections, "listings": seen.listings}


WORKS: dict[str, Callable[[Order], Awaitable[dict[str, Any]]]] = {
    "cpu": cpu,
    "shared": shared,
    "memory": memory,
    "lag": lag,
}


def main() -> None:
    """Carry out the order on the command line; leave at once, whatever still sleeps."""
    order = Order(**json.loads(sys.argv[1]))
    if order.pinned:
        os.sched_setaffinity(0, last_core())
    asyncio.run(_carry_out(order))


async def _carry_out(order: Order) -> None:
    answer = await WORKS[order.work](order)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # thousands of sleepers are not worth waking


if __name__ == "__main__":
    main()
