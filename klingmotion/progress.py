"""Telling a hook how far a transfer is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Generic, TypeVar

from klingmotion.calls import logger
from klingmotion.errors import InvalidRequestError

T = TypeVar("T")


def check_hook(on_progress: object) -> None:
    """Refuse a hook for bytes that is a coroutine function: it is called for every piece, and would never be awaited.

    Raises:
        InvalidRequestError: It is one.
    """
    call = on_progress.__call__ if callable(on_progress) else None
    if inspect.iscoroutinefunction(on_progress) or inspect.iscoroutinefunction(call):
        raise InvalidRequestError(
            f"on_progress must be a plain function, no coroutine function, got {on_progress!r:.80}"
        )


class Teller(Generic[T]):
    """Tells a hook. One that raises is left out from then on: a broken progress bar must not break a paid job.

    Raises:
        InvalidRequestError: The hook cannot be told.
    """

    def __init__(self, on_progress: Callable[[T], object] | None) -> None:
        check_hook(on_progress)
        self._on_progress = on_progress

    @property
    def listens(self) -> bool:
        """Whether anyone is told: to make a value for nobody costs more than all else a piece needs."""
        return self._on_progress is not None

    def tell(self, progress: T) -> None:
        """Tell it, if it still listens."""
        if self._on_progress is None:
            return
        try:
            self._on_progress(progress)
        except Exception:  # noqa: BLE001  # see the class: whatever it raises
            logger.exception("on_progress raised; it is not called again")
            self._on_progress = None
