"""What a look costs: CPU at several numbers of waits, shared looks, ten thousand waits."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from tests.benchmarks.clients import OURS, PLAIN, SHARED, TUNED, Client
from tests.benchmarks.lab import Lab, Rows, names


@frozen
class Column:
    """One way to wait."""

    title: str
    waits: int
    interval: float
    looks: int
    burst: bool = False


_FULL = [
    Column("1 wait", 1, 0.01, 200),
    Column("100 waits", 100, 0.2, 15),
    Column("1,000 waits", 1000, 3.0, 3),
    Column("500 at once", 500, 3.0, 2, burst=True),
]
_QUICK = [
    Column("1 wait", 1, 0.01, 100),
    Column("100 waits", 100, 0.2, 6),
    Column("1,000 waits", 1000, 3.0, 2),
    Column("500 at once", 500, 1.5, 2, burst=True),
]

#: Ticks of 2 s while looks are shared: enough for every wait to have one of its rare single looks among them.
_TICKS = 12

#: Clients that a quick run takes through every column, and a brief one more than once.
_MARKS = (OURS, TUNED, PLAIN)


def measure(lab: Lab, clients: list[Client]) -> dict[str, Rows]:
    """CPU per look, by column."""
    found = {}
    for column in _QUICK if lab.quick else _FULL:
        lab.say(f"  CPU per look, {column.title}")
        chosen, others = names(clients), list[str]()
        if (lab.quick or lab.brief) and column.title != "100 waits":
            others = [name for name in chosen if name not in _MARKS]
            chosen = [name for name in chosen if name in _MARKS]

        def once(name: str, column: Column = column) -> dict[str, Any] | None:
            return lab.run(
                name, "cpu", waits=column.waits, interval=column.interval, looks=column.looks, burst=column.burst
            )

        found[column.title] = lab.interleaved(chosen, once, of="us", reference=PLAIN)
        if lab.brief and others:
            beside = lab.interleaved([*others, PLAIN], once, of="us", reference=PLAIN, rounds=1)
            found[column.title] |= {name: beside[name] for name in others}
    return found


def measure_shared(lab: Lab) -> Rows:
    """CPU for each of 1,000 waits and each tick while one listing serves them all, beside a look of the plain loop."""
    lab.say("  CPU per wait and tick with shared looks, 1,000 waits")

    def once(name: str) -> dict[str, Any] | None:
        if name == SHARED:
            return lab.run(name, "shared", waits=1000, interval=2.0, looks=_TICKS)
        return lab.run(name, "cpu", waits=1000, interval=2.0, looks=3)

    return lab.interleaved([SHARED, PLAIN], once, of="us", reference=PLAIN)


def measure_many(lab: Lab, clients: list[Client]) -> Rows:
    """CPU per look at 10,000 waits as a ratio to 100 waits of the same client, at the same looks per second."""
    chosen = [name for name in (OURS, TUNED, PLAIN) if name in names(clients)]
    found: Rows = {}
    for name in chosen:
        lab.say(f"  CPU per look, 10,000 waits beside 100: {name}")

        def once(waits: str, name: str = name) -> dict[str, Any] | None:
            many = int(waits)
            return lab.run(name, "cpu", waits=many, interval=many / 333, looks=2 if many > 100 else 20)

        rows = lab.interleaved(["100", "10000"], once, of="us", reference="100", rounds=max(1, lab.rounds // 2))
        found[name] = rows["10000"]
    return found
