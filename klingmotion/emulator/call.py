"""A request as an endpoint reads it: the account it names, its parameters, and what it works on."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from klingmotion.emulator import refusals
from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.files import Shelf
from klingmotion.emulator.ledger import Ledger
from klingmotion.emulator.refusals import Refusal, Refused
from klingmotion.emulator.state import State
from klingmotion.emulator.tasks import Task
from klingmotion.emulator.uploads import UploadType


class Service(Protocol):
    """What endpoints work on."""

    state: State
    shelf: Shelf
    started: float

    def now(self) -> float:
        """The wall clock, in seconds since the epoch."""

    def task_created(self, task: Task, *, seeded: bool = False) -> None:
        """Enter a new task in the books."""


@frozen(kw_only=True)
class Call:
    """A request. `receive` takes in a raw body, as large as its type allows."""

    service: Service
    path: str
    name: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, object] | None
    receive: Callable[[UploadType], Awaitable[Blob]]
    note_account: Callable[[str], None]

    @property
    def now(self) -> float:
        """The service's wall clock."""
        return self.service.now()

    @property
    def state(self) -> State:
        """The state worked on."""
        return self.service.state

    def ledger(self) -> Ledger:
        """The account the request names, in its body or else its query."""
        email = self.text("email") if self.body is not None else self.query.get("email")
        ledger = self.state.ledger(email)
        account = ledger.account
        self.note_account(account.email)
        if account.error is not None:
            raise Refused(refusals.account_error(account.email, account.error))
        return ledger

    # The body. In a form every value comes as text.

    def has(self, name: str) -> bool:
        """Whether the body holds a parameter."""
        return (self.body or {}).get(name) is not None

    def text(self, name: str, *, longest: int | None = None) -> str | None:
        """A text in the body."""
        value = (self.body or {}).get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(refusals.parameter_invalid(name, "a string"))
        if value is not None and longest is not None and len(value) > longest:
            raise Refused(refusals.parameter_invalid(name, f"a string of up to {longest} characters"))
        return value

    def required(self, name: str) -> str:
        """A text that must be in the body."""
        value = self.text(name)
        if not value:
            raise Refused(refusals.parameter_required(name))
        return value

    def number(self, name: str, low: int, high: int) -> int | None:
        """An integer in the body."""
        value = self._integer(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Refused(refusals.parameter_invalid(name, f"an integer between {low} and {high}"))
        return value

    def required_number(self, name: str) -> int:
        """An integer of any size that must be in the body."""
        value = self._integer(name)
        if value is None or value == "":
            raise Refused(refusals.parameter_required(name))
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused(refusals.parameter_invalid(name, "an integer"))
        return value

    def _integer(self, name: str) -> object:
        value = (self.body or {}).get(name)
        return int(value) if isinstance(value, str) and re.fullmatch("-?[0-9]{1,20}", value) else value

    def flag(self, name: str) -> bool:
        """A yes or no in the body; no by default."""
        value = (self.body or {}).get(name)
        if isinstance(value, str):
            value = {"true": True, "false": False}.get(value, value)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise Refused(refusals.parameter_invalid(name, "a boolean"))
        return value

    def choice(self, name: str, options: Sequence[str]) -> str:
        """One of the options, the first by default; one of digits may come as a number."""
        value = (self.body or {}).get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None:
            return options[0]
        if not isinstance(value, str) or value not in options:
            raise Refused(refusals.parameter_invalid(name, f"one of {', '.join(options)}"))
        return value

    # The query and the path

    def query_number(
        self, name: str, default: int | None, low: int, high: int, refusal: Refusal | None = None
    ) -> int | None:
        """An integer in the query."""
        text = self.query.get(name)
        if text is None:
            return default
        if not re.fullmatch("[0-9]{1,20}", text) or not low <= int(text) <= high:
            rule = f"an integer between {low} and {high}"
            raise Refused(refusal or refusals.parameter_invalid(name, rule))
        return int(text)

    def task_id(self, refusal: Refusal | None = None) -> int:
        """The id in the path."""
        if not re.fullmatch("[0-9]{1,30}", self.name):
            raise Refused(refusal or refusals.task_id_invalid())
        return int(self.name)
