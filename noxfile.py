"""What the project checks itself with. `pip install nox && nox` runs lint, types, tests and docs."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests", "docs"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
GROUPS = {name: nox.project.dependency_groups(PROJECT, name) for name in PROJECT["dependency-groups"]}

# A Python of the classifiers that is not on this machine is skipped, but the one that runs nox is always tested.
nox.options.error_on_missing_interpreters = False


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*GROUPS["lint"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, those of the tests and of a user's sample included."""
    session.install(".[cli]", *GROUPS["types"], *GROUPS["tests"])
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the installed package."""
    session.install(".[cli]", *GROUPS["tests"])
    session.run("pytest", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests on the oldest dependencies that pyproject.toml allows."""
    bounds = [bound.replace(">=", "==") for bound in PROJECT["project"]["dependencies"]]
    bounds += [bound.replace(">=", "==") for bound in PROJECT["project"]["optional-dependencies"]["cli"]]
    session.install(*bounds, *GROUPS["tests"])
    session.install("--no-deps", ".")
    session.run("pytest", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run thousands of extractions under random faults and print the table."""
    session.install(".", *GROUPS["tests"])
    session.run("pytest", "tests/test_soak.py", "-s", *session.posargs, env={"KLINGMOTION_SOAK_JOBS": "5000"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside other clients and write the table and the picture into the documentation; an hour, or --quick."""
    session.install(".", *GROUPS["tests"], *GROUPS["bench"])
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install(".[cli]", *GROUPS["docs"])
    target = Path("docs/_build/html")
    shutil.rmtree(target.parent, ignore_errors=True)
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", str(target))
