"""What a user reads is true: its examples run, its links lead somewhere, its lists are complete."""

from __future__ import annotations

import ast
import inspect
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from typer.core import TyperGroup
from typer.main import get_command

import klingmotion
import klingmotion.emulator
from klingmotion.cli.app import COMMANDS, application
from klingmotion.cli.failure import ExitCode
from klingmotion.emulator import Emulator
from klingmotion.emulator.artefacts import cover_png
from tests.stage import CLIP

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)]
REFERENCE = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
COMMAND_LINE = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")

#: A fenced block that says it is Python is run. One that cannot run alone is a `{code-block}` or of another language.
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUBMITS = re.compile(r"\.(?:submit|extract|create)_(?:motions?|video)\(")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """The Python blocks of a page, with the number of the line before each."""
    text = page.read_text(encoding="utf-8")
    for found in PYTHON_BLOCK.finditer(text):
        yield text.count("\n", 0, found.start(1)), found[1]


def examples(*, tests: bool) -> list[Any]:
    """Programs to run, or files of tests to hand to pytest."""
    return [
        pytest.param(page, line, source, id=f"{page.relative_to(ROOT)}:{line}")
        for page in PAGES
        for line, source in blocks(page)
        if ("def test_" in source) is tests
    ]


def loaded(page: Path, line: int, source: str) -> dict[str, Any]:
    """The names of an example. Of an `asyncio.run(...)` at its end only the coroutine is made, and called `last`."""
    tree = ast.parse("\n" * line + source, str(page))
    final = tree.body[-1]
    if isinstance(final, ast.Expr) and ast.unparse(final).startswith("asyncio.run("):
        assert isinstance(final.value, ast.Call)
        assign = ast.Assign(targets=[ast.Name("last", ast.Store())], value=final.value.args[0])
        tree.body[-1] = ast.fix_missing_locations(ast.copy_location(assign, final))
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(tree, str(page), "exec"), names)
    return names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory an example runs in: it has a clip and an image, the environment neither proxy nor account."""
    (tmp_path / "dance.mp4").write_bytes(CLIP.read_bytes())
    (tmp_path / "me.png").write_bytes(cover_png(320, 320))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name == "USEAPI_EMAIL"]:
        monkeypatch.delenv(name)
    return tmp_path


def point_at(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples that name no server talk to the emulator."""
    monkeypatch.setenv("KLINGMOTION_BASE_URL", emulator.url)
    monkeypatch.setenv("USEAPI_TOKEN", emulator.token)


@pytest.mark.parametrize(("page", "line", "source"), examples(tests=False))
async def test_every_program_runs(
    page: Path, line: int, source: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program from the documentation does its job against the emulator, and submits once at most for each clip."""
    async with Emulator() as emulator:
        point_at(emulator, monkeypatch)
        names = loaded(page, line, source)
        if "last" in names:
            await names["last"]
            submits = emulator.books.count("submit_motion") + emulator.books.count("submit_video")
            assert submits == len(emulator.books.tasks) == int(SUBMITS.search(source) is not None)
            assert (folder / "out").is_dir() == ("session.download_" in source)


async def test_the_web_service_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application of the page on web services takes a clip, and gives the motion once it is there."""
    page = DOCS / "how-to" / "services.md"
    line, source = next(block for block in blocks(page) if "make_app" in block[1])
    async with Emulator() as emulator:
        point_at(emulator, monkeypatch)
        async with TestClient(TestServer(loaded(page, line, source)["make_app"]())) as client:
            refused = await client.post("/motions", data=b"no video")
            assert refused.status == 400
            taken = await client.post("/motions", data=(folder / "dance.mp4").read_bytes())
            key = (await taken.json())["key"]
            answer = await client.get(f"/motions/{key}")
            assert (await answer.json())["bvh_url"].startswith("http")
            assert (await client.get("/motions/none")).status == 404


def test_every_test_of_the_pages_passes(tmp_path: Path) -> None:
    """The tests a user is shown pass as they stand, with the fixture and without other plugins."""
    shutil.copy(str(CLIP), tmp_path / "dance.mp4")
    shown = [param.values for param in examples(tests=True)]
    for number, (_, _, source) in enumerate(shown):
        (tmp_path / f"test_shown_{number}.py").write_text(str(source), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugin = "klingmotion.emulator.pytest_plugin"
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-q", "-p", plugin]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = sum(str(source).count("def test_") for _, _, source in shown)
    assert f"{wanted} passed" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    """Every relative link names a file that is there."""
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).is_file()] == []


@pytest.mark.parametrize("module", [klingmotion, klingmotion.emulator], ids=lambda module: module.__name__)
def test_every_public_name_is_in_the_reference(module: Any) -> None:
    """What can be imported can be looked up."""
    named = set(re.findall(rf"^\.\. [\w:]+:: {re.escape(module.__name__)}\.(\w+)$", REFERENCE, re.MULTILINE))
    assert set(module.__all__) - named == set()


@pytest.mark.parametrize("module", [klingmotion, klingmotion.emulator], ids=lambda module: module.__name__)
def test_examples_in_docstrings_are_marked_as_code(module: Any) -> None:
    """A block that is only indented would come out as prose, quotation marks and all."""
    named = [getattr(module, name) for name in module.__all__]
    members = [member for one in named if inspect.isclass(one) for _, member in inspect.getmembers(one)]
    ours = [one for one in named + members if str(getattr(one, "__module__", "")).startswith("klingmotion")]
    texts = {inspect.getdoc(one) or "" for one in ours}
    assert len(texts) > 20
    blocks = [pair for text in texts for pair in itertools.pairwise(text.split("\n\n")) if pair[1].startswith("    ")]
    assert [before for before, _ in blocks if not before.endswith("::")] == []


def test_every_command_is_on_its_page_and_no_other() -> None:
    """The page on the command line knows the commands, and no page shows one that does not exist."""
    commands = {name for name, *_ in COMMANDS}
    assert set(re.findall(r"^`klingmotion (\w+)", COMMAND_LINE, re.MULTILINE)) == commands
    shells = "\n".join(shell for page in PAGES for shell in SHELL_BLOCK.findall(page.read_text(encoding="utf-8")))
    assert set(re.findall(r"\bklingmotion ([a-z]+)", shells)) <= commands


def test_every_option_of_a_command_is_on_its_page_and_no_other() -> None:
    """What a command's line on the page shows is what the command takes, and so is what any example gives it."""
    group = get_command(application())
    assert isinstance(group, TyperGroup)
    taken = {}
    for name, command in group.commands.items():
        if command.hidden:
            continue  # another name of one that is shown
        options = (spelled for parameter in command.params for spelled in parameter.opts)
        taken[name] = {spelled for spelled in options if spelled.startswith("--")} - {"--help"}
    lines = re.findall(r"^`klingmotion (\w+)(.*)`$", COMMAND_LINE, re.MULTILINE)
    assert {name: set(re.findall(r"--[a-z-]+", line)) for name, line in lines} == taken
    shells = "\n".join(shell for page in PAGES for shell in SHELL_BLOCK.findall(page.read_text(encoding="utf-8")))
    for name, line in re.findall(r"\bklingmotion ([a-z]+)([^|#\n]*)", shells):
        assert set(re.findall(r"--[a-z-]+", line)) <= taken[name], line


def test_every_exit_code_and_event_is_on_the_page_of_the_command_line() -> None:
    """Programs that call the command find what it tells them."""
    codes = set(re.findall(r"^\| (\d+) \|", COMMAND_LINE, re.MULTILINE))
    assert codes == {str(int(code)) for code in ExitCode}
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "klingmotion" / "cli").glob("*.py"))
    events = set(re.findall(r"""\bEvent\(\s*"(\w+)""", sources))
    assert events
    assert events - set(re.findall(r"^\| `(\w+)` \|", COMMAND_LINE, re.MULTILINE)) == set()
