"""The two POSTs that create work. Both take the same way: one limit, one history, one scheduler, one set of books."""

from __future__ import annotations

from klingmotion.emulator import refusals, replies
from klingmotion.emulator.call import Call
from klingmotion.emulator.creation import creation
from klingmotion.emulator.exchange import Reply
from klingmotion.emulator.ledger import Ledger
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.tasks import Submission


async def submit_motion(call: Call) -> Reply:
    """POST /videos/motion-upload - section 2.1."""
    ledger = _ledger(call)
    submission = Submission(
        resource_url=call.required("resourceUrl"),
        cover_url=call.required("coverUrl"),
        reply_url=call.text("replyUrl"),
        reply_ref=call.text("replyRef"),
    )
    return _accept(call, ledger, submission)


async def submit_video(call: Call) -> Reply:
    """POST /videos/motion-create - section 2.11."""
    ledger = _ledger(call)
    return _accept(call, ledger, creation(call))


def _ledger(call: Call) -> Ledger:
    if call.body is None:
        raise Refused(refusals.bad_request("Request body must be JSON or a form"))
    return call.ledger()


def _accept(call: Call, ledger: Ledger, submission: Submission) -> Reply:
    task = call.state.submit(ledger, submission, call.number("maxJobs", 1, 50), call.now)
    call.service.task_created(task)
    reply = Reply.json(replies.submitted(task, ledger, call.state.works.get(task.work_id)))
    call.state.begin(task, call.now)
    return reply
