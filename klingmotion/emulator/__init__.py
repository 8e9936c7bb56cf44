"""A local stand-in for the API: it serves, refuses and fails as the HTTP contract says.

Names are imported when first used: the pytest plugin lives in this package, and every pytest run loads it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klingmotion.emulator.books import Books, CreatedTask, SeenRequest, SentCallback
    from klingmotion.emulator.chaos import Chaos
    from klingmotion.emulator.damage import (
        Corrupt,
        CutAt,
        IgnoreRange,
        Replace,
        ServeBytes,
        Truncate,
        TruncateJson,
        WrongType,
    )
    from klingmotion.emulator.emulator import Emulator
    from klingmotion.emulator.faults import (
        DropAfter,
        DropBefore,
        DropMidBody,
        Empty,
        Fault,
        Html,
        Pass,
        RateLimited,
        Redirect,
        Reset,
        Slow,
        StallAfter,
        StallBefore,
        Status,
        Vanish,
    )
    from klingmotion.emulator.ledger import Asset, Motion
    from klingmotion.emulator.media import Media
    from klingmotion.emulator.outcomes import Outcome
    from klingmotion.emulator.rules import Account, ByLooks, ByTime, Lag, Progress, RetryAfter
    from klingmotion.emulator.tasks import Task
    from klingmotion.emulator.threaded import ThreadedEmulator

__all__ = [
    "Account",
    "Asset",
    "Books",
    "ByLooks",
    "ByTime",
    "Chaos",
    "Corrupt",
    "CreatedTask",
    "CutAt",
    "DropAfter",
    "DropBefore",
    "DropMidBody",
    "Empty",
    "Emulator",
    "Fault",
    "Html",
    "IgnoreRange",
    "Lag",
    "Media",
    "Motion",
    "Outcome",
    "Pass",
    "Progress",
    "RateLimited",
    "Redirect",
    "Replace",
    "Reset",
    "RetryAfter",
    "SeenRequest",
    "SentCallback",
    "ServeBytes",
    "Slow",
    "StallAfter",
    "StallBefore",
    "Status",
    "Task",
    "ThreadedEmulator",
    "Truncate",
    "TruncateJson",
    "Vanish",
    "WrongType",
]

_HOMES = {
    "books": "Books CreatedTask SeenRequest SentCallback",
    "chaos": "Chaos",
    "damage": "Corrupt CutAt IgnoreRange Replace ServeBytes Truncate TruncateJson WrongType",
    "emulator": "Emulator",
    "faults": "DropAfter DropBefore DropMidBody Empty Fault Html Pass RateLimited Redirect Reset Slow StallAfter "
    "StallBefore Status Vanish",
    "ledger": "Asset Motion",
    "media": "Media",
    "outcomes": "Outcome",
    "rules": "Account ByLooks ByTime Lag Progress RetryAfter",
    "tasks": "Task",
    "threaded": "ThreadedEmulator",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

if not TYPE_CHECKING:  # else a type checker would take any name for one of ours

    def __getattr__(name):
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
