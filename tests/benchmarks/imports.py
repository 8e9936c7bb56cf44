"""What an import costs in a fresh process, over an empty interpreter, beside `import aiohttp`."""

from __future__ import annotations

import compileall
import importlib.util
import os
import subprocess
import sys

from tests.benchmarks.lab import Lab, Rows
from tests.benchmarks.server import ROOT, last_core

_REFERENCE = "aiohttp"
_PEERS = (
    "fal_client",
    "replicate",
    "azure.core.polling",
    "speechmatics.batch",
    "tripo3d",
    "runwayml",
    "google.genai",
    "openai",
)

#: What must not come along.
UNWANTED = ("klingmotion.cli", "klingmotion.emulator", "sqlite3", "rich", "typer")


def measure(lab: Lab) -> Rows:
    """CPU in milliseconds over the empty interpreter."""
    lab.say("  import")
    modules = [_REFERENCE, "klingmotion", "aiohttp, attrs, cattrs, tenacity"]
    if not lab.quick:
        modules += [peer for peer in _PEERS if importlib.util.find_spec(peer.split(".")[0])]

    # Byte code lies beside what an installer has put there; a checkout has to be given it.
    compileall.compile_dir(ROOT / "klingmotion", quiet=1)

    def once(name: str) -> dict[str, float]:
        cpu, _ = _spent(f"import {name}")
        empty, _ = _spent("pass")
        return {"ms": (cpu - empty) * 1000}

    rows = lab.interleaved(modules, once, of="ms", reference=_REFERENCE, rounds=5 if lab.quick else 11)
    _, came = _spent("import klingmotion")
    rows["klingmotion"]["unwanted"] = [name for name in UNWANTED if name in came]
    return rows


def _spent(code: str) -> tuple[float, set[str]]:
    """CPU seconds of a fresh process that runs `code`, and the modules it had at its end."""
    script = f"{code}\nimport sys, time\nprint(time.process_time())\nprint(*sys.modules)"

    def pin() -> None:
        os.sched_setaffinity(0, last_core())

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, preexec_fn=pin
    )
    first, second = done.stdout.splitlines()
    return float(first), set(second.split())
