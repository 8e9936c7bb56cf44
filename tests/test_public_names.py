"""The public surface: sorted, complete, and cheap to import."""

from __future__ import annotations

import ast
import importlib.resources
import inspect
import re
import subprocess
import sys
from types import ModuleType

import pytest

import klingmotion
from klingmotion import accounts, assets, errors, models, videos


def test_public_names_are_sorted() -> None:
    """`__all__` reads like an index, each name once."""
    assert klingmotion.__all__ == sorted(set(klingmotion.__all__))


@pytest.mark.parametrize("name", klingmotion.__all__)
def test_public_names_can_be_imported(name: str) -> None:
    """Every promised name is there."""
    assert hasattr(klingmotion, name)


@pytest.mark.parametrize("module", [errors, models, accounts, assets, videos])
def test_every_public_class_of_errors_and_models_is_promised(module: ModuleType) -> None:
    """What a caller can catch or receive can be named without knowing the inside."""
    own = {
        name
        for name, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and not name.startswith("_")
    }
    assert own - set(klingmotion.__all__) == set()
    assert all(getattr(klingmotion, name) is getattr(module, name) for name in own)


def test_nothing_public_is_left_out() -> None:
    """Every name the package module holds is promised, a submodule, or private."""
    held = {
        name
        for name, found in vars(klingmotion).items()
        if not name.startswith("_") and not inspect.ismodule(found) and name != "TYPE_CHECKING"
    }  # fmt: skip
    assert held - set(klingmotion.__all__) == set()


def test_every_promised_name_has_a_home_and_no_other() -> None:
    """Names are imported when they are first asked for, from the module that type checkers are told of too."""
    assert {*klingmotion._HOMES, "__version__"} == set(klingmotion.__all__)
    tree = ast.parse(inspect.getsource(klingmotion))
    [checked] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    told = {
        alias.name: (node.module or "").removeprefix("klingmotion.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == klingmotion._HOMES


def test_an_unknown_name_is_no_attribute() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        klingmotion.nothing  # type: ignore[attr-defined]  # noqa: B018  # asking for it is the test
    assert set(klingmotion.__all__) <= set(dir(klingmotion))


def test_a_star_import_gives_exactly_the_promised_names() -> None:
    """What `__all__` says is what a user gets."""
    got: dict[str, object] = {}
    exec("from klingmotion import *", got)
    assert set(got) - {"__builtins__"} == set(klingmotion.__all__)


def test_the_version_is_a_release_number() -> None:
    """`__version__` has three numbers, as the changelog counts."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", klingmotion.__version__)


def test_the_package_is_typed() -> None:
    """The marker that tells type checkers to read our annotations lies beside the code."""
    assert importlib.resources.files("klingmotion").joinpath("py.typed").is_file()


def test_importing_the_library_imports_no_extra() -> None:
    """A web service that needs the client loads no command line, no database and no stand-in server."""
    unwanted = ("typer", "rich", "tinytag", "sqlite3", "klingmotion.cli", "klingmotion.emulator")
    code = f"import sys; from klingmotion import *; print([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)
