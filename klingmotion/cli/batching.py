"""The main job for many clips: a batch that may be interrupted at any time and goes on from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from klingmotion.cli import options
from klingmotion.cli.clips import clips as found_clips
from klingmotion.cli.display import Display
from klingmotion.cli.execution import execute
from klingmotion.cli.failure import ExitCode, Failure
from klingmotion.cli.files import make_ready
from klingmotion.cli.overview import Overview
from klingmotion.cli.runs import Order, Run
from klingmotion.engine import TIMEOUT
from klingmotion.session.batches import SETTLE

Clips = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CLIP|DIR|GLOB",
        help="Videos, as files, as patterns in quotes ('clips/**/*.mp4'), or as directories: all .mp4 and .mov in them,"
        " but not in directories inside. Without any, what the journal has is gone on with.",
    ),
]
JournalFile = Annotated[
    Path, typer.Option(metavar="FILE", help="What makes the batch resumable; on a local disk, made if it is missing.")
]
Accounts = Annotated[
    list[str] | None,
    typer.Option(
        "--account", metavar="ADDRESS", help="Linked accounts that share the work, between commas; may be repeated."
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(metavar="N", help="Most tasks of one account at once; else what it allows."),
]
Settle = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", parser=options.seconds, help="How long the task of an unclear submit may take to turn up."
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed", metavar="", help="Start clips that failed in an earlier run anew; this is paid for."
    ),
]
ResubmitUncertain = Annotated[
    bool,
    typer.Option(
        "--resubmit-uncertain", metavar="", help="Send submits again whose outcome stays unknown; this can pay twice."
    ),
]
Json = Annotated[
    bool, typer.Option("--json", metavar="", help="Print one JSON object per clip on stdout, and one with the totals.")
]


def batch(
    journal: JournalFile,
    out: options.Out,
    clips: Clips = None,
    account: Accounts = None,
    concurrency: Concurrency = None,
    settle: Settle = SETTLE,
    retry_failed: RetryFailed = False,
    resubmit_uncertain: ResubmitUncertain = False,
    parts: options.Parts = None,
    timeout: options.Timeout = TIMEOUT,
    emulator: options.Emulated = False,
    json: Json = False,
) -> None:
    """Extract the motion of many clips and save their files; each clip is paid for once, however often this is ended.

    Every step is in the journal before it is taken: the same command again goes on where the last run was ended, by
    Ctrl-C, an error or a power cut, and takes new clips in. Clips are known by their content. As many run at once as
    the accounts allow. The path of each BVH file is printed on stdout as soon as it is there.

    The first Ctrl-C submits nothing more and waits for what is submitted; the second ends at once. The exit code is 0
    only if all clips are done; if some are not for one kind of reason it is that one's, and for several 1.
    """
    accounts = _separate(account or [])

    async def work(display: Display) -> ExitCode:
        saved = options.chosen(parts)
        arguments = tuple(clips or ())
        order = Order(
            arguments=arguments,
            clips=tuple(found_clips(arguments, out=out, saves_videos=saved is None or "video" in saved)),
            journal=journal,
            out=out,
            accounts=accounts,
            concurrency=concurrency,
            settle=settle,
            parts=saved,
            timeout=timeout or None,
            retry_failed=retry_failed,
            resubmit_uncertain=resubmit_uncertain,
            emulated=emulator,
        )
        make_ready(out)
        return await Run(order, display).carry_out()

    execute(work, json=json, on_interrupt=_broken_off, live=Overview, steps=False)


def _broken_off(display: Display) -> ExitCode:
    """Ctrl-C before the batch has begun, or pressed once more when it was to end already."""
    display.fail(Failure.of(KeyboardInterrupt("interrupted; the same command again goes on")))
    return ExitCode.INTERRUPTED


def _separate(values: list[str]) -> tuple[str, ...]:
    named = tuple(one.strip() for value in values for one in value.split(","))
    for one in named:
        if "@" not in one:
            raise typer.BadParameter(f"{one!r} is not the address of a linked account", param_hint="'--account'")
    return named
