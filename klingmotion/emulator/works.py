"""What tasks have made, by work id: extracted motions and videos of all accounts; and the official templates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from attrs import frozen

from klingmotion.emulator.artefacts import sample_film
from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.ledger import Asset, Motion
from klingmotion.emulator.media import Media, UnreadableMedia, probe
from klingmotion.emulator.tasks import Task

_FIRST_WORK, _FIRST_OFFICIAL = 2**54 + 1, -100_000_000_000_001


@frozen(eq=False, kw_only=True)
class Video:
    """The video a task has made out of a motion and an image."""

    work_id: int
    task_id: int
    account: str
    origin: str
    created: int
    media: Media
    film: Blob

    @property
    def film_url(self) -> str:
        """Where the video is served, as anybody may see it."""
        return self.url("video.mp4")

    @property
    def cover_url(self) -> str:
        """Where its cover is served."""
        return self.url("cover.png")

    def url(self, name: str) -> str:
        """Where one of its files is served: video.mp4, clean.mp4, cover.png."""
        return f"{self.origin}/files/out/{self.work_id}/{name}"


Work = Motion | Video


class Works:
    """Makes motions and videos and finds them again."""

    def __init__(self) -> None:
        self.origin = ""
        self.officials: list[Motion] = []
        self._by_id: dict[int, Work] = {}
        self._by_url: dict[str, Motion] = {}
        self._bundles: list[tuple[int, ...]] = []
        self._ids = count(_FIRST_WORK, 2)

    def new_id(self) -> int:
        """An id for a work to come."""
        return next(self._ids)

    def get(self, work_id: int) -> Work | None:
        """The work with this id, unless it has been deleted."""
        return self._by_id.get(work_id)

    def at(self, url: str) -> Motion | None:
        """The motion whose video has this URL, whatever query string it has grown."""
        return self._by_url.get(_bare(url))

    def remove(self, work_id: int) -> None:
        """Forget a work and its files."""
        gone = self._by_id.pop(work_id, None)
        if isinstance(gone, Motion):
            for url in (gone.film_url, gone.source_url):
                if url is not None and self._by_url.get(_bare(url)) is gone:
                    del self._by_url[_bare(url)]

    def bring_forth(self, task: Task, asset: Asset | None, created: int) -> Motion:
        """The motion a finished task has extracted."""
        return self._keep(
            Motion(
                work_id=task.work_id,
                task_id=task.id,
                account=task.account,
                name=f"Motion of {asset.file_name}" if asset else f"Motion {task.id}",
                origin=self.origin,
                created=created,
                media=task.media,
                bvh=task.outcome.bvh,
                binary=task.outcome.binary,
                source_url=task.submission.resource_url,
                source_cover=task.submission.cover_url,
                preview=task.film,
            )
        )

    def make_video(self, task: Task, created: int) -> Video:
        """The video a finished task has made: the film its motion came from, or a film of our own if that is none."""
        film, media = _playable(task.film)
        video = Video(
            work_id=task.work_id,
            task_id=task.id,
            account=task.account,
            origin=self.origin,
            created=created,
            media=media,
            film=film,
        )
        self._by_id[video.work_id] = video
        return video

    def add(self, name: str, account: str, task_id: int, source_url: str | None, created: int) -> Motion:
        """A motion made elsewhere."""
        motion = Motion(
            work_id=self.new_id(),
            task_id=task_id,
            account=account,
            name=name,
            origin=self.origin,
            created=created,
            source_url=source_url,
        )
        if source_url is not None:
            self._by_url[_bare(source_url)] = motion
        return self._keep(motion)

    def add_official(self, name: str, tag: str, created: int) -> Motion:
        """A template of the service."""
        number = _FIRST_OFFICIAL - len(self.officials)
        motion = Motion(
            work_id=number, task_id=None, account=None, name=name, origin=self.origin, created=created, tag=tag
        )
        self.officials.append(motion)
        return self._keep(motion)

    def bundle(self, works: Sequence[Work]) -> str:
        """Where these works are served in one ZIP."""
        work_ids = tuple(work.work_id for work in works)
        if work_ids not in self._bundles:
            self._bundles.append(work_ids)
        return f"{self.origin}/files/zip/{self._bundles.index(work_ids)}/works.zip"

    def bundled(self, number: int) -> list[Work]:
        """The works of a bundle that are still there."""
        work_ids = self._bundles[number] if 0 <= number < len(self._bundles) else ()
        return [self._by_id[work_id] for work_id in work_ids if work_id in self._by_id]

    def _keep(self, motion: Motion) -> Motion:
        self._by_id[motion.work_id] = self._by_url[motion.film_url] = motion
        return motion


def _bare(url: str) -> str:
    return url.partition("?")[0]


def _playable(film: Blob | None) -> tuple[Blob, Media]:
    for blob in (film, sample_film()):
        try:
            media = None if blob is None else probe(blob.source)
        except UnreadableMedia:
            continue
        if blob is not None and media is not None and media.content_type == "video/mp4" and media.duration:
            return blob, media
    raise AssertionError("the emulator's own film is a film")
