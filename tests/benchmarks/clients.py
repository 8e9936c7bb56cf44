"""The clients that are compared: where their drivers are, what must be installed, when they look by default."""

from __future__ import annotations

import importlib
import importlib.metadata
import random
from collections.abc import Callable, Iterator

from attrs import frozen

from tests.benchmarks.drivers import Driver

#: When a client looks after a submit, in seconds, one look after another.
Schedule = Callable[[random.Random], Iterator[float]]


def every(interval: float, *, first: float = 0.0, jitter: float = 0.0) -> Schedule:
    """Looks at `first` and then every `interval` seconds, give or take `jitter`."""

    def looks(chance: random.Random) -> Iterator[float]:
        at = first and first + chance.uniform(-jitter, jitter)
        while True:
            yield at
            at += interval + chance.uniform(-jitter, jitter)

    return looks


def growing(first: float, factor: float, most: float, *, jitter: float = 0.0) -> Schedule:
    """A look at once, then after waits that grow from `first` to `most`; up to a share of `jitter` is added to each."""

    def looks(chance: random.Random) -> Iterator[float]:
        at, wait = 0.0, first
        while True:
            yield at
            at += wait * (1 + chance.uniform(0, jitter))
            wait = min(wait * factor, most)

    return looks


@frozen
class Client:
    """One client."""

    name: str
    module: str
    #: What has to be installed.
    package: str
    #: What it does by default, in words and as arithmetic; `None` where its own code says it.
    default: str
    schedule: Schedule | None = None
    #: A variant of the driver.
    flavour: str | None = None
    #: Its helper sleeps before the first look.
    sleeps_first: bool = False
    #: Not a product of its own but a mark to measure against.
    reference: bool = False

    @property
    def version(self) -> str | None:
        """The version that is installed, if any."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None

    def driver(self) -> Driver:
        """Import the driver, and the client with it."""
        kind = importlib.import_module(f"tests.benchmarks.drivers.{self.module}").Driver
        driver: Driver = kind() if self.flavour is None else kind(self.flavour)
        return driver


PLAIN = "plain aiohttp loop"
OURS = "klingmotion"
TUNED = "tuned aiohttp loop"
SHARED = "klingmotion, shared looks"
OF_TASK = "klingmotion, waiting for a Task"

_ALL = [
    Client(OURS, "klingmotion_session", "attrs", "0.10 of the age, 1-30 s"),
    Client(SHARED, "klingmotion_session", "attrs", "", flavour="shared"),
    Client(OF_TASK, "klingmotion_session", "attrs", "", flavour="task"),
    Client("floor: HTTP by hand", "floor", "attrs", "5 s", every(5), reference=True),
    Client(TUNED, "plain_aiohttp", "aiohttp", "5 s", every(5), flavour="tuned", reference=True),
    Client(PLAIN, "plain_aiohttp", "aiohttp", "5 s", every(5), reference=True),
    Client("speechmatics-batch", "speechmatics_jobs", "speechmatics-batch", "0.5 s x1.6, 5 s at most",
           growing(0.5, 1.6, 5.0, jitter=0.2)),
    Client("azure-core", "azure_poller", "azure-core", "30 s", every(30)),
    Client("tripo3d", "tripo3d_tasks", "tripo3d", "2 s x2, 30 s at most", growing(2, 2, 30)),
    Client("requests, threads", "requests_threads", "requests", "10 s", every(10), reference=True),
    Client("google-genai", "google_operations", "google-genai", "10 s", every(10, first=10), sleeps_first=True),
    Client("replicate", "replicate_predictions", "replicate", "0.5 s", every(0.5, first=0.5), sleeps_first=True),
    Client("openai", "openai_videos", "openai", "1 s", every(1)),
    Client("runwayml", "runwayml_tasks", "runwayml", "6 s, give or take 1.5", every(6, first=6, jitter=1.5),
           sleeps_first=True),
    Client("fal-client", "fal", "fal-client", "0.1 s", every(0.1)),
]  # fmt: skip

CLIENTS = {client.name: client for client in _ALL}


def compared(names: list[str] | None = None) -> list[Client]:
    """The clients that are installed, one row each, variants of ours left out; `names` limits them."""
    variants = (SHARED, OF_TASK)
    chosen = [client for client in _ALL if (client.name in names if names else client.name not in variants)]
    return [client for client in chosen if client.version is not None]


def missing() -> list[str]:
    """The packages that are not installed."""
    return sorted({client.package for client in _ALL if client.version is None})
