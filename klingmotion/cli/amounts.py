"""Bytes and seconds in words."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes."""
    if count < 1000:
        return f"{int(count)} bytes"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def share_of(count: int, total: int) -> str:
    """Bytes of how many, both in the unit that suits the whole."""
    if total < 1000:
        return f"{count}/{total} bytes"
    unit, name = (1000, "kB") if total < 1_000_000 else (1_000_000, "MB")
    return f"{count / unit:.1f}/{total / unit:.1f} {name}"


def seconds(count: float) -> str:
    """A duration."""
    if count < 100:
        return f"{count:.1f} s"
    return f"{int(count) // 60} min {int(count) % 60} s"


def clock(count: float) -> str:
    """A duration as a clock shows it."""
    return f"{int(count) // 60}:{int(count) % 60:02d}"
