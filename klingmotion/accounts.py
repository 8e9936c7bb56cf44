"""The Kling accounts linked to a useapi.net subscription, as values. What they log in with is not kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import frozen

from klingmotion.models import Json, PointGrant, Ticket, unknown_fields


@frozen(kw_only=True)
class AccountSession:
    """The API's own login at Kling. It is renewed by itself."""

    user_id: int | None = None
    #: When it ends, as the server counts time.
    expire_time: int | float | None = None
    #: The same as the server prints it (ISO 8601).
    expire_time_utc: str | None = None
    extra: Mapping[str, Json] = unknown_fields()

    @property
    def expires_at(self) -> datetime | None:
        """When it ends; `None` if the server does not say it in a way that can be read."""
        try:
            moment = datetime.fromisoformat(self.expire_time_utc or "")
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@frozen(kw_only=True)
class Balance:
    """What an account has to spend. Amounts are as the server counts them."""

    points: tuple[PointGrant, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    next_apply_time: int | float | None = None
    total: int | float | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Account:
    """A linked Kling account."""

    email: str | None = None
    #: Most tasks at once.
    max_jobs: int | None = None
    session: AccountSession | None = None
    #: What is wrong with it, in the server's words.
    error: str | None = None
    #: How the API logs in.
    auth_mode: str | None = None
    #: Of a single account only: `account(email)` gives it, `accounts()` does not.
    balance: Balance | None = None
    extra: Mapping[str, Json] = unknown_fields()
