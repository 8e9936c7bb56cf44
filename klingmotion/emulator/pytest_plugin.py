"""The pytest plugin: one fixture. Every pytest run loads it, so it imports nothing until used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from klingmotion.emulator.threaded import ThreadedEmulator


@pytest.fixture
def kling_emulator() -> Iterator[ThreadedEmulator]:
    """A running emulator of the Kling API, in its own thread: `.url`, `.token`, `.fail(...)`, `.books`."""
    from klingmotion.emulator.emulator import Emulator
    from klingmotion.emulator.threaded import ThreadedEmulator

    with ThreadedEmulator(Emulator()) as emulator:
        yield emulator
