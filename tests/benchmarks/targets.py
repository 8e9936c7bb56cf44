"""What is aimed at, each a number that the figures hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from tests.benchmarks.clients import OF_TASK, OURS, SHARED
from tests.benchmarks.schedule import FIRST, LATER, LYING

Figures = dict[str, Any]


@frozen
class Target:
    """One target: met if what `reached` finds in the figures is at most `limit`."""

    text: str
    limit: float
    reached: Callable[[Figures], float]
    #: How the numbers are written.
    form: str = "{:.2f} x"

    def value(self, figures: Figures) -> float | None:
        """What was reached, if it has been measured."""
        try:
            return self.reached(figures)
        except (KeyError, ValueError):  # not measured in this run, or by no one
            return None


def _at(*path: str) -> Callable[[Figures], float]:
    def find(figures: Figures) -> float:
        found: Any = figures
        for step in path:
            found = found[step]
        return float(found)

    return find


def _either(kind: str, figure: str) -> Callable[[Figures], float]:
    """Whichever is worse: the first task of a session, or later ones."""
    return lambda figures: max(float(figures["schedule"][f"{kind}, {when}"][figure]) for when in (FIRST, LATER))


def _worst_lie(figures: Figures) -> float:
    return max(_either(name, "worst")(figures) for name in LYING)


def _worst_growth(figures: Figures) -> float:
    ours = ("upload, klingmotion", "download, klingmotion")
    return max(float(rows[name]["growth"]) for rows in figures["transfers"].values() for name in ours)


_SHARE, _COUNT = "{:.1%}", "{:.1f}"
_NONE, _CREDIBLE = "no estimate", "error of 25 %"

TARGETS = [
    Target("CPU per look, 1 wait", 1.05, _at("looks", "1 wait", OURS, "ratio")),
    Target("CPU per look, 100 waits", 0.95, _at("looks", "100 waits", OURS, "ratio")),
    Target("CPU per look, 1,000 waits", 0.95, _at("looks", "1,000 waits", OURS, "ratio")),
    Target("CPU per look, 500 started at once", 0.95, _at("looks", "500 at once", OURS, "ratio")),
    Target("CPU per wait and tick with shared looks, 1,000 waits", 0.20, _at("shared", SHARED, "ratio")),
    Target("CPU per look at 10,000 waits, beside 100 of its own", 1.3, _at("many", OURS, "ratio")),
    Target("memory per pending wait, 1,000 waits", 3.5, _at("memory", "1,000 waits", OURS, "kib"), "{:.1f} KiB"),
    Target("memory per pending wait, 10,000 waits", 3.5, _at("memory", "10,000 waits", OURS, "kib"), "{:.1f} KiB"),
    Target("as above, waiting for the Task of a submit", 3.5, _at("memory", "1,000 waits", OF_TASK, "kib"),
           "{:.1f} KiB"),
    Target("connections of one lonely wait", 1, _at("lonely", OURS, "connections"), "{:.0f}"),
    Target("mean lag without an estimate, 20 to 180 s", 0.05, _either(_NONE, "mean"), _SHARE),
    Target("worst lag without an estimate", 0.10, _either(_NONE, "worst"), _SHARE),
    Target(f"looks without an estimate, mean, {LATER}", 20, _at("schedule", f"{_NONE}, {LATER}", "looks"), _COUNT),
    Target(f"as above, {FIRST}", 20, _at("schedule", f"{_NONE}, {FIRST}", "looks"), _COUNT),
    Target("mean lag with a credible estimate (error of 25 %)", 0.02, _either(_CREDIBLE, "mean"), _SHARE),
    Target("95th percentile of that", 0.05, _either(_CREDIBLE, "p95"), _SHARE),
    Target(f"looks with a credible estimate, mean, {LATER}", 8, _at("schedule", f"{_CREDIBLE}, {LATER}", "looks"),
           _COUNT),
    Target(f"as above, {FIRST}", 8, _at("schedule", f"{_CREDIBLE}, {FIRST}", "looks"), _COUNT),
    Target(f"looks with an exact estimate, mean, {FIRST}", 8, _at("schedule", f"exact, {FIRST}", "looks"), _COUNT),
    Target("worst lag with an estimate that lies", 0.30, _worst_lie, _SHARE),
    Target("decode of a finished task, beside json.loads", 1.6, _at("decode", "finished", OURS, "ratio")),
    Target("reading an unfinished look, beside json.loads", 0.35, _at("decode", "unfinished", OURS, "ratio")),
    Target("import, beside import aiohttp", 1.10, _at("import", OURS, "ratio")),
    Target("unwanted modules at import", 0, lambda figures: len(figures["import"][OURS]["unwanted"]), "{:.0f}"),
    Target("upload of 100 MB, beside a blocking socket", 1.1,
           _at("transfers", "plain", "upload, klingmotion", "ratio")),
    Target("upload over TLS", 1.1, _at("transfers", "TLS", "upload, klingmotion", "ratio")),
    Target("download of 100 MB, beside a blocking socket", 1.1,
           _at("transfers", "plain", "download, klingmotion", "ratio")),
    Target("download over TLS", 1.1, _at("transfers", "TLS", "download, klingmotion", "ratio")),
    Target("growth of memory by a transfer, the greatest", 3.0, _worst_growth, "{:.1f} MiB"),
]  # fmt: skip
