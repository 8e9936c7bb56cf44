"""What tasks are made from: uploaded videos and pictures, and the videos of motions. Refuses what will not do."""

from __future__ import annotations

from attrs import evolve, frozen

from klingmotion.emulator import refusals
from klingmotion.emulator.assets import Assets
from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.ledger import Ledger, Motion
from klingmotion.emulator.media import Media
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.tasks import Submission
from klingmotion.emulator.uploads import SLACK
from klingmotion.emulator.works import Works

SHORTEST_MOTION, LONGEST_MOTION = 2.0, 10.0
# Published in March 2026; *presumed* for the dialect of January, whose page says nothing of a length.
SHORTEST_DANCE, LONGEST_DANCE = 3.0, 30.0


@frozen
class Film:
    """A video: what is known of it, and its bytes if they are there."""

    media: Media
    blob: Blob | None


class Sources:
    """Finds what submissions name."""

    def __init__(self, assets: Assets, works: Works) -> None:
        self._assets = assets
        self._works = works

    def film(self, url: str) -> Film | None:
        """The video at a URL issued by POST /assets/ or GET /videos/motions."""
        asset = self._assets.at(url)
        if asset is not None:
            return Film(asset.media, asset.blob)
        motion = self._works.at(url)
        return None if motion is None else Film(motion.media, motion.film)

    def checked(self, ledger: Ledger, submission: Submission) -> Submission:
        """The submission with its motion's URL filled in; refused as Kling would if it names what it must not."""
        image_url = submission.image_url
        if image_url is None:
            asset = self._assets.of(ledger, submission.resource_url)
            self._assets.of(ledger, submission.cover_url or "")
            _check_clip(asset.media, SHORTEST_MOTION, LONGEST_MOTION)
            return submission
        if submission.work_id is not None:
            submission = evolve(submission, resource_url=self._motion(ledger, submission.work_id).film_url)
        else:
            _check_clip(self._dance(ledger, submission.resource_url), SHORTEST_DANCE, LONGEST_DANCE)
        if self._assets.of(ledger, image_url).kind != "image":
            raise Refused(refusals.asset_unknown())
        return submission

    def _motion(self, ledger: Ledger, work_id: int) -> Motion:
        work = self._works.get(work_id)
        if not isinstance(work, Motion) or work.account not in (None, ledger.account.email):
            raise Refused(refusals.asset_unknown())
        return work

    def _dance(self, ledger: Ledger, url: str) -> Media:
        motion = self._works.at(url) if self._assets.at(url) is None else None
        return self._assets.of(ledger, url).media if motion is None else self._motion(ledger, motion.work_id).media


def _check_clip(media: Media, shortest: float, longest: float) -> None:
    """Refuse what no motion can be taken from, as Kling does: with a 500 that carries a code."""
    if not media.content_type.startswith("video/"):
        raise Refused(refusals.rejected("VALID.UnsupportedFileType", "The file type is not supported."))
    if media.duration is not None and media.duration < shortest - SLACK:
        raise Refused(refusals.rejected("MOTION.DURATION_LESS", "The video is too short."))
    if media.duration is not None and media.duration > longest + SLACK:
        raise Refused(refusals.rejected("MOTION.DURATION_MORE_THAN_EXPECTED", "The video is too long."))
