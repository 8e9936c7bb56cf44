"""A secret text, and how it is kept out of what others may see. No I/O."""

from __future__ import annotations


class Secret:
    """A text that shows itself to no one by accident."""

    __slots__ = ("_encoded", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._encoded = text.encode()

    def reveal(self) -> str:
        """The text."""
        return self._text

    def taken_out_of(self, content: bytes) -> bytes:
        """`content`, with asterisks wherever it repeats the text."""
        return content.replace(self._encoded, b"***")

    def __repr__(self) -> str:
        return "Secret(***)"
