"""Runs every `async def` test on a loop in virtual time: no test waits for real time."""

from __future__ import annotations

import inspect

import pytest

from tests.virtual_time import run_virtual


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    run_virtual(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True
