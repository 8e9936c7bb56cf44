"""`python -m tests.benchmarks`: measure, and write the table and the picture of the documentation.

What takes part besides this package is optional; the table says what was missing. Figures of a run that was limited
to a part by `--only` replace those of that part and leave the others as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks import decode, imports, looks, memory, picture, schedule, table, transfers, waits
from tests.benchmarks.clients import CLIENTS, OURS, PLAIN, Client, compared, missing
from tests.benchmarks.lab import Lab
from tests.benchmarks.server import ROOT, serving

Measure = Callable[[Lab, list[Client]], Any]


def _lag(lab: Lab, clients: list[Client]) -> dict[str, Any]:
    found = {}
    for seconds in (2.0,) if lab.quick else (2.0, 15.0):
        patient = [client for client in clients if not lab.quick or not client.default.startswith("30")]
        found[f"{seconds:g} s"] = waits.real(lab, patient, seconds)
    for seconds in (15.0, 60.0, 180.0) if lab.quick else (60.0, 180.0):
        found[f"{seconds:g} s, computed"] = waits.computed(lab, clients, seconds)
    return found


PARTS: dict[str, Measure] = {
    "decode": lambda lab, _: decode.measure(lab),
    "import": lambda lab, _: imports.measure(lab),
    "schedule": lambda lab, _: schedule.measure(lab),
    "shared": lambda lab, _: looks.measure_shared(lab),
    "looks": looks.measure,
    "memory": memory.measure,
    "transfers": lambda lab, _: transfers.measure(lab),
    "lag": _lag,
    "lonely": waits.lonely,
    "many": looks.measure_many,
}

#: What a quick run leaves out, unless it is asked for.
_LONG = ("many",)


def _about(lab: Lab) -> dict[str, Any]:
    taking_part = {client.package: client.version for client in CLIENTS.values() if client.version}
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "rounds": lab.rounds,
        "quick": lab.quick,
        "versions": taking_part,
        "missing": missing(),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in about two minutes, into docs/_build unless --out")
    parser.add_argument("--brief", action="store_true", help="clients of other services once, but at 100 waits")
    parser.add_argument("--only", action="append", metavar="NAME", help=f"a part ({', '.join(PARTS)}) or a client")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement (7; quick: 1)")
    parser.add_argument("--out", type=Path, help="folder for the table, the picture and the raw figures")
    parsed = parser.parse_args()
    for name in parsed.only or ():
        if name not in PARTS and name not in CLIENTS:
            parser.error(f"{name!r} is neither a part nor a client: {', '.join([*PARTS, *CLIENTS])}")
    return parsed


def _chosen(only: list[str] | None) -> list[Client]:
    """The clients to measure; ours and the reference always take part."""
    named = [name for name in only or () if name in CLIENTS]
    return compared([*named, OURS, PLAIN] if named else None)


def main() -> None:
    """Measure and write."""
    arguments = _arguments()
    parts = [name for name in arguments.only or () if name in PARTS]
    parts = parts or [name for name in PARTS if not (arguments.quick and name in _LONG)]
    out = arguments.out or ROOT / "docs" / ("_build/quick" if arguments.quick else "explanation")
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "performance_figures.json"
    begun = time.monotonic()
    with serving("tests.benchmarks.server") as port:
        rounds = arguments.rounds or (1 if arguments.quick else 7)
        lab = Lab(f"http://127.0.0.1:{port}", rounds, arguments.quick, arguments.brief)
        lab.say(f"missing: {', '.join(missing()) or 'nothing'}")
        figures = json.loads(kept.read_text(encoding="utf-8")) if arguments.only and kept.exists() else {}
        figures["about"] = _about(lab)
        for name in parts:
            lab.say(f"{name} ({time.monotonic() - begun:.0f} s)")
            figures[name] = PARTS[name](lab, _chosen(arguments.only))
    kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (out / "performance_table.txt").write_text(table.written(figures), encoding="utf-8")
    (out / "performance.svg").write_text(picture.drawn(figures), encoding="utf-8")
    sys.stdout.write(table.written(figures))
    lab.say(f"written to {out} after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
