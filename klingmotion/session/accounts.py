"""What a session does with the linked accounts."""

from __future__ import annotations

from klingmotion import replies, requests
from klingmotion.accounts import Account
from klingmotion.errors import InvalidRequestError, NotFoundError
from klingmotion.models import Capacity, RunningTask
from klingmotion.session.core import SessionCore


class AccountMethods(SessionCore):
    """The linked Kling accounts, and what they have room for."""

    async def accounts(self) -> tuple[Account, ...]:
        """All linked Kling accounts, without their balances (GET /accounts); empty if there is none."""
        try:
            return await self._engine.calls.repeat(requests.list_accounts(), replies.accounts)
        except NotFoundError as error:
            if error.error is None:  # no answer of the API's own: more likely a wrong base URL
                raise
            return ()

    async def account(self, email: str | None = None) -> Account:
        """One linked Kling account with its balance (GET /accounts/{email}): the session's, unless another is named.

        Raises:
            InvalidRequestError: Neither the call nor the session names an account.
            NotFoundError: It is not linked.
        """
        named = self._engine.account(email)
        if named is None:
            raise InvalidRequestError("email is required to look at an account: pass email= or set $USEAPI_EMAIL")
        return await self._engine.calls.repeat(requests.get_account(named), replies.account)

    async def capacity(self) -> tuple[Capacity, ...]:
        """How many tasks each linked account may run, and runs (GET /scheduler/available)."""
        return await self._engine.calls.repeat(requests.capacity(), replies.capacity)

    async def running(self) -> tuple[RunningTask, ...]:
        """The tasks the API tracks now, of all linked accounts and all clients (GET /scheduler)."""
        return await self._engine.calls.repeat(requests.list_running(), replies.running)
