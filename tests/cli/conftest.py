from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from klingmotion.emulator import Emulator, ThreadedEmulator
from tests.cli.shell import SAMPLE


@pytest.fixture
def emulator() -> Iterator[ThreadedEmulator]:
    with ThreadedEmulator(Emulator()) as running:
        yield running


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Path(shutil.copy(SAMPLE, tmp_path / "walk.mp4"))
