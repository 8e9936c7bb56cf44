"""The application: which commands there are.

A new one is a function in a module of its kind, and a line in `COMMANDS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import typer

import klingmotion
from klingmotion.cli import (
    accounts,
    batching,
    creating,
    emulating,
    extracting,
    inventory,
    journals,
    motions,
    streams,
    tasks,
)
from klingmotion.cli.display import Lines
from klingmotion.cli.execution import debug, failed
from klingmotion.cli.failure import ExitCode

_EPILOG: Final = """\
[bold]Examples[/]
  klingmotion demo
  klingmotion extract dance.mp4 --emulator

  export USEAPI_TOKEN='user:<number>-<letters>'
  klingmotion extract dance.mp4 walk.mp4 --out motions
  klingmotion batch clips --journal run.db --out motions
  klingmotion create --image me.png --motion dance.mp4 --out videos
  klingmotion wait 301000000000017 --out motions

[bold]Exit codes[/]
  0 done                     4 rejected or moderated
  1 anything else            5 task failed or gone
  2 usage or bad input       6 timed out
  3 account or token         7 unknown whether a submit was accepted
  130 interrupted
"""

#: Name, function, panel of the help.
COMMANDS: Final[tuple[tuple[str, Callable[..., None], str], ...]] = (
    ("demo", extracting.demo, "Without a token"),
    ("emulate", emulating.emulate, "Without a token"),
    ("extract", extracting.extract, "From clip to motion"),
    ("batch", batching.batch, "From clip to motion"),
    ("journal", journals.journal, "From clip to motion"),
    ("submit", tasks.submit, "From clip to motion"),
    ("create", creating.create, "From motion to video"),
    ("wait", tasks.wait, "From clip to motion"),
    ("list", motions.list_motions, "Motions of the account"),
    ("download", motions.download, "Motions of the account"),
    ("delete", tasks.delete, "Motions of the account"),
    ("assets", inventory.assets, "The account"),
    ("tasks", inventory.tasks, "The account"),
    ("accounts", accounts.accounts, "The account"),
    ("capacity", accounts.capacity, "The account"),
    ("running", accounts.running, "The account"),
)

#: Work ids of official templates are negative: not every word that begins with a dash is an option.
_SETTINGS: Final[dict[str, dict[str, object]]] = {"download": {"ignore_unknown_options": True}}


def _print_version(wanted: bool) -> None:
    if wanted:
        streams.answer(f"klingmotion {klingmotion.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[  # noqa: ARG001  # its callback does the work
        bool,
        typer.Option(
            "--version", metavar="", is_eager=True, callback=_print_version, help="Print the version and end."
        ),
    ] = False,
    debugging: Annotated[
        bool,
        typer.Option(
            "--debug", metavar="", help="Log each request and step on stderr, with tracebacks; never the token."
        ),
    ] = False,
) -> None:
    """Motion data (BVH) from videos of a person, and videos from motions, through the Kling API v1 of useapi.net.

    The API token is taken from $USEAPI_TOKEN. Answers go to stdout, everything else to stderr.
    """
    if debugging:
        debug()


def application() -> typer.Typer:
    """The typer application with all commands."""
    app = typer.Typer(
        callback=_options,
        help=_help(_options),
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, function, panel in COMMANDS:
        settings = _SETTINGS.get(name)
        app.command(name, help=_help(function), rich_help_panel=panel, context_settings=settings)(function)
    # What somebody looks for after an interruption: not a command of its own, so it is in no list.
    app.command("resume", help=_help(tasks.wait), hidden=True)(tasks.wait)
    return app


def _help(function: Callable[..., None]) -> str:
    """A function's docstring, with each paragraph on one line: the terminal's width is not the source's."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its exit code."""
    streams.prepare()
    try:
        application()(arguments, prog_name="klingmotion")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:  # before the command has begun
        return int(ExitCode.INTERRUPTED)
    except OSError as error:  # of the help: commands see to what they print themselves
        return int(failed(Lines(), streams.AnswerError.of(error)))
    except Exception as error:  # noqa: BLE001  # no traceback reaches a user, whatever it is
        return int(failed(Lines(), error))
    finally:
        streams.put_away()
    return 0
