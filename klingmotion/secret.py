"""A secret text, and how it is kept out of what others may see. No I/O."""

from __future__ import annotations

import re

#: What every encoder leaves as it is.
_PLAIN = re.compile(rb"[A-Za-z0-9]+")

#: What any other spelling has in it. As numbers, for these are found eight times as fast as bytes of one sign.
_BACKSLASH, _PERCENT = b"\\%"


#: Letters from which a part of a secret tells it from other texts.
_TELLING = 8


class Secret:
    """A text that shows itself to no one by accident."""

    __slots__ = ("_encoded", "_escaped", "_plain", "_tail", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._encoded = text.encode()
        #: Its longest part that is the same in every spelling.
        self._plain = max(_PLAIN.findall(self._encoded), key=len, default=b"")
        #: What a server may repeat without what stands before it; not so little that it may stand for something else.
        tail = self._encoded.partition(b":")[2]
        self._tail = tail if len(tail) >= _TELLING else self._encoded
        self._escaped: re.Pattern[bytes] | None = None

    def reveal(self) -> str:
        """The text."""
        return self._text

    def taken_out_of(self, content: bytes) -> bytes:
        """`content`, with asterisks wherever it repeats the text: as it is, or escaped as in JSON or in a URL."""
        if self._tail in content:  # hardly ever
            content = content.replace(self._encoded, b"***").replace(self._tail, b"***")
        if (_BACKSLASH in content or _PERCENT in content) and self._plain in content:  # hardly ever
            if self._escaped is None:
                self._escaped = re.compile(b"".join(map(_spellings, self._text)))
            content = self._escaped.sub(b"***", content)
        return content

    def __repr__(self) -> str:
        return "Secret(***)"


def _spellings(sign: str) -> bytes:
    """A pattern for a letter or sign however it is escaped, also in a text within a text."""
    number = f"(?i:{ord(sign):02x})"
    bare = r"\\{0,8}" if sign in '/"\\' else ""
    return rf"(?:{bare}{re.escape(sign)}|\\{{1,8}}u00{number}|%(?:25){{0,4}}{number})".encode()
