"""The shapes of the API's answers that need more than names: a task's two levels, a motion's two dialects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache

import attrs

from klingmotion.accounts import Account
from klingmotion.assets import AssetDeletion, UploadedAsset
from klingmotion.converter import structure, structure_in_part, unstructure
from klingmotion.errors import APIResponseError
from klingmotion.fields import fields_of, wire_name
from klingmotion.models import Asset, Capacity, Deletion, Json, MediaFile, Motion, RunningTask, Task, TaskInfo
from klingmotion.primitives import kind_of
from klingmotion.readers import DOUBTS, Level, Reader
from klingmotion.refs import TaskRef

#: Fields of a task reply that live inside its `task` object; all others live at the top level.
TASK_OBJECT = frozenset(
    {
        "id", "userId", "type", "scene", "taskInfo", "favored", "deleted", "viewed",
        "createTime", "updateTime", "viewTime",
    }
)  # fmt: skip

_STATUS = ("status", "status_name", "status_final")

#: Every field of a task reply that has a place in `Task`.
_KNOWN = frozenset(wire_name(Task, field.name) for field in attrs.fields(Task))


@cache
def _levels() -> tuple[Level, Level]:
    fields = [field for field in fields_of(Task) if field.name != "extra"]
    inside = tuple(field for field in fields if field.wire in TASK_OBJECT)
    on_top = tuple(field for field in fields if field.wire not in TASK_OBJECT)
    told = ("status", "status_name", "is_final")
    return Level("task", inside, beside=_STATUS), Level("reply", on_top, beside=("task",), told=told)


#: For a reply with all of the status on top and nothing in a strange place: it is read in one go.
_BOTH_LEVELS = Reader(Task, _levels)


@attrs.frozen(kw_only=True)
class _MotionFiles:
    """A motion's `extData`."""

    bvh_binary: str | None = None
    output_binary: str | None = None
    extra: Mapping[str, Json] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class _MotionEntry:
    """An entry of the motions list, with the fields of both its shapes (HTTP contract, section 2.3)."""

    work_name: str | None = None
    work_id: int | None = None
    task_id: int | None = None
    official: bool | None = None
    tag: str | None = None
    resource: MediaFile | None = None
    cover: MediaFile | None = None
    ext_data: _MotionFiles | None = None
    asset_id: str | None = None
    asset_type: str | None = None
    url: str | None = None
    cover_url: str | None = None
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    has_audio: bool | None = None
    created_at: datetime | None = None
    extra: Mapping[str, Json] = attrs.field(factory=dict)


def _object(value: Json, path: str) -> dict[str, Json]:
    if isinstance(value, dict):
        return value
    raise APIResponseError(
        f"the answer is not what was promised: {path}: expected an object, got {kind_of(value)}", path=path
    )


def task(reply: Json, ref: TaskRef, path: str = "$") -> Task:
    """Read a task reply; what `ref` knows already is kept in the task's own reference.

    Raises:
        APIResponseError: A type is wrong, or neither the reply nor `ref` has an id, or they have different ones.
    """
    try:
        read: Task = _BOTH_LEVELS.read(reply["task"], reply)  # type: ignore[index,call-overload]  # no object is a doubt
    except (KeyError, *DOUBTS):
        read = _flat_task(reply, ref, path)
    if ref.task_id not in (None, read.id):
        raise APIResponseError(
            f"asked for task {ref.task_id}, the answer is about task {read.id}", path=f"{path}.task.id"
        )
    known = ref.of_task(read.id, ref.resource_url or first_url(read.info))
    object.__setattr__(read, "ref", known)  # a copy of all its fields would cost more than reading half of them
    return read


def _flat_task(reply: Json, ref: TaskRef, path: str) -> Task:
    """Read a task reply that may hold anything anywhere."""
    whole = _object(reply, path)
    flat = _flatten(whole, path)
    if flat.get("id") is None:
        flat["id"] = ref.task_id
    if flat["id"] is None:
        said = flat.get("error") or flat.get("message")
        hint = f"; the server says: {said}" if isinstance(said, str) else ""
        raise APIResponseError(f"the answer holds no task id{hint}", path=f"{path}.task.id")
    if flat.get("status_final") is None and flat.get("status_name") in ("succeed", "failed"):
        flat["status_final"] = True
    try:
        return structure(flat, Task, path)
    except APIResponseError as error:
        first, *rest = (error.path or path).removeprefix(f"{path}.").split(".")
        where = ".".join(step for step in (path, _place(whole, first.split("[")[0]), first, *rest) if step)
        raise APIResponseError(str(error).replace(f"{error.path}:", f"{where}:", 1), path=where) from None


def task_in_part(reply: dict[str, Json], ref: TaskRef) -> Task | None:
    """What can be read of a task reply of which a part cannot; `None` if it does not say which task it is."""
    inner = reply.get("task")
    flat = _flatten(reply if isinstance(inner, dict) else {**reply, "task": None}, "$")
    if not isinstance(flat.get("status_name"), str):
        flat["status_final"] = None  # what it has come to is not to be told from one half of it
    ids = {str(level["id"]) for level in (reply, inner) if isinstance(level, dict) and level.get("id") is not None}
    try:
        read: Task = structure_in_part(flat, Task)
    except APIResponseError:
        return None
    if len(ids) != 1:
        return None
    object.__setattr__(read, "ref", ref.of_task(read.id, ref.resource_url or first_url(read.info)))
    return read


def first_url(info: TaskInfo | None) -> str | None:
    """What a task was made of in the first place."""
    if info is not None:
        for given in info.inputs:
            if given.url:
                return given.url
    return None


def input_urls(info: TaskInfo | None) -> tuple[str, ...]:
    """What a task was made of; of an extraction, the video comes first."""
    return tuple(given.url for given in info.inputs if given.url) if info is not None else ()


def _flatten(reply: dict[str, Json], path: str) -> dict[str, Json]:
    """One object from a reply's two levels.

    What lives in the `task` object is taken from there, all else from the top level, and what the one lacks from the
    other. If both lack all of the status, it is the first work's.
    """
    flat = dict(reply)
    nested = flat.pop("task", None)
    inner = {} if nested is None else _object(nested, f"{path}.task")
    hidden: dict[str, Json] = {}
    for name, value in inner.items():
        if name == "task":
            continue
        if name not in flat or (value is not None and (name in TASK_OBJECT or flat[name] is None)):
            flat[name] = value
        elif value is not None and name not in _KNOWN:
            hidden[name] = value
    if hidden:
        flat["task"] = hidden
    works = flat.get("works")
    if isinstance(works, list) and works and all(flat.get(name) is None for name in _STATUS):
        work = works[0] if isinstance(works[0], dict) else {}
        flat |= {name: work.get(name) for name in _STATUS}
    return flat


def _place(reply: dict[str, Json], name: str) -> str:
    """Where in a reply `_flatten` found a value, for an error to say."""
    inner = reply.get("task")
    found = {"": reply.get(name), "task": inner.get(name) if isinstance(inner, dict) else None}
    places = ("task", "") if name in TASK_OBJECT else ("", "task")
    return next((place for place in places if found[place] is not None), "works[0]" if name in _STATUS else "")


def motion(entry: Json, path: str = "$") -> Motion:
    """Read one entry of the motions list, of either shape.

    Raises:
        APIResponseError: A type is wrong.
    """
    read = structure(entry, _MotionEntry, path)
    resource, cover = read.resource or MediaFile(), read.cover or MediaFile()
    files = read.ext_data or _MotionFiles()
    sizes = [name for name in ("duration", "width", "height") if getattr(read, name) is None]
    nested = {
        "resource": _leftover(resource, "resource", *sizes),
        "cover": _leftover(cover, "resource"),
        "extData": dict(files.extra),
    }
    extra = {**read.extra, **{name: rest for name, rest in nested.items() if rest}}
    return Motion(
        name=read.work_name,
        work_id=read.work_id,
        task_id=read.task_id,
        official=read.official,
        tag=read.tag,
        video_url=resource.url or read.url,
        cover_url=cover.url or read.cover_url,
        bvh_url=files.bvh_binary,
        binary_url=files.output_binary,
        asset_id=read.asset_id,
        asset_type=read.asset_type,
        duration=read.duration if read.duration is not None else resource.duration,
        width=read.width if read.width is not None else resource.width,
        height=read.height if read.height is not None else resource.height,
        has_audio=read.has_audio,
        created_at=read.created_at,
        extra=extra,
    )


def _leftover(file: MediaFile, *used: str) -> dict[str, Json]:
    """What is known of a file and has no place of its own in a motion."""
    return {name: value for name, value in unstructure(file).items() if name not in used}


# --- Spelling -------------------------------------------------------------------------------------------------------


def spell(
    value: Task | Motion | Asset | UploadedAsset | Deletion | AssetDeletion | RunningTask | Capacity | Account,
) -> dict[str, Json]:
    """The JSON of a value, in the API's names; reading it back gives the value again."""
    if isinstance(value, Motion):
        return _spell_motion(value)
    flat: dict[str, Json] = unstructure(value)
    if isinstance(value, Task):
        hidden = _object(flat.pop("task", {}), "$.task")
        inner = {name: flat.pop(name) for name in TASK_OBJECT if name in flat}
        return {"task": hidden | inner, **flat}
    return flat


def _spell_motion(value: Motion) -> dict[str, Json]:
    """An entry in the shape of October 2025, with the later shape's fields where it has them."""
    extra = dict(value.extra)
    resource, cover, files = (_object(extra.pop(part, {}), f"$.{part}") for part in ("resource", "cover", "extData"))
    has_files = value.bvh_url or value.binary_url or files
    entry = _MotionEntry(
        work_name=value.name,
        work_id=value.work_id,
        task_id=value.task_id,
        official=value.official,
        tag=value.tag,
        resource=MediaFile(url=value.video_url, extra=resource) if value.video_url or resource else None,
        cover=MediaFile(url=value.cover_url, extra=cover) if value.cover_url or cover else None,
        ext_data=_MotionFiles(bvh_binary=value.bvh_url, output_binary=value.binary_url, extra=files)
        if has_files
        else None,
        asset_id=value.asset_id,
        asset_type=value.asset_type,
        duration=value.duration,
        width=value.width,
        height=value.height,
        has_audio=value.has_audio,
        created_at=value.created_at,
        extra=extra,
    )
    return unstructure(entry)
