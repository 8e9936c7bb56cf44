"""The benchmarks stay runnable: their modules load, and their fake server answers the clients that are always there."""

from __future__ import annotations

import importlib
import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.benchmarks import picture, table
from tests.benchmarks.clients import CLIENTS, OURS, PLAIN
from tests.benchmarks.control import Control
from tests.benchmarks.lab import Lab
from tests.benchmarks.schedule import walk, walk_on
from tests.benchmarks.server import serving

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: path.stem)
def test_every_module_loads(path: Path) -> None:
    """No part of the benchmarks needs a peer in order to be imported."""
    importlib.import_module(f"tests.benchmarks.{path.stem}")


def test_the_fake_server_counts_looks_and_connections() -> None:
    """Ours and the reference are served alike: as many looks as were planned, over one connection."""
    with serving("tests.benchmarks.server") as port:
        lab = Lab(f"http://127.0.0.1:{port}", rounds=1, quick=True)
        for name in (OURS, PLAIN):
            answer = lab.run(name, "cpu", interval=0.001, looks=3)
            assert answer is not None
            assert answer["looks"] == 3
            assert answer["us"] > 0
        with closing(Control(lab.url)) as control:
            control.plan()
            control.submit()
            assert control.seen().final_at == [None]


def test_every_client_has_its_driver() -> None:
    """A client of the list names a module that is there."""
    assert [
        client.name for client in CLIENTS.values() if not (HERE / "drivers" / f"{client.module}.py").is_file()
    ] == []


def test_the_schedule_is_walked_in_virtual_time() -> None:
    """A wait of a minute ends within a tenth of it."""
    ((lag, looks),) = walk([60.0])
    assert 0 <= lag <= 6.0
    assert looks > 1


def test_a_session_that_goes_on_needs_fewer_looks() -> None:
    """It has learnt when tasks end; one that begins anew each time has not."""
    jobs = [60.0] * 21
    assert walk_on(jobs)[0] == walk(jobs)[0]
    assert walk_on(jobs)[-1][1] < walk(jobs)[-1][1]


def test_figures_become_a_table_and_a_picture() -> None:
    """What was measured is shown, what was not is said."""
    about = {"day": "2026-11-22", "machine": "x", "cores": 2, "python": "3", "rounds": 1, "quick": True}
    row = {"us": 100.0, "ratio": 1.25}
    figures = {
        "about": about | {"versions": {"aiohttp": "3"}, "missing": ["openai"]},
        "looks": {"100 waits": {OURS: row, PLAIN: {"us": 80.0, "ratio": 1.0}}},
    }
    text = table.written(json.loads(json.dumps(figures)))
    assert "| CPU per look, 100 waits | 0.95 x | 1.25 x | **missed** |" in text
    assert "not measured: openai" in text
    assert "1.25" in picture.drawn(figures)
