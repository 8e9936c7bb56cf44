"""Which clips the arguments of `batch` mean: files, directories, and patterns that the shell left as they are."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from klingmotion.errors import InvalidRequestError

#: What a directory is searched for, in small or capital letters.
SUFFIXES: Final = (".mp4", ".mov")


def clips(arguments: Sequence[str], *, out: Path, saves_videos: bool) -> list[Path]:
    """The clips that are meant, each once, in the order of the arguments and sorted within one.

    A file is taken as it is, also if it is missing: the journal may know it.

    Args:
        arguments: As they were given.
        out: Where results are saved; where they lie, nothing is searched for.
        saves_videos: Whether there are videos among the results.

    Raises:
        InvalidRequestError: A directory or pattern has no clip, or would have the results among its clips.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        several = _search(argument)
        if several is None:
            found[Path(argument)] = None
            continue
        here = sorted(several())
        if not here:
            raise InvalidRequestError(_nothing(argument))
        if saves_videos and any(clip.parent.resolve() == out.resolve() for clip in here):
            raise InvalidRequestError(
                f"{argument} has clips in {out}, where the videos of the results go: the next run would take these for"
                " clips, and pay for them. Give another --out, or --parts without video"
            )
        found |= dict.fromkeys(here)
    return list(found)


def _search(argument: str) -> Callable[[], Iterator[Path]] | None:
    """How to find the clips of an argument; `None` if it is one itself."""
    path = Path(argument)
    if path.is_dir():
        return lambda: (file for file in path.iterdir() if _is_clip(file))
    if path.exists() or not glob.has_magic(argument):
        return None
    return lambda: (file for file in _matches(argument) if file.is_file())


def _matches(pattern: str) -> Iterator[Path]:
    return map(Path, glob.iglob(pattern, recursive=True))  # noqa: PTH207  # `Path.glob` refuses absolute patterns


def _is_clip(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _nothing(argument: str) -> str:
    way_on = "; without CLIP, what the journal has is gone on with"
    if Path(argument).is_dir():
        return (
            f"{argument} has no file that ends in {' or '.join(SUFFIXES)} (directories in it are not searched){way_on}"
        )
    return f"no file matches {argument}{way_on}"
