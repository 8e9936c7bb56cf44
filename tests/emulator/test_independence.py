"""The emulator is a second witness: it shares no code with the client."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import klingmotion.emulator

FOLDER = Path(klingmotion.emulator.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "aiohttp", "attrs", "pytest"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""


def test_it_imports_the_standard_library_aiohttp_attrs_and_itself() -> None:
    """Nothing else of the package is imported by any of its modules; pytest by the plugin alone."""
    for path in FOLDER.rglob("*.py"):
        for name in _imports(path):
            top = name.partition(".")[0]
            assert top in ALLOWED or name.startswith("klingmotion.emulator"), (path.name, name)
            assert top != "pytest" or path.name == "pytest_plugin.py"


def test_its_public_names_are_sorted_and_there() -> None:
    """`__all__` lists what users may import."""
    names = klingmotion.emulator.__all__
    assert names == sorted(names)
    assert all(hasattr(klingmotion.emulator, name) for name in names)
