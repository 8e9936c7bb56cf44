"""The figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.benchmarks.clients import CLIENTS, OURS
from tests.benchmarks.targets import TARGETS, Figures

Cells = Sequence[str]


def written(figures: Figures) -> str:
    """All tables."""
    parts = [_about(figures), _targets(figures)]
    parts += [part(figures) for key, part in _PARTS if key in figures]
    return "\n\n".join(parts) + "\n"


def _table(head: Cells, rows: Iterable[Cells]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _about(figures: Figures) -> str:
    about = figures["about"]
    machine = f"{about['cores']} cores ({about['machine']}), Python {about['python']}"
    rounds = f"medians of {about['rounds']} interleaved rounds{', quick run' if about['quick'] else ''}"
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [f"Measured {about['day']} on {machine}, {rounds}.", f"Versions: {versions}."]
    if about["missing"]:
        lines.append("Not installed, so not measured: " + ", ".join(about["missing"]) + ".")
    return "\n".join(lines)


def _targets(figures: Figures) -> str:
    rows = []
    for target in TARGETS:
        value = target.value(figures)
        reached = "not measured" if value is None else target.form.format(value)
        verdict = "" if value is None else "met" if value <= target.limit else "**missed**"
        rows.append([target.text, target.form.format(target.limit), reached, verdict])
    return "### Targets\n\n" + _table(["target", "at most", "reached", ""], rows)


def _named(name: str) -> str:
    if name == OURS:
        return f"**{name}**"
    client = CLIENTS.get(name)
    return f"*{name}*" if client is not None and client.reference else name


def _grid(columns: dict[str, dict[str, Any]], cell: str, head: str) -> str:
    """One row for each client, one column for each way to measure; in the order of the widest column."""
    names = max(columns.values(), key=len)
    by = next(column for column in columns.values() if len(column) == len(names))
    order = sorted(names, key=lambda name: float(by[name].get("ratio", 1e9)))
    rows = []
    for name in order:
        found = [column.get(name) for column in columns.values()]
        rows.append([_named(name), *(_cell(row, cell) for row in found)])
    return _table([head, *columns], rows)


def _cell(row: dict[str, Any] | None, form: str) -> str:
    if row is None:
        return "-"
    return "gave up" if row.get("failed") else form.format(**row)


def _looks(figures: Figures) -> str:
    grid = _grid(figures["looks"], "{ratio:.2f} ({us:.0f})", "client")
    text = "Times the plain aiohttp loop in the same column; microseconds in brackets. References are in italics."
    return f"### CPU per look\n\n{text}\n\n{grid}"


def _shared(figures: Figures) -> str:
    rows = [[_named(name), _cell(row, "{ratio:.3f} ({us:.1f})")] for name, row in figures["shared"].items()]
    text = "CPU per wait and tick at 1,000 waits, its rare single looks included."
    return f"### Shared looks\n\n{text}\n\n{_table(['client', 'ratio (us)'], rows)}"


def _many(figures: Figures) -> str:
    rows = [[_named(name), _cell(row, "{ratio:.2f} ({us:.0f})")] for name, row in figures["many"].items()]
    text = "CPU per look at 10,000 waits, times that of the same client at 100; 333 looks a second in both."
    return f"### Ten thousand waits\n\n{text}\n\n{_table(['client', 'ratio (us)'], rows)}"


def _memory(figures: Figures) -> str:
    grid = _grid(figures["memory"], "{kib:.1f} ({ratio:.2f})", "client")
    return f"### Memory per pending wait\n\nKiB; times the plain aiohttp loop in brackets.\n\n{grid}"


def _lag(figures: Figures) -> str:
    columns = figures["lag"]
    grid = _order_of(columns, "{lag:.2f} ({most:.2f}) / {looks:.1f}")
    return (
        "### Lag and looks at default settings\n\nMedian lag in seconds (greatest) / looks for each task, without the"
        f" submit.\n\n{grid}"
    )


def _order_of(columns: dict[str, dict[str, Any]], cell: str) -> str:
    order = [name for name in CLIENTS if any(name in column for column in columns.values())]
    rows = [
        [_named(name), CLIENTS[name].default, *(_cell(column.get(name), cell) for column in columns.values())]
        for name in order
    ]
    return _table(["client", "default", *columns], rows)


def _lonely(figures: Figures) -> str:
    rows = [
        [_named(name), _cell(row, "{connections}"), _cell(row, "{looks:.0f}")]
        for name, row in figures["lonely"].items()
    ]
    return "### One lonely wait\n\n" + _table(["client", "connections opened", "looks"], rows)


def _schedule(figures: Figures) -> str:
    rows = [
        [name, *(f"{row[key]:.1%}" for key in ("mean", "p95", "worst")), f"{row['looks']:.1f}", str(row["most"])]
        for name, row in figures["schedule"].items()
    ]
    head = ["estimate", "mean lag", "95th percentile", "worst", "looks", "most"]
    text = (
        "Durations from 20 to 180 s, log-uniform; lag as a share of the duration, without the round trip. The first"
        " task of a session, and later ones, after a hundred others."
    )
    return f"### The schedule, with an estimate that is true or lies\n\n{text}\n\n{_table(head, rows)}"


def _decode(figures: Figures) -> str:
    rows = [
        [kind, name, _cell(row, "{ratio:.2f} ({us:.1f})")]
        for kind, column in figures["decode"].items()
        for name, row in column.items()
    ]
    return "### Decode\n\nTimes `json.loads` of the same bytes.\n\n" + _table(["answer", "read by", "ratio (us)"], rows)


def _import(figures: Figures) -> str:
    found = sorted(figures["import"].items(), key=lambda item: float(item[1]["ratio"]))
    rows = [[_named(name), _cell(row, "{ratio:.2f} ({ms:.0f})")] for name, row in found]
    return "### Import\n\nCPU over an empty interpreter, times `import aiohttp`.\n\n" + _table(
        ["import", "ratio (ms)"], rows
    )


def _transfers(figures: Figures) -> str:
    rows = []
    for kind, column in figures["transfers"].items():
        for name, row in column.items():
            blocking = name.endswith("socket")
            gap = "-" if blocking else f"{row['gap']:.0f}"
            rows.append([name, kind, _cell(row, "{ratio:.2f} ({ms:.0f})"), f"{row['growth']:.1f}", gap])
    head = ["100 MB", "line", "CPU ratio (ms)", "growth, MiB", "longest gap of the loop, ms"]
    return f"### Transfers\n\nTimes a blocking socket in pieces of 256 KiB.\n\n{_table(head, rows)}"


_PARTS = [
    ("looks", _looks),
    ("shared", _shared),
    ("many", _many),
    ("memory", _memory),
    ("lag", _lag),
    ("lonely", _lonely),
    ("schedule", _schedule),
    ("decode", _decode),
    ("import", _import),
    ("transfers", _transfers),
]
