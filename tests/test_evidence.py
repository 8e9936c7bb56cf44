"""What the two lists prove about a submit whose outcome is unclear, and what a session remembers of tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from klingmotion.evidence import CLOCK_SKEW, Evidence, Listing, Verdict, since
from klingmotion.known_tasks import KnownTasks
from klingmotion.models import EXTRACTION_TYPE, RunningTask, Task, TaskInfo, TaskInput
from klingmotion.refs import TaskRef

SENT = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
VIDEO = "https://cdn.example.test/in/walk.mp4"
REF = TaskRef(email="performer@example.com", reply_ref="job-7", resource_url=VIDEO, sent_at=SENT)
NOTHING = Listing((), complete=True)


def running(task_id: int | None = 17, **changes: Any) -> RunningTask:
    """A task in the list of running ones, under our mark and account unless said otherwise."""
    known: dict[str, Any] = {"reply_ref": "job-7", "email": "performer@example.com", **changes}
    return RunningTask(id=task_id, **known)


def info(url: str | None, kind: str | None = None) -> TaskInfo:
    return TaskInfo(type=kind, inputs=(TaskInput(name="input", url=url),))


def listed(task_id: int = 17, *, url: str | None = VIDEO, **changes: Any) -> Task:
    """A task in the list of all, an extraction of our video made just after the submit unless said otherwise."""
    known: dict[str, Any] = {"type": EXTRACTION_TYPE, "created_at": SENT + timedelta(seconds=1), **changes}
    return Task(id=task_id, **{"info": info(url), **known})


def listing(*tasks: Task, complete: bool = True) -> Listing:
    return Listing(tasks, complete=complete)


def readings(evidence: Evidence, *seen: Listing | None, settled: bool = True) -> list[Verdict | None]:
    """The verdicts after each of several readings that show no running task."""
    return [evidence.add((), one, settled=settled) for one in seen]


# --- The reply ref --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("other", [None, NOTHING, listing(listed(99))])
def test_our_reply_ref_decides_at_once(other: Listing | None, settled: bool) -> None:
    """One sight of the mark is proof, before the settle window has passed and without the second list."""
    assert Evidence(REF).add((running(),), other, settled=settled) == Verdict((17,))


@pytest.mark.parametrize(
    ("theirs", "ours", "decides"),
    [
        ("performer@example.com", "performer@example.com", True),
        ("Performer@Example.com ", "performer@example.com", True),
        (None, "performer@example.com", True),
        ("other@example.com", None, True),
        (None, None, True),
        ("other@example.com", "performer@example.com", False),
    ],
)
def test_the_account_must_fit(theirs: str | None, ours: str | None, decides: bool) -> None:
    """The same mark under another account is another submit; case and white space make no other account."""
    evidence = Evidence(attrs.evolve(REF, email=ours))
    assert evidence.add((running(email=theirs),), None, settled=True) == (Verdict((17,)) if decides else None)


@pytest.mark.parametrize("mark", [None, "", "job-70", "JOB-7", "job-7 "])
def test_a_mark_is_ours_only_to_the_letter(mark: str | None) -> None:
    """Marks of other submits may look alike."""
    assert Evidence(REF).add((running(reply_ref=mark),), None, settled=True) is None


def test_a_mark_without_an_id_proves_nothing_yet() -> None:
    """There is no task to adopt."""
    assert Evidence(REF).add((running(None),), None, settled=True) is None


def test_a_mark_on_several_tasks_is_not_guessed_between() -> None:
    """The caller's own mark was not unique, or the work was made twice: all ids come out, none is chosen."""
    found = Evidence(REF).add((running(19), running(17), running(17), running(None)), None, settled=True)
    assert found == Verdict((17, 19))


def test_nothing_is_absent_while_the_marks_cannot_be_read() -> None:
    """It may run, and be what the other list does not show yet."""
    for running_tasks, absent in [(None, False), ((), True)]:
        evidence = Evidence(REF)
        for _ in range(3):
            assert (
                evidence.add(running_tasks, listing(listed(99, url="https://x.test/other.mp4")), settled=True) is None
            )
        assert evidence.absent is absent


def test_a_submit_without_a_mark_is_not_found_by_one() -> None:
    """Two tasks without a mark are not alike because of that."""
    evidence = Evidence(TaskRef(resource_url=VIDEO, sent_at=SENT))
    assert evidence.marked((running(reply_ref=None),)) == ()
    assert evidence.add((running(reply_ref=None),), None, settled=True) is None


# --- The video ------------------------------------------------------------------------------------------------------


def test_a_single_match_counts_when_seen_twice_in_a_row() -> None:
    """Another process' task for the same video may be listed before ours."""
    evidence = Evidence(REF)
    assert readings(evidence, listing(listed())) == [None]
    assert evidence.candidates == (17,)
    assert readings(evidence, listing(listed()), settled=False) == [Verdict((17,))]


def test_a_match_that_changes_starts_again() -> None:
    """Gone, another one, or one more: only two equal readings in a row confirm."""
    one, two = listing(listed(17)), listing(listed(18))
    assert readings(Evidence(REF), one, NOTHING, one, one) == [None, None, None, Verdict((17,))]
    assert readings(Evidence(REF), one, two, one, two, two) == [None, None, None, None, Verdict((18,))]
    assert readings(Evidence(REF), one, listing(listed(17), listed(18)), one) == [None, None, None]


def test_a_list_that_could_not_be_read_changes_nothing() -> None:
    """It neither confirms nor breaks a row."""
    one = listing(listed())
    assert readings(Evidence(REF), one, None, None, one) == [None, None, None, Verdict((17,))]


def test_several_matches_are_never_decided_between() -> None:
    """However often they are seen; the ids stay known for the error."""
    evidence = Evidence(REF)
    both = listing(listed(18), listed(17))
    assert readings(evidence, both, both, both, both) == [None] * 4
    assert evidence.candidates == (17, 18)
    assert not evidence.absent


def test_a_mark_decides_between_several_matches() -> None:
    """Proof beats likeness."""
    evidence = Evidence(REF)
    both = listing(listed(18), listed(17))
    readings(evidence, both)
    assert evidence.add((running(18),), both, settled=True) == Verdict((18,))


def test_a_task_under_another_mark_is_not_ours() -> None:
    """Someone submitted the same video just now; the list of running tasks tells whose is whose."""
    evidence = Evidence(REF)
    both = listing(listed(17), listed(18))
    theirs = (running(18, reply_ref="job-8"),)
    assert [evidence.add(theirs, both, settled=True) for _ in range(2)] == [None, Verdict((17,))]


@pytest.mark.parametrize("mark", [None, ""])
def test_a_running_task_without_a_mark_may_be_ours(mark: str | None) -> None:
    """Whether the list shows marks at all is not documented (contract section 8, question 15)."""
    evidence = Evidence(REF)
    seen = (running(17, reply_ref=mark),)
    assert [evidence.add(seen, listing(listed()), settled=True) for _ in range(2)] == [None, Verdict((17,))]


def test_strangers_are_not_ours() -> None:
    """Tasks the session knew before, or submitted itself, are left out."""
    evidence = Evidence(REF)
    for shown in (listing(listed(17), listed(18)), listing(listed(17))):
        assert evidence.add((), shown, strangers=frozenset({17, 18}), settled=True) is None
    assert evidence.candidates == ()
    assert evidence.absent


def test_a_stranger_stays_one_after_its_mark_has_left_the_list() -> None:
    """It ended meanwhile; its task is listed on."""
    evidence = Evidence(REF)
    other = RunningTask(id=17, reply_ref="somebody-else")
    assert evidence.add((other,), None, settled=False) is None
    for _ in range(3):
        assert evidence.add((), listing(listed(17)), settled=False) is None
    assert evidence.candidates == ()


def test_a_video_decides_nothing_while_another_submit_of_it_is_under_way() -> None:
    """The task may be either's, until the other is known."""
    evidence = Evidence(REF)
    for _ in range(3):
        assert evidence.add((), listing(listed(17)), alone=False, settled=False) is None
    assert evidence.add((), listing(listed(17)), settled=False) == Verdict((17,))


def test_a_video_decides_nothing_while_marks_cannot_be_read() -> None:
    """A task may bear another's; in the end the match counts all the same."""
    evidence = Evidence(REF)
    for _ in range(3):
        assert evidence.add(None, listing(listed(17)), settled=False) is None
    assert evidence.is_confirmed


@pytest.mark.parametrize(
    "entry",
    [RunningTask(id=99), RunningTask(), RunningTask(reply_ref=REF.reply_ref), RunningTask(id=99, reply_ref="")],
    ids=["without a mark", "malformed", "ours without an id", "with an empty mark"],
)
def test_an_entry_that_may_be_ours_is_no_absence(entry: RunningTask) -> None:
    """Something runs that nothing explains."""
    evidence = Evidence(REF)
    for _ in range(3):
        evidence.add((entry,), listing(), settled=True)
    assert not evidence.absent


def test_a_running_task_that_the_list_explains_leaves_us_absent() -> None:
    """It is of another video."""
    evidence = Evidence(REF)
    for _ in range(2):
        evidence.add((RunningTask(id=99),), listing(listed(99, url="https://x.test/other.mp4")), settled=True)
    assert evidence.absent


FITS = [
    pytest.param({}, True, id="extraction of our video"),
    pytest.param({"type": None, "info": info(VIDEO, EXTRACTION_TYPE)}, True, id="type inside the task info"),
    pytest.param({"type": None}, True, id="no type at all"),
    pytest.param({"type": "m2v_img2video"}, False, id="another type"),
    pytest.param({"type": None, "info": info(VIDEO, "m2v_img2video")}, False, id="another type inside"),
    pytest.param({"url": "https://cdn.example.test/in/run.mp4"}, False, id="another video"),
    pytest.param({"url": None}, False, id="no video"),
    pytest.param({"info": None}, False, id="no task info"),
    pytest.param({"info": TaskInfo()}, False, id="no inputs"),
    pytest.param({"created_at": None}, True, id="no time"),
    pytest.param({"created_at": SENT}, True, id="at once"),
    pytest.param({"created_at": SENT - timedelta(minutes=9, seconds=59)}, True, id="server clock behind"),
    pytest.param({"created_at": SENT - timedelta(minutes=10)}, True, id="at the edge of the skew"),
    pytest.param({"created_at": SENT - timedelta(minutes=10, milliseconds=1)}, False, id="before the submit"),
    pytest.param({"created_at": SENT - timedelta(days=1)}, False, id="yesterday"),
    pytest.param({"created_at": SENT + timedelta(minutes=30)}, True, id="server clock ahead, accepted late"),
    pytest.param({"created_at": SENT + timedelta(minutes=30, milliseconds=1)}, False, id="long after the submit"),
    pytest.param({"is_final": True, "status_name": "succeed"}, True, id="final already"),
    pytest.param({"is_final": True, "status_name": "failed"}, True, id="failed already"),
]


@pytest.mark.parametrize(("changes", "fits"), FITS)
def test_a_task_fits_by_type_video_and_time(changes: dict[str, Any], fits: bool) -> None:
    """What is missing does not speak against it, but the video has to be there."""
    evidence = Evidence(REF)
    readings(evidence, listing(listed(**changes)))
    assert evidence.candidates == ((17,) if fits else ())


def test_a_url_in_another_spelling_is_ours() -> None:
    """Percent-encoding and scheme are not what a file is."""
    evidence = Evidence(REF)
    spelled = listed(url="http://CDN.example.test/in/%77alk.mp4")
    assert readings(evidence, listing(spelled), listing(spelled)) == [None, Verdict((17,))]


def test_a_url_that_was_signed_anew_may_be_ours_and_may_be_not() -> None:
    """It is not taken for ours, and the submit is not taken for absent."""
    evidence = Evidence(attrs.evolve(REF, resource_url=f"{VIDEO}?sign=abc"))
    signed = listed(url=f"{VIDEO}?sign=xyz")
    assert readings(evidence, *[listing(signed)] * 3) == [None] * 3
    assert evidence.candidates == ()
    assert not evidence.absent


def test_the_time_window_allows_for_the_servers_clock() -> None:
    """The search starts well before the submit."""
    assert since(SENT) == SENT - CLOCK_SKEW
    assert timedelta(minutes=5) <= CLOCK_SKEW


def test_without_a_time_of_sending_any_age_fits() -> None:
    """A reference may come from elsewhere."""
    evidence = Evidence(attrs.evolve(REF, sent_at=None))
    readings(evidence, listing(listed(created_at=SENT - timedelta(days=400))))
    assert evidence.candidates == (17,)


def test_without_a_video_nothing_fits() -> None:
    """The mark alone can find it then."""
    evidence = Evidence(attrs.evolve(REF, resource_url=None))
    assert readings(evidence, listing(listed()), listing(listed(url=None)), listing(listed())) == [None] * 3
    assert evidence.candidates == ()


# --- Absence --------------------------------------------------------------------------------------------------------


def test_two_complete_settled_readings_without_it_mean_absence() -> None:
    """Never one alone."""
    evidence = Evidence(REF)
    readings(evidence, NOTHING)
    assert not evidence.absent
    readings(evidence, NOTHING)
    assert evidence.absent


@pytest.mark.parametrize(
    ("seen", "settled"),
    [
        pytest.param(NOTHING, False, id="before the settle window has passed"),
        pytest.param(listing(complete=False), True, id="incomplete"),
        pytest.param(None, True, id="not readable"),
        pytest.param(listing(listed()), True, id="a match"),
        pytest.param(listing(listed(17), listed(18)), True, id="several matches"),
    ],
)
def test_other_readings_never_mean_absence(seen: Listing | None, settled: bool) -> None:
    """However often they come, also right after one that counted."""
    evidence = Evidence(REF)
    for _ in range(10):
        evidence.add((), seen, settled=settled)
        assert not evidence.absent


@pytest.mark.parametrize(
    "between",
    [listing(complete=False), listing(listed()), listing(listed(17), listed(18))],
    ids=["incomplete", "a match", "several"],
)
def test_the_two_readings_have_to_agree_in_a_row(between: Listing) -> None:
    """Anything else in between starts the count again."""
    evidence = Evidence(REF)
    readings(evidence, NOTHING, between, NOTHING)
    assert not evidence.absent
    readings(evidence, NOTHING)
    assert evidence.absent


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"info": None}, id="nothing is told of it"),
        pytest.param({"info": None, "type": None}, id="not even its type"),
        pytest.param({"info": TaskInfo()}, id="no inputs"),
        pytest.param({"url": None}, id="an input without a URL"),
        pytest.param({"url": ""}, id="an empty URL"),
        pytest.param({"type": "motion_control"}, id="our video under another type"),
        pytest.param({"url": VIDEO.replace("cdn", "s21")}, id="our video on another host"),
        pytest.param({"url": f"{VIDEO}?sign=xyz"}, id="our video signed anew"),
        pytest.param(
            {"info": TaskInfo(inputs=(TaskInput(url="https://cdn.example.test/in/walk.jpg"), TaskInput(url=VIDEO)))},
            id="our video in another place",
        ),
    ],
)
def test_what_may_be_ours_is_neither_adopted_nor_a_miss(changes: dict[str, Any]) -> None:
    """S3: to send the submit again, it has to be certain that no listed task is its."""
    evidence = Evidence(REF)
    assert readings(evidence, *[listing(listed(**changes))] * 3) == [None] * 3
    assert evidence.candidates == ()
    assert not evidence.absent


def test_other_peoples_tasks_do_not_hide_absence() -> None:
    """A list full of others is as good as an empty one."""
    evidence = Evidence(REF)
    made_of_two = TaskInfo(inputs=(TaskInput(url=VIDEO), TaskInput(url="https://cdn.example.test/in/me.png")))
    others = listing(
        listed(18, url="https://cdn.example.test/in/run.mp4"),
        listed(19, type="m2v_img2video", info=made_of_two),
        listed(20, type="m2v_img2video", info=None),
        listed(21, info=None, created_at=SENT - timedelta(days=1)),
    )
    readings(evidence, others, others)
    assert evidence.absent


@pytest.mark.parametrize(
    ("verdict", "task_id"),
    [
        (Verdict((17,)), 17),
        (Verdict((17, 18)), None),
        (Verdict(()), None),
        (Verdict((17,), unconfirmed=True), None),
        (Verdict(absent=True), None),
    ],
)
def test_a_verdict_names_a_task_only_where_it_is_certain(verdict: Verdict, task_id: int | None) -> None:
    """Not between several, and not one that was seen only once."""
    assert verdict.task_id == task_id


# --- Known tasks ----------------------------------------------------------------------------------------------------


def submitted(task_id: int, reply_ref: str | None = "job-7") -> Task:
    return Task(id=task_id, ref=TaskRef(task_id=task_id, reply_ref=reply_ref))


def test_a_submitted_task_is_known_with_its_time() -> None:
    """A wait for it counts its age from the submit."""
    known = KnownTasks.none()
    known.submitted(submitted(17).ref, 100.0)
    assert known.submitted_at(17) == 100.0
    assert known.submitted_at(18) is None


def test_a_task_met_elsewhere_was_not_submitted_here() -> None:
    """A bare id tells nothing of its age."""
    known = KnownTasks.none()
    known.meet(17, 100.0)
    assert known.submitted_at(17) is None


def test_the_first_meeting_counts_unless_it_is_submitted_later() -> None:
    """Meeting it again changes nothing; learning that a submit made it does."""
    known = KnownTasks.none()
    known.submitted(submitted(17).ref, 100.0)
    known.meet(17, 200.0)
    assert known.submitted_at(17) == 100.0
    known.submitted(submitted(17).ref, 300.0)
    assert known.submitted_at(17) == 300.0


def test_strangers_are_what_was_met_before_and_what_others_submitted() -> None:
    """Our own mark, and what was met only after the submit, may be it."""
    known = KnownTasks.none()
    known.meet(1, 50.0)
    known.meet(2, 150.0)
    known.submitted(submitted(3, "job-8").ref, 50.0)
    known.submitted(submitted(4, "job-8").ref, 150.0)
    known.submitted(submitted(5, "job-7").ref, 50.0)
    assert known.strangers_to(REF, 100.0) == {1, 3, 4}


def test_a_task_met_before_is_a_stranger_to_a_submit_without_a_mark() -> None:
    """No mark is not a mark that two submits share."""
    known = KnownTasks.none()
    known.meet(1, 50.0)
    assert known.strangers_to(TaskRef(resource_url=VIDEO), 100.0) == {1}


def test_a_list_is_trusted_once_it_has_shown_a_known_task() -> None:
    """Whether the list holds extractions at all is not documented; a task known to exist shows it."""
    known = KnownTasks.none()
    known.meet(17, 100.0)
    known.note_listing((), REF.email)
    known.note_listing((listed(18),), REF.email)
    assert not known.is_listed(REF)
    known.note_listing((listed(18), listed(17)), REF.email)
    assert known.is_listed(REF)
    known.note_listing((), REF.email)
    assert known.is_listed(REF)
    assert not known.is_listed(attrs.evolve(REF, email="ann@example.com")), "lists may differ from account to account"


def test_a_list_of_videos_says_nothing_of_extractions() -> None:
    """One that shows a video known to exist may list no extraction at all."""
    known = KnownTasks.none()
    known.meet(17, 100.0)
    known.note_listing((listed(type="m2v_motion_control"),), REF.email)
    assert not known.is_listed(REF)
    assert known.is_listed(attrs.evolve(REF, image_url="https://cdn.example.test/in/me.png"))


def test_a_list_that_shows_other_urls_than_were_sent_proves_nothing() -> None:
    """A task of it could not be recognised."""
    known = KnownTasks.none()
    known.submitted(attrs.evolve(REF, task_id=17), 100.0)
    known.note_listing((listed(url="https://cdn.example.test/mirrored/1.mp4"),), REF.email)
    assert not known.is_listed(REF)
    known.note_listing((listed(url=VIDEO.replace("https", "http")),), REF.email)
    assert known.is_listed(REF)


def sent(task_id: int, minutes: float, **more: Any) -> TaskRef:
    """A submit so many minutes after `SENT`."""
    return TaskRef(task_id=task_id, reply_ref=f"job-{task_id}", sent_at=SENT + timedelta(minutes=minutes), **more)


def test_a_list_has_to_show_what_was_submitted_long_enough_ago() -> None:
    """By either clock: one may have been set, the other may have begun with this process."""
    known = KnownTasks.none()
    for number, (instant, minutes) in enumerate([(100.0, 3), (300.0, -3), (300.0, 3), (100.0, -3)]):
        known.submitted(sent(number, minutes), instant)
    known.submitted(sent(4, -3, image_url=VIDEO), 100.0)
    known.meet(5, 100.0)
    known.submitted(TaskRef(task_id=6, reply_ref="job-6"), 100.0)
    assert [ref.task_id for ref in known.submitted_before(REF, 200.0, SENT)] == [0, 1, 3]


def test_a_task_that_is_over_has_to_show_nowhere() -> None:
    """Also if it is met again."""
    known = KnownTasks.none()
    known.submitted(sent(1, -3), 100.0)
    known.note_over(1)
    known.note_over(2)
    known.submitted(sent(1, -3), 200.0)
    assert known.submitted_before(REF, 300.0, SENT) == []


def later(known: KnownTasks, now: float) -> KnownTasks:
    """The memory after a busy moment in which old tasks are forgotten."""
    for task_id in range(1_000, 2_000):
        known.submitted(submitted(task_id, f"job-{task_id}").ref, now)
    return known


def test_memory_stays_flat() -> None:
    """A session that runs for weeks forgets tasks of hours ago, and none of the last minutes."""
    known = KnownTasks.none()
    for task_id in range(20_000):
        known.submitted(submitted(task_id, f"job-{task_id}").ref, task_id * 10.0)
    remembered = known.strangers_to(REF, 0.0)
    assert len(remembered) < 1_000
    assert remembered >= set(range(20_000 - 80, 20_000))


def test_a_task_is_forgotten_in_the_end() -> None:
    """An hour is longer than any submit is looked for."""
    known = KnownTasks.none()
    known.submitted(submitted(17).ref, 0.0)
    assert later(known, 3_600.0).submitted_at(17) is None


def test_a_task_is_remembered_as_long_as_it_may_look_like_a_new_one() -> None:
    """With a server clock ahead by the whole skew, a task of nearly twice the skew ago fits the time window.

    Were it forgotten by then, it would be adopted in place of a submit that never arrived.
    """
    sent, age = 10_000.0, 2 * CLOCK_SKEW.total_seconds() - 1
    known = KnownTasks.none()
    known.submitted(submitted(17, "job-6").ref, sent - age)
    looks_young = listed(17, created_at=SENT - timedelta(seconds=age) + CLOCK_SKEW)
    evidence, strangers = Evidence(REF), later(known, sent).strangers_to(REF, sent)
    for _ in range(2):
        assert evidence.add((), listing(looks_young), strangers=strangers, settled=True) is None


# --- Videos ---------------------------------------------------------------------------------------------------------

IMAGE = "https://cdn.example.test/in/me.png"


@pytest.mark.parametrize(
    ("kind", "urls", "fits"),
    [
        ("some_video_type", (VIDEO, IMAGE), True),
        ("some_video_type", (IMAGE, VIDEO), True),
        (None, (IMAGE, VIDEO, "https://cdn.example.test/in/more.png"), True),
        ("some_video_type", (VIDEO,), False),
        ("some_video_type", (IMAGE,), False),
        (EXTRACTION_TYPE, (VIDEO, IMAGE), False),
    ],
)
def test_a_video_is_known_by_all_its_inputs(kind: str | None, urls: tuple[str, ...], fits: bool) -> None:
    """In any order, and never mistaken for the extraction of the same motion."""
    evidence = Evidence(attrs.evolve(REF, image_url=IMAGE))
    made = listed(type=kind, info=TaskInfo(inputs=tuple(TaskInput(url=url) for url in urls)))
    assert readings(evidence, listing(made), listing(made))[-1] == (Verdict((17,)) if fits else None)


def test_a_task_of_ours_that_seems_to_come_from_the_future_is_no_miss() -> None:
    """Then our clock is far behind, and the task may well be the one: nothing is proven absent."""
    evidence = Evidence(REF)
    far = listed(created_at=SENT + timedelta(hours=1))
    assert readings(evidence, listing(far), listing(far), listing(far)) == [None, None, None]
    assert not evidence.absent
    known = Evidence(REF)
    for _ in range(2):
        known.add((), listing(far), strangers=frozenset({far.id}), settled=True)
    assert known.absent
