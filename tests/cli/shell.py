"""Runs the command line as a shell does: with streams, an environment and an exit code of its own.

`run` does it in this process, which is quick. Where signals, terminals, encodings or imports matter, it is a process
of its own: `run_apart`, `running`, `on_terminal`.
"""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO

import pytest

from klingmotion.cli import app
from klingmotion.emulator import Books, ThreadedEmulator

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "klingmotion/samples/walk.mp4"

# A process started in the background may ignore SIGINT, and its children with it: here it always means Ctrl-C.
START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from klingmotion.__main__ import main; sys.exit(main())"
)
COMMAND = [sys.executable, "-W", "error", "-c", START]

PATIENCE = 30.0

Object = dict[str, object]


def environment(emulator: ThreadedEmulator | None, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the command finds in its environment: the emulator, if there is one."""
    ours = ("KLINGMOTION_", "USEAPI_", "FORCE_COLOR", "NO_COLOR", "GITHUB_ACTIONS", "PY_COLORS")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    found = {} if emulator is None else {"KLINGMOTION_BASE_URL": emulator.url, "USEAPI_TOKEN": emulator.token}
    plain = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", "TERM": "xterm-256color"}
    return inherited | plain | found | dict(settings or {})


def run(
    *arguments: str | Path, emulator: ThreadedEmulator | None = None, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this process, with nobody at the keyboard."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    words = [str(argument) for argument in arguments]
    found = environment(emulator, settings)
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open(encoding="utf-8") as nobody:
        for name in os.environ.keys() - found.keys():
            patch.delenv(name)
        for name, value in found.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", nobody)
        with redirect_stdout(out), redirect_stderr(err):
            code = app.run(words)
    said = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        said.append(stream.read())
    return subprocess.CompletedProcess(words, code, *said)


def run_apart(
    *arguments: str | Path,
    emulator: ThreadedEmulator | None = None,
    settings: Mapping[str, str] | None = None,
    out: IO[str] | int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a process of its own, with nobody at the keyboard."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(emulator, settings),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


class Running:
    """A command under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.talk = ""

    def until(self, marker: str, stream: IO[str] | None = None) -> str:
        """Read its stderr, or another stream, up to and with the line that holds `marker`."""
        stream = stream or self.process.stderr
        assert stream is not None
        for line in stream:
            if stream is self.process.stderr:
                self.talk += line
            if marker in line:
                return line
        raise AssertionError(f"the command ended without a line with {marker!r}; it said:\n{self.talk}")

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Press Ctrl-C, or send another signal; exit code, stdout and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, self.talk + err


@contextmanager
def running(*arguments: str | Path, emulator: ThreadedEmulator | None = None) -> Iterator[Running]:
    """Start a command; it is ended in any case."""
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=environment(emulator),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def on_terminal(
    *arguments: str | Path,
    emulator: ThreadedEmulator | None = None,
    typed: str = "",
    settings: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a command on a terminal, with `typed` at its keyboard; exit code and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=environment(emulator, settings),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    try:
        while select.select([ours], [], [], PATIENCE)[0]:
            shown += os.read(ours, 65536)
        process.kill()
    except OSError:  # how Linux says that the other side is gone
        pass
    finally:
        os.close(ours)
        process.wait(PATIENCE)
    return process.returncode, shown.decode()


def once(emulator: ThreadedEmulator, condition: Callable[[Books], bool]) -> None:
    """Return as soon as the emulator's books show something."""
    latest = time.monotonic() + PATIENCE
    while not emulator.run(lambda inner: condition(inner.books)):
        assert time.monotonic() < latest, "the emulator never saw it"


def resumed(talk: str) -> list[str]:
    """The words of the command that resumes, as a shell reads them."""
    lines = [line.strip() for line in talk.splitlines()]
    return shlex.split(lines[lines.index("to resume:") + 1])


def objects(text: str) -> list[Object]:
    """The JSON objects of an output, one on each line."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(document, dict) for document in found)
    return found


def names(documents: list[Object]) -> list[object]:
    """The events' names, in order."""
    return [document["event"] for document in documents]
