"""The order of the modules, read from their imports: every layer knows only the ones below it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "klingmotion"

#: From the bottom up. A module may import from earlier rungs only, never from its own.
RUNGS = (
    {"errors", "blanks", "links", "secret"},
    {"refs"},
    {"models"},
    {"accounts", "assets", "videos", "forms"},
    {"primitives", "fields"},
    {"readers"},
    {"converter"},
    {"wire"},
    {"requests", "responses"},
    {"refusals", "configuration"},
    {"replies", "webhooks"},
    {"hearing"},
    {"retry", "eta", "transport", "known_tasks", "evidence", "glance", "limits", "hooks"},
    {"archive", "body", "media", "calls", "history", "http_sessions"},
    {"http_failures"},
    {"aiohttp_transport", "progress", "sources"},
    {"fetching"},
    {"witnesses", "roster", "farewell", "uploads", "downloads", "video_downloads", "listing", "inventory"},
    {"reconciliation", "schedule"},
    {"submitting"},
    {"waiting"},
    {"engine"},
    {"batch"},
    {"batch.journal", "batch.troubles"},
    {"batch.database", "batch.lock", "batch.outcome", "batch.intake", "batch.governor", "batch.crew", "batch.queues"},
    {"batch.records", "batch.orders", "batch.register"},
    {"batch.sqlite_journal", "batch.position", "batch.report"},
    {"batch.submission"},
    {"batch.passage"},
    {"batch.conductor"},
    {"batch.batch"},
    {"session.core"},
    {"session.accounts", "session.assets", "session.batches", "session.motions", "session.tasks", "session.videos"},
    {"session"},
    {"__init__"},
    {"cli", "emulator"},
    {"__main__"},
)
RUNG = {module: number for number, rung in enumerate(RUNGS) for module in rung}

#: Which of our modules may know a library.
OWNERS = {
    "aiohttp": {"aiohttp_transport", "http_failures", "http_sessions", "session.core"},  # the last: see below
    "yarl": {"aiohttp_transport", "progress"},
    "tenacity": {"retry"},
    "cattrs": {"converter"},
    "tinytag": {"media"},
}
CORE = {"aiohttp", "yarl", "attrs", "cattrs", "tenacity", "tinytag"}

#: Packages that have an order of their own, not one of modules: they stand as one.
WHOLE = ("cli", "emulator")


def name_of(path: Path) -> str:
    """A module's name within the package: `calls`, `session.core`; that of a package for its `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in WHOLE)
NAMES = {name_of(path) for path in MODULES} | set(WHOLE)
CLIENT = [path for path in MODULES if path.stem != "__main__"]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Dotted names a module imports when it runs: not those that only a type checker follows."""
    todo: list[ast.AST] = [parsed(path)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        todo += ast.iter_child_nodes(node)


def ours(path: Path) -> set[str]:
    """The modules of the package that a module of it imports."""
    found = set()
    for dotted in imports(path):
        top, _, rest = dotted.partition(".")
        if top == "klingmotion":
            known = (name for name in (rest, rest.rpartition(".")[0], rest.split(".")[0]) if name in NAMES)
            found.add(next(known, "__init__"))
    return found


def foreign(path: Path) -> set[str]:
    """The packages from elsewhere that a module imports."""
    return {dotted.split(".")[0] for dotted in imports(path)} - {"klingmotion"}


def test_imports_are_found_where_they_are(tmp_path: Path) -> None:
    """The reading itself: plain, from, inside functions, but not for type checkers."""
    source = """
from typing import TYPE_CHECKING
import klingmotion.wire as w
from klingmotion import replies, Task
from klingmotion.session.core import SessionCore
if TYPE_CHECKING:
    from klingmotion.session import MotionSession
else:
    from klingmotion.calls import Calls
if not TYPE_CHECKING:
    import stat
def late():
    import tinytag
"""
    path = tmp_path / "sample.py"
    path.write_text(source, encoding="utf-8")
    assert ours(path) == {"wire", "replies", "__init__", "session.core", "calls"}
    assert foreign(path) == {"typing", "stat", "tinytag"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_from_rungs_below_its_own(path: Path) -> None:
    """Every module has a place in the order, and what it imports comes earlier in it. So there is no cycle."""
    assert name_of(path) in RUNG, f"{path.name} has no rung yet: give it one"
    above = {other for other in ours(path) if RUNG[other] >= RUNG[name_of(path)]}
    assert above == set()


def test_the_order_names_no_module_that_is_gone() -> None:
    """The table stays true when modules move."""
    assert set(RUNG) - NAMES == set()


@pytest.mark.parametrize("path", CLIENT, ids=name_of)
def test_each_library_is_known_to_one_module(path: Path) -> None:
    """Another HTTP, retry or conversion library would change one file."""
    unowned = {name for name in foreign(path) & OWNERS.keys() if name_of(path) not in OWNERS[name]}
    assert unowned == set()


@pytest.mark.parametrize("path", CLIENT, ids=name_of)
def test_the_client_needs_nothing_but_its_core_dependencies(path: Path) -> None:
    """Everything else it imports is the standard library."""
    assert foreign(path) - CORE - sys.stdlib_module_names == set()


def test_the_session_names_aiohttp_in_annotations_only() -> None:
    """`http: aiohttp.ClientSession | None` is the one word of HTTP the session says; it never uses the library."""
    tree = parsed(PACKAGE / "session" / "core.py")
    annotations = [
        part
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if part is not None
    ]
    annotated = {name for part in annotations for name in ast.walk(part) if isinstance(name, ast.Name)}
    used = {node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "aiohttp"}
    assert used
    assert used <= annotated


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "emulator").rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_the_emulator_shares_nothing_with_the_client(path: Path) -> None:
    """A mistake both had in common would hide itself, so the stand-in spells everything on its own."""
    mine = {name for name in imports(path) if name.split(".")[0] == "klingmotion"}
    assert {name for name in mine if not f"{name}.".startswith("klingmotion.emulator.")} == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_nouns_for_what_they_hold(path: Path) -> None:
    """No drawer for everything."""
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "base", "misc"}
