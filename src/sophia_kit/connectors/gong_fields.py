"""Gong's records as flat ones: the fields its reference names, and those that are made of its lists.

Reference: Gong, "Gong API V2", schemas of `/v2/users`, `/v2/calls/extensive`, `/v2/calls/transcript` and
`/v2/settings/trackers` (help.gong.io/apidocs).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

__all__ = ["COMPETITORS", "FIELDS", "KEYS", "STARTED", "CallShape", "Record", "plain", "said", "took_part"]

Record = dict[str, Any]
_Getter = Callable[[Record], Any]

STARTED = "metaData.started"
COMPETITORS = "content.trackers.competitors.count"
KEYS: Mapping[str, str] = {
    "users": "id", "calls": "metaData.id", "parties": "key", "transcripts": "key", "trackers": "trackerId",
}  # fmt: skip
"""By resource, the field that identifies a record."""

_USER = {
    "": (
        "id", "emailAddress", "created", "active", "emailAliases", "trustedEmailAddress", "firstName", "lastName",
        "title", "phoneNumber", "extension", "personalMeetingUrls", "settings", "managerId",
        "meetingConsentPageUrl", "spokenLanguages",
    ),
    "settings": (
        "webConferencesRecorded", "preventWebConferenceRecording", "telephonyCallsImported", "emailsImported",
        "preventEmailImport", "nonRecordedMeetingsImported", "gongConnectEnabled",
    ),
}  # fmt: skip
_CALL = {
    "": ("metaData", "context", "parties", "content", "interaction", "collaboration", "media"),
    "metaData": (
        "id", "url", "title", "scheduled", "started", "duration", "primaryUserId", "direction", "system", "scope",
        "media", "language", "workspaceId", "sdrDisposition", "clientUniqueId", "customData", "purpose",
        "meetingUrl", "isPrivate", "calendarEventId",
    ),
    "content": (
        "structure", "trackers", "topics", "scorecardsAnswers", "pointsOfInterest", "brief", "outline", "highlights",
        "callOutcome", "keyPoints",
    ),
    "interaction": ("speakers", "interactionStats", "video", "questions"),
    "interaction.questions": ("companyCount", "nonCompanyCount"),
}  # fmt: skip
_PARTY = (
    "id", "emailAddress", "name", "title", "userId", "speakerId", "context", "affiliation", "phoneNumber", "methods",
)  # fmt: skip
_PARTY_NAMES, _MONOLOGUE = frozenset(_PARTY), frozenset({"speakerId", "topic", "sentences"})
_TRACKER = (
    "trackerId", "trackerName", "workspaceId", "languageKeywords", "affiliation", "partOfQuestion", "saidAt",
    "saidAtInterval", "saidAtUnit", "saidInTopics", "saidInCallParts", "filterQuery", "created", "creatorUserId",
    "updated", "updaterUserId",
)  # fmt: skip
_Shape = tuple[tuple[tuple[str, ...], frozenset[str]], ...]
_USER_SHAPE, _CALL_SHAPE, _TRACKER_SHAPE = (
    tuple((tuple(path.split(".")) if path else (), frozenset(names)) for path, names in named.items())
    for named in (_USER, _CALL, {"": _TRACKER})
)
"""The objects of a record, each by its path, and the fields that the reference names there."""
_LISTS = frozenset({
    "emailAliases", "personalMeetingUrls", "settings", "spokenLanguages", "context", "methods", "languageKeywords",
    "saidInTopics", "saidInCallParts",
})  # fmt: skip

_STATS = ("Talk Ratio", "Longest Monologue", "Longest Customer Story", "Interactivity", "Patience")
_OBJECTS = (("Salesforce", "Account"), ("Salesforce", "Opportunity"))


def _part(record: object, *path: str) -> Mapping[str, Any]:
    """The object at a path; empty when there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record if isinstance(record, dict) else {}


def _members(record: object, name: str) -> list[Mapping[str, Any]] | None:
    """The objects in the list called `name`; None when there is no list."""
    found = _part(record).get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else None


def _value(*path: str, name: str) -> _Getter:
    return lambda record: _part(record, *path).get(name)


def _stat(name: str, record: Record) -> Any:
    stats = _members(_part(record, "interaction"), "interactionStats") or ()
    return next((stat.get("value") for stat in stats if stat.get("name") == name), None)


def _linked(system: str, kind: str, record: Record) -> Any:
    """The id of the first object of a kind that the call is linked with in another system."""
    for link in _members(record, "context") or ():
        if link.get("system") == system:
            for thing in _members(link, "objects") or ():
                if thing.get("objectType") == kind:
                    return thing.get("objectId")
    return None


def _topics(record: Record) -> str | None:
    """The names of the topics that were spoken about, joined by '|'."""
    topics = _members(_part(record, "content"), "topics")
    if topics is None:
        return None
    return "|".join(str(topic.get("name")) for topic in topics if topic.get("duration") != 0)


def _sentiment(record: Record) -> Any:
    """What the system that uploaded the call says of its sentiment: `{"sentiment": ...}` in the custom data."""
    custom = _part(record, "metaData").get("customData")
    try:
        return _part(json.loads(custom)).get("sentiment") if isinstance(custom, str) else None
    except (ValueError, RecursionError):
        return None


_CALL_GETTERS: dict[str, _Getter] = {
    # In the place of a time of change, which Gong doesn't tell: it stays, so that the later reading counts.
    "began": _value("metaData", name="started"),
    **{f"metaData.{name}": _value("metaData", name=name) for name in _CALL["metaData"]},
    **{
        f"interaction.questions.{name}": _value("interaction", "questions", name=name)
        for name in _CALL["interaction.questions"]
    },
    **{f"interaction.interactionStats.{name}": partial(_stat, name) for name in _STATS},
    **{f"context.{system}.{kind}.objectId": partial(_linked, system, kind) for system, kind in _OBJECTS},
    "content.topics": _topics,
    "metaData.customData.sentiment": _sentiment,
}

FIELDS: Mapping[str, frozenset[str]] = {
    "users": frozenset({*_USER[""], *(f"settings.{name}" for name in _USER["settings"])} - _LISTS),
    "calls": frozenset({*_CALL_GETTERS, COMPETITORS}),
    "parties": frozenset({"key", "callId", STARTED, *_PARTY} - _LISTS),
    "transcripts": frozenset({"key", "callId", "position", STARTED, "speakerId", "topic", "start", "end", "text"}),
    "trackers": frozenset({*_TRACKER} - _LISTS),
}
"""By resource, what can be asked for."""


def _unknown(record: Record, shape: _Shape) -> Record:
    """The fields of a record that the reference doesn't name."""
    found: Record = {}
    for path, known in shape:
        part = _part(record, *path)
        if not known.issuperset(part):
            found |= {".".join((*path, name)): part[name] for name in part.keys() - known}
    return found


class CallShape:
    """Flattens calls.

    Args:
        asked: names of `FIELDS["calls"]`.
        competitors: the name of the keyword tracker that counts mentions of competitors; None when there is none.
    """

    def __init__(self, asked: Sequence[str], competitors: str | None) -> None:
        self._competitors = competitors
        getters = _CALL_GETTERS | {COMPETITORS: self._mentions}
        self._getters = tuple((name, getters[name]) for name in asked)

    def record(self, call: Record) -> Record:
        return _unknown(call, _CALL_SHAPE) | {name: get(call) for name, get in self._getters}

    def _mentions(self, call: Record) -> Any:
        """A defined tracker that isn't among a call's trackers wasn't heard."""
        trackers = _members(_part(call, "content"), "trackers")
        if trackers is None or self._competitors is None:
            return None
        return next((one.get("count") for one in trackers if one.get("name") == self._competitors), 0)


def plain(resource: str, record: Record, asked: Sequence[str]) -> Record:
    """A user or a tracker."""
    found = _unknown(record, _USER_SHAPE if resource == "users" else _TRACKER_SHAPE)
    for name in asked:
        *path, last = name.split(".")
        found[name] = _part(record, *path).get(last)
    return found


def took_part(call: Record, asked: Sequence[str]) -> Iterator[Record]:
    """Who took part in a call, one record each."""
    meta = _part(call, "metaData")
    key, started, parties = meta.get("id"), meta.get("started"), call.get("parties")
    for item in parties if isinstance(parties, list) else ():
        party = _part(item)
        own = {"key": _joined(key, party.get("id")), "callId": key, STARTED: started}
        new = {name: party[name] for name in party.keys() - _PARTY_NAMES}
        yield new | {name: own[name] if name in own else party.get(name) for name in asked}


def said(call: str, started: Any, transcript: object, asked: Sequence[str]) -> Iterator[Record]:
    """The monologues of a call, one record each; `start` and `end` in whole seconds from the beginning of the call."""
    for position, item in enumerate(transcript if isinstance(transcript, list) else ()):
        monologue = _part(item)
        sentences = _members(monologue, "sentences") or ()
        own = {
            "key": f"{call}:{position}",
            "callId": call,
            "position": position,
            STARTED: started,
            "start": _seconds(sentences[0].get("start")) if sentences else None,
            "end": _seconds(sentences[-1].get("end")) if sentences else None,
            "text": " ".join(str(sentence.get("text")) for sentence in sentences) if sentences else None,
        }
        new = {name: monologue[name] for name in monologue.keys() - _MONOLOGUE}
        yield new | {name: own[name] if name in own else monologue.get(name) for name in asked}


def _joined(*parts: Any) -> str | None:
    return ":".join(parts) if all(isinstance(part, str) for part in parts) else None


def _seconds(milliseconds: Any) -> Any:
    return int(milliseconds // 1000) if isinstance(milliseconds, int) else milliseconds
