"""Default settings: how late the end is noticed, how many looks that takes, how many connections."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import Any

from tests.benchmarks import schedule
from tests.benchmarks.clients import OURS, Client
from tests.benchmarks.lab import Lab, Rows
from tests.benchmarks.server import serving

#: Jobs for each duration in real time, and by arithmetic.
_JOBS, _MANY = 10, 200


def real(lab: Lab, clients: list[Client], seconds: float) -> Rows:
    """Real runs of all clients together: they sleep most of the time."""
    lab.say(f"  lag and looks at default settings, {seconds:g} s, real time")
    chance = random.Random(seconds)
    durations = [seconds * chance.uniform(0.9, 1.1) for _ in range(_JOBS)]
    return _together(lab, clients, durations)


def lonely(lab: Lab, clients: list[Client]) -> Rows:
    """One job of a minute: connections and looks."""
    seconds = 12.0 if lab.quick else 60.0
    lab.say(f"  connections of one lonely wait of {seconds:g} s, real time")
    return _together(lab, clients, [seconds])


def _together(lab: Lab, clients: list[Client], durations: list[float]) -> Rows:
    """Each client has a fake server of its own, so that counts are its own."""
    rows: Rows = {}
    with_servers = []
    for client in clients:
        beside = serving("tests.benchmarks.server")
        url = f"http://127.0.0.1:{beside.__enter__()}"
        worker = Lab(url, lab.rounds, lab.quick).begin(client.name, "lag", durations=durations, pinned=False)
        with_servers.append((client, beside, worker))
    for client, beside, worker in with_servers:
        answer = lab.end(worker, 2 * max(durations) + 120)
        beside.__exit__(None, None, None)
        rows[client.name] = {"failed": True} if answer is None else _summary(answer["lags"], answer["looks"], answer)
    return rows


def _summary(lags: Sequence[float], looks: Sequence[int], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "lag": statistics.median(lags),
        "most": max(lags),
        "looks": statistics.mean(looks),
        "connections": answer.get("connections", 0),
    }


def computed(lab: Lab, clients: list[Client], seconds: float) -> Rows:
    """The same by arithmetic; ours by its own code in virtual time."""
    lab.say(f"  lag and looks at default settings, {seconds:g} s, by arithmetic")
    chance = random.Random(seconds)
    durations = [seconds * chance.uniform(0.9, 1.1) for _ in range(_MANY if not lab.quick else 50)]
    rows: Rows = {}
    for client in clients:
        if client.schedule is not None:
            seen = [_first_after(client, duration, chance) for duration in durations]
        elif client.name == OURS:
            seen = schedule.walk(durations)
        else:
            continue
        rows[client.name] = _summary([lag for lag, _ in seen], [looks for _, looks in seen], {})
    return rows


def _first_after(client: Client, duration: float, chance: random.Random) -> tuple[float, int]:
    assert client.schedule is not None
    for number, at in enumerate(client.schedule(chance), 1):
        if at >= duration:
            return at - duration, number
    raise AssertionError("a schedule ends never")
