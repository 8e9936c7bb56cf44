"""URLs that are spelled otherwise than they were sent."""

from __future__ import annotations

import pytest

from klingmotion.links import same_file, same_url

SENT = "https://cdn.example.test/in/clip%201~a.mp4?sign=abc"


@pytest.mark.parametrize(
    ("other", "url", "file"),
    [
        (SENT, True, True),
        ("http://CDN.example.test/in/clip%201%7Ea.mp4?sign=abc", True, True),
        ("https://cdn.example.test/in/clip 1~a.mp4?sign=%61bc", True, True),
        ("https://cdn.example.test/in/clip%201~a.mp4?sign=xyz", False, True),
        ("https://cdn.example.test/in/clip%201~a.mp4", False, True),
        ("https://cdn.example.test/in/clip%202~a.mp4?sign=abc", False, False),
        ("https://other.example.test/in/clip%201~a.mp4?sign=abc", False, False),
        ("https://cdn.example.test/in/CLIP%201~a.mp4?sign=abc", False, False),
        ("https://[cdn", False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_a_url_is_one_in_any_spelling_and_a_file_with_any_signature(other: str | None, url: bool, file: bool) -> None:
    assert same_url(SENT, other) is same_url(other, SENT) is url
    assert same_file(SENT, other) is same_file(other, SENT) is file


def test_nothing_is_no_url() -> None:
    """Two that are missing are not one."""
    assert not same_url(None, None)
    assert not same_file(None, None)
