"""Where measurements are taken: the fake server beside it, workers one at a time, medians of ratios within a round."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from tests.benchmarks.clients import Client
from tests.benchmarks.server import ROOT

#: Seconds after which a worker is given up.
PATIENCE = 240.0

#: One figure of all clients, as it is stored: a name, and numbers by name.
Rows = dict[str, dict[str, Any]]


@frozen
class Lab:
    """How thoroughly to measure, and the fake server to measure against."""

    url: str
    rounds: int
    quick: bool
    #: What looks cost clients of other services is measured in one round only, but at 100 waits; none of them has to
    #: sleep 10,000 times over.
    brief: bool = False

    def say(self, text: str) -> None:
        """Tell whoever waits what goes on."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def begin(self, client: str, work: str, **more: object) -> subprocess.Popen[str]:
        """Start a worker."""
        order = json.dumps({"client": client, "work": work, "url": self.url, **more})
        command = [sys.executable, "-m", "tests.benchmarks.worker", order]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)

    def end(self, worker: subprocess.Popen[str], patience: float = PATIENCE) -> dict[str, Any] | None:
        """A worker's answer; `None` if it has none or takes too long, which is said."""
        try:
            out, err = worker.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.communicate()
            self.say(f"    {worker.args!r} is given up after {patience:g} s")
            return None
        if not out.strip():
            self.say(f"    failed: {err.strip().splitlines()[-1] if err.strip() else worker.returncode}")
            return None
        answer: dict[str, Any] = json.loads(out)
        return answer

    def run(self, client: str, work: str, **more: object) -> dict[str, Any] | None:
        """What one worker answers."""
        return self.end(self.begin(client, work, **more))

    def interleaved(
        self,
        names: Sequence[str],
        once: Callable[[str], Mapping[str, Any] | None],
        *,
        of: str,
        reference: str | None,
        rounds: int | None = None,
    ) -> Rows:
        """Measure all `names` in turn, round after round, in an order that changes.

        The figure is called `of`. `ratio` is the median of the ratios to `reference` within each round; `low` and
        `high` are the least and the greatest of them.
        """
        taken: dict[str, list[Mapping[str, Any]]] = {name: [] for name in names}
        ratios: dict[str, list[float]] = {name: [] for name in names}
        failed: set[str] = set()
        for number in range(self.rounds if rounds is None else rounds):
            order = [name for name in names if name not in failed]
            random.Random(number).shuffle(order)
            found = {name: answer for name in order if (answer := once(name)) is not None}
            failed |= set(order) - set(found)
            for name, answer in found.items():
                taken[name].append(answer)
                if reference in found:
                    ratios[name].append(answer[of] / found[reference][of])
            self.say(f"    round {number + 1}: " + ", ".join(f"{name} {found[name][of]:.3g}" for name in found))
        return {name: _row(taken[name], ratios[name], failed=name in failed) for name in names}


def _row(taken: Sequence[Mapping[str, Any]], ratios: Sequence[float], *, failed: bool) -> dict[str, Any]:
    if failed or not taken:
        return {"failed": True}
    row = {key: statistics.median(answer[key] for answer in taken) for key in taken[0]}
    if ratios:
        row |= {"ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}
    return row


def names(clients: Sequence[Client]) -> list[str]:
    """The names of clients."""
    return [client.name for client in clients]
