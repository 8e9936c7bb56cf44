"""The emulator in its own thread, and the pytest fixture around it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

import klingmotion.emulator
from klingmotion.emulator import Emulator, Status, ThreadedEmulator

ROOT = Path(__file__).parents[2]

USERS_TEST = """
import urllib.error
import urllib.request
import pytest

def _get(emulator, path):
    request = urllib.request.Request(emulator.url + path, headers={"Authorization": "Bearer " + emulator.token})
    with urllib.request.urlopen(request) as answer:
        return answer.read()

def test_it_answers(kling_emulator):
    assert _get(kling_emulator, "/scheduler") == b"[]"
    assert kling_emulator.books.count("list_running") == 1

def test_it_is_new_for_each_test_and_fails_when_told(kling_emulator):
    assert kling_emulator.books.count() == 0
    from klingmotion.emulator import Status
    kling_emulator.fail("list_running", Status(503))
    with pytest.raises(urllib.error.HTTPError) as caught:
        _get(kling_emulator, "/scheduler")
    caught.value.close()
"""


def _get(emulator: ThreadedEmulator, path: str) -> bytes:
    request = urllib.request.Request(emulator.url + path, headers={"Authorization": f"Bearer {emulator.token}"})
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    assert isinstance(body, bytes)
    return body


def test_it_serves_callers_without_a_loop() -> None:
    """Plain blocking code can use it; its thread is gone afterwards."""
    with ThreadedEmulator(Emulator()) as emulator:
        assert _get(emulator, "/scheduler") == b"[]"
        task = emulator.run(lambda inner: inner.add_task(reply_ref="r"))
        assert str(task.id).encode() in _get(emulator, "/scheduler")
        assert [entry.reply_ref for entry in list(emulator.books.tasks)] == ["r"]
        emulator.fail("list_running", Status(500))
        with pytest.raises(urllib.error.HTTPError) as caught:
            _get(emulator, "/scheduler")
        caught.value.close()
    assert "klingmotion-emulator" not in {thread.name for thread in threading.enumerate()}


def test_errors_in_the_thread_reach_the_caller() -> None:
    """What `run` is given may raise, and a port in use fails the start."""
    with ThreadedEmulator(Emulator()) as emulator:
        with pytest.raises(ValueError, match="endpoint"):
            emulator.fail("nowhere", Status(500))
        port = int(emulator.url.split(":")[2].partition("/")[0])
        with pytest.raises(OSError, match="address"), ThreadedEmulator(Emulator(port=port)):
            pass
    with pytest.raises(RuntimeError):
        emulator.run(lambda inner: inner.url)


def test_the_plugin_gives_a_fresh_emulator_to_each_test(tmp_path: Path) -> None:
    """A user's test asks for `kling_emulator` and talks to it; warnings are errors."""
    (tmp_path / "test_users.py").write_text(USERS_TEST)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugin = "klingmotion.emulator.pytest_plugin"
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-q", "-p", plugin, "test_users.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


IMPORTS_LITTLE = """
import sys, types
package = sys.modules["klingmotion"] = types.ModuleType("klingmotion")  # the package, without what it imports itself
package.__path__ = [sys.argv[1]]
import klingmotion.emulator.pytest_plugin
assert "aiohttp" not in sys.modules
from klingmotion.emulator import Emulator
assert "aiohttp" in sys.modules
"""


def test_the_plugin_costs_a_run_that_does_not_use_it_next_to_nothing() -> None:
    """Loading the plugin loads no HTTP server; using a name of the emulator does."""
    subprocess.run([sys.executable, "-c", IMPORTS_LITTLE, str(ROOT / "klingmotion")], check=True)


def test_unknown_names_are_not_there() -> None:
    """The emulator's package has no attribute it does not list."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = klingmotion.emulator.no_such_name  # type: ignore[attr-defined]  # the checker agrees
