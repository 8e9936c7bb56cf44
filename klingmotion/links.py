"""URLs compared: a list may spell one otherwise than it was sent, or sign it anew."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit


def same_url(one: str | None, other: str | None) -> bool:
    """Whether two URLs are one but for scheme, case of the host and percent-encoding."""
    return _are_alike(one, other, slice(None))


def same_file(one: str | None, other: str | None) -> bool:
    """Whether two URLs are one but for that and for the query: signatures in it differ from list to list."""
    return _are_alike(one, other, slice(2))


def same_path(one: str | None, other: str | None) -> bool:
    """Whether two URLs may lead to one file: on whatever host, and signed in whatever way."""
    return _are_alike(one, other, slice(1, 2))


def _are_alike(one: str | None, other: str | None, parts: slice) -> bool:
    """Whether some of host, path and query are the same in both."""
    if one is None or other is None:
        return False
    return one == other or _place(one)[parts] == _place(other)[parts]


def _place(url: str) -> tuple[str, str, str]:
    """Host, path and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = SplitResult("", "", url, "", "")
    return parts.netloc.lower(), unquote(parts.path), unquote(parts.query)
