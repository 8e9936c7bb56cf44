"""What a pending wait costs: memory of a client whose waits have all looked once and sleep."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.clients import OF_TASK, OURS, PLAIN, TUNED, Client
from tests.benchmarks.lab import Lab, Rows, names


def measure(lab: Lab, clients: list[Client]) -> dict[str, Rows]:
    """KiB for each wait, by the number of waits."""
    found = {}
    for waits in (1000,) if lab.quick else (1000, 10_000):
        lab.say(f"  memory per pending wait, {waits:,} waits")
        chosen = [*names(clients), OF_TASK] if OURS in names(clients) else names(clients)
        if lab.quick or (lab.brief and waits > 1000):
            chosen = [name for name in chosen if name in (OURS, OF_TASK, TUNED, PLAIN)]
        if waits > 1000:
            chosen = [name for name in chosen if name != "requests, threads"]  # threads by the thousand are no figure

        def once(name: str, waits: int = waits) -> dict[str, Any] | None:
            return lab.run(name, "memory", waits=waits)

        rounds = 1 if waits > 1000 else min(lab.rounds, 3)  # it repeats to a tenth of a KiB
        found[f"{waits:,} waits"] = lab.interleaved(chosen, once, of="kib", reference=PLAIN, rounds=rounds)
    return found
