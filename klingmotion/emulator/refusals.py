"""Every documented error body; those marked *presumed* stand where the HTTP contract shows none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate

from attrs import field, frozen

from klingmotion.emulator.rules import RetryAfter

COMMUNITY = "The content you uploaded appears to violate the community guidelines."


@frozen
class Refusal:
    """An error answer: status, JSON body, headers of its own."""

    status: int
    body: object
    headers: Mapping[str, str] = field(factory=dict)


class Refused(Exception):  # noqa: N818  # it reports an answer to be given, not an error of ours
    """Carries a refusal up to where requests are answered."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, refusal.body)
        self.refusal = refusal


def bad_request(text: str) -> Refusal:
    """400 with the given text."""
    return Refusal(400, {"error": text})


def parameter_required(name: str) -> Refusal:
    """400: a required parameter is missing."""
    return bad_request(f"Parameter {name} is required")


def parameter_invalid(name: str, rule: str) -> Refusal:
    """400: a parameter breaks its rule (*presumed*)."""
    return bad_request(f"Parameter {name} must be {rule}")


def parameters_invalid() -> Refusal:
    """400 of the asset listings and downloads."""
    return bad_request("Invalid parameters")


def task_id_invalid() -> Refusal:
    """400: the id in the path is not a number."""
    return bad_request("Invalid task_id parameter")


def content_type_unsupported(content_type: str, valid: list[str]) -> Refusal:
    """400 of the upload."""
    return bad_request(f"Content-Type {content_type} is not supported. Valid values: {', '.join(valid)}")


def account_unknown(email: str) -> Refusal:
    """400: the email names no linked account (*presumed*)."""
    return bad_request(f"Unable to find configuration for account {email}")


def account_not_configured(email: str) -> Refusal:
    """404 of GET /accounts/<email> (body *presumed*)."""
    return Refusal(404, {"error": f"Unable to find configuration for account {email}"})


def no_accounts() -> Refusal:
    """404 of GET /accounts (body *presumed*)."""
    return Refusal(404, {"error": "No accounts configured"})


def unauthorized() -> Refusal:
    """401: the token."""
    return Refusal(401, {"error": "Unauthorized", "code": 401})


def subscription_required() -> Refusal:
    """402: the subscription ended."""
    return Refusal(402, {"error": "Subscription required", "code": 402})


def subscription_expired() -> Refusal:
    """402 as other services of the platform word it."""
    return Refusal(402, {"error": "Account has no subscription or subscription expired"})


def forbidden() -> Refusal:
    """403: a resource of someone else (body *presumed*)."""
    return Refusal(403, {"error": "Forbidden", "code": 403})


def not_found() -> Refusal:
    """404 of a path nothing answers at (body *presumed*)."""
    return Refusal(404, {"error": "Not Found"})


def id_list_invalid(ids: str) -> Refusal:
    """400 of DELETE /assets/uploaded/; the parentheses hold what was given (*presumed*)."""
    rule = "a numeric string or a comma-separated list of up to 10 numeric strings"
    return bad_request(f"Parameter id ({ids}) must be {rule}")


def scheduler_error(text: str) -> Refusal:
    """400 of the scheduler (the text after its first word *presumed*)."""
    return bad_request(f"Error {text}")


def asset_unknown() -> Refusal:
    """404: a referenced asset is unknown to Kling."""
    return Refusal(
        404,
        {
            "error": "Sorry, the requested resource was not found (VALID.ResourceNotFound)",
            "message": "Not Found",
        },
    )


def task_missing(task_id: int) -> Refusal:
    """404: deleted, refused by moderation, out of credits or never there (body *presumed*)."""
    return Refusal(404, {"error": f"Task {task_id} not found"})


def no_works(task_id: int) -> Refusal:
    """404 of a deletion: unknown task, or one without works."""
    return Refusal(404, {"error": f"No works found for task {task_id}"})


def not_running(task_id: int) -> Refusal:
    """404 of the scheduler: not tracked now."""
    return Refusal(404, {"error": f"Unable to locate running task_id {task_id}"})


def job_expired() -> Refusal:
    """410 as other services of the platform word it."""
    return Refusal(410, {"error": "Job has expired", "code": 410})


def not_enough_credits(requested: int = 10, available: int = 0) -> Refusal:
    """412 as other services of the platform word it."""
    text = f"Not enough credits: requested {requested}, available {available}"
    return Refusal(412, {"error": text, "code": 412})


def at_capacity(retry_after: RetryAfter, now: float) -> Refusal:
    """429: nothing was accepted (body *presumed*; all three ways to name the wait are)."""
    body: dict[str, object] = {"error": "All configured accounts are at capacity (maxJobs)", "code": 429}
    headers: dict[str, str] = {}
    at = now + retry_after.seconds
    if retry_after.form == "seconds":
        headers["Retry-After"] = f"{retry_after.seconds:.12g}"
    elif retry_after.form == "date":
        headers["Retry-After"] = formatdate(at, usegmt=True)
    elif retry_after.form == "body":
        moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        body["retryAfter"] = moment.replace("+00:00", "Z")
    return Refusal(429, body, headers)


def moderation() -> Refusal:
    """500 that is really moderation; its `message` is misleading, as documented."""
    code = "CM_EXT.POther"
    return Refusal(500, {"error": f"{COMMUNITY} ({code})", "message": f"Service busy ({code})"})


def rejected(code: str, text: str = "The request parameters are invalid.") -> Refusal:
    """500 that is really about the input."""
    return Refusal(500, {"error": f"{text} ({code})", "message": f"Service busy ({code})"})


def picture_not_matched() -> Refusal:
    """400 of motion-create: no person was found in the image (all but status and code *presumed*)."""
    return Refusal(
        400, {"error": "No person was found in the image. (MOTION.PIC_NOT_MATCHED)", "message": "Bad Request"}
    )


def server_fault() -> Refusal:
    """500 without a code: a fault of the service, whose outcome is unknown."""
    return Refusal(500, {"error": "Internal Server Error", "message": "Service busy"})


def account_error(email: str = "performer@example.com", reason: str = "login failed") -> Refusal:
    """596: the linked account's session is broken."""
    return Refusal(596, {"error": f"Account {email} in error state: {reason}", "code": 596})
