"""The command that keeps an emulator running."""

from __future__ import annotations

from typing import Annotated

import typer

from klingmotion.cli.display import Display
from klingmotion.cli.execution import execute
from klingmotion.cli.failure import ExitCode

Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Where to listen; 0 takes a free port.")]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")]
MaxJobs = Annotated[int, typer.Option(metavar="N", min=1, max=50, help="How many tasks the account runs at once.")]
Rate = Annotated[float, typer.Option(metavar="RATE", min=0, max=1, help="The share of requests that goes wrong.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Another seed lets other requests go wrong.")]


def emulate(
    port: Port = 0,
    host: Host = "127.0.0.1",
    max_jobs: MaxJobs = 5,
    chaos: Rate = 0.0,
    seed: Seed = 0,
) -> None:
    """Keep a local stand-in for the API running, until Ctrl-C.

    On stdout come the two lines that let this package, and any other client in that shell, talk to it instead of the
    real API; on stderr one line for each request. Its tasks take about eight seconds.
    """
    from klingmotion.cli.serving import Settings, serve  # loads the emulator, which no other command needs

    settings = Settings(port=port, host=host, max_jobs=max_jobs, chaos_rate=chaos, seed=seed)
    execute(lambda display: serve(settings, display), on_interrupt=_stopped)


def _stopped(display: Display) -> ExitCode:
    """Ctrl-C is how it is meant to end."""
    display.say("Stopped.")
    return ExitCode.DONE
