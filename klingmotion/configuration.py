"""Where the API is and with what token: from arguments, else from the environment."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

from klingmotion.errors import ConfigurationError, InvalidRequestError
from klingmotion.requests import checked_email, checked_url

#: Where the API lives, unless said otherwise.
BASE_URL: Final = "https://api.useapi.net/v1/kling"


def token_trouble(token: str | None) -> str | None:
    """What is wrong with the token, in words that do not repeat it."""
    if token is None:
        token = os.environ.get("USEAPI_TOKEN")
    if token is None or not isinstance(token, str) or not token.strip():
        return "no API token: pass token= or set $USEAPI_TOKEN (useapi.net shows it as user:<number>-<letters>)"
    if any(not "!" <= sign <= "~" for sign in token.strip()):
        return "the API token holds a space, a control character or a letter outside ASCII; copy it again"
    number, dash, tail = token.strip().removeprefix("user:").partition("-")
    if not token.strip().startswith("user:") or not number.isdigit() or not dash or not tail:
        return "the API token has not the shape user:<number>-<letters>; copy it whole, with user: in front"
    return None


def checked_base_url(given: str | None) -> str:
    """The base URL, without a slash at its end.

    Raises:
        ConfigurationError: It is not an http or https URL, or has more than origin and path.
    """
    url = given or os.environ.get("KLINGMOTION_BASE_URL") or BASE_URL
    trouble = ""
    try:
        url = checked_url("base_url", url).rstrip("/")
    except InvalidRequestError:
        trouble = "base_url must be an http or https URL"
    if not trouble and not _can_be_reached(url):
        trouble = "base_url names a host or a port that cannot be; it must be an http or https URL"
    if any(sign in url for sign in "?#@"):
        trouble = "base_url must have neither user, query nor fragment"
    if trouble:
        del given, url  # a token may have been pasted into it: neither text nor traceback repeat it
        raise ConfigurationError(f"{trouble}, such as {BASE_URL}")
    return url


def _can_be_reached(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:  # of encoding, too
        return False


def checked_account(given: str | None) -> str | None:
    """The linked account that calls use unless they say otherwise.

    Raises:
        ConfigurationError: It is not an email address.
    """
    try:
        return checked_email(given or os.environ.get("USEAPI_EMAIL") or None)
    except InvalidRequestError as error:
        raise ConfigurationError(str(error)) from None
