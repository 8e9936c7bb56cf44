"""What an upload and a download of 100 MB cost beside a blocking socket, plain and TLS."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.carrier import WORKS
from tests.benchmarks.lab import Lab, Rows
from tests.benchmarks.server import ROOT, serving
from tests.emulator.clips import mp4

SIZE = 100_000_000


def large_clip(path: Path, size: int) -> Path:
    """A clip of `size` bytes that takes no room on the disk."""
    head = mp4(5.0)
    head = head[:-8] + (size - len(head) + 8).to_bytes(4) + b"mdat"
    path.write_bytes(head)
    os.truncate(path, size)
    return path


def measure(lab: Lab) -> dict[str, Rows]:
    """CPU, growth of memory and longest gap of the event loop, for each way to carry a file."""
    found = {}
    memory = Path("/dev/shm")  # the disk is not what is measured: a file that is saved is on it when its name appears
    with (
        tempfile.TemporaryDirectory() as place,
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as saved,
    ):
        clip = large_clip(Path(place) / "clip.mp4", SIZE)
        large_clip(Path(place) / "warm.mp4", 1_000_000)
        clip.read_bytes()  # into the system's memory, for everyone alike
        found["plain"] = _measure(lab, "plain", clip, Path(saved), None)
        if importlib.util.find_spec("trustme") is None:
            lab.say("  no transfers over TLS: trustme is not installed")
        else:
            found["TLS"] = _measure(lab, "TLS", clip, Path(saved), _certificate(Path(place)))
    return found


def _certificate(place: Path) -> Path:
    """A certificate for loopback with its key, and in the same file the authority that clients have to trust."""
    import trustme

    authority = trustme.CA()
    chain, trusted = place / "server.pem", place / "authority.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain))
    authority.cert_pem.write_to_path(str(trusted))
    return chain


def _measure(lab: Lab, kind: str, clip: Path, saved: Path, chain: Path | None) -> Rows:
    lab.say(f"  upload and download of 100 MB, {kind}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = []
    if chain is not None:
        environment["SSL_CERT_FILE"] = str(chain.with_name("authority.pem"))
        arguments.append(str(chain))
    rows: Rows = {}
    with serving("tests.benchmarks.sink", *arguments) as port:
        url = f"{'http' if chain is None else 'https'}://127.0.0.1:{port}"

        def once(name: str) -> dict[str, float]:
            file = clip if name.startswith("upload") else saved / clip.name
            command = [sys.executable, "-m", "tests.benchmarks.carrier", name, url, str(file), str(SIZE)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
            row: dict[str, float] = json.loads(done.stdout)
            return row

        for direction in ("upload", "download"):
            ways = [name for name in WORKS if name.startswith(direction)]
            rows |= lab.interleaved(ways, once, of="ms", reference=f"{direction}, blocking socket")
    return rows
