"""A company's calls in the shape of Gong's records; `sandbox.gong` serves them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl
from pydantic_core import to_json

from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.tables import DELIVERED

__all__ = ["TRACKERS", "Call", "gong_id", "make_calls", "make_users"]

_KINDS = {"call": 77, "bad_calls": 78, "party": 31, "speaker": 42, "user": 56, "tracker": 93}
_WORKSPACE = "1490000000000000001"
_TRACKED = (("Competitors", "competitor"), ("Pricing", "pricing"), ("Integrations", "integration"))
_MADE = "2021-02-01T15:00:00Z"
_TEXT_TIME = "%Y-%m-%dT%H:%M:%SZ"

Record = dict[str, Any]


def _json(part: Any) -> str:
    return to_json(part).decode()


def gong_id(kind: str, number: int) -> str:
    """Gong's identifiers are numbers of up to 20 digits."""
    return str(_KINDS[kind] * 10**17 + number)


def _call_id(key: str) -> str:
    kind, _, number = key.rpartition("_")
    return gong_id(kind, int(number))


def _user_id(crm_user: str) -> str | None:
    found = re.fullmatch(r"005SB(\d{10})YAA", crm_user)
    return None if found is None else gong_id("user", int(found[1]))


TRACKERS: tuple[Record, ...] = tuple(
    {
        "trackerId": gong_id("tracker", number),
        "trackerName": name,
        "workspaceId": _WORKSPACE,
        "languageKeywords": [{"language": "eng", "keywords": [topic], "includeRelatedForms": True}],
        "affiliation": "Anyone",
        "partOfQuestion": False,
        "saidAt": "Anytime",
        "saidAtInterval": None,
        "saidAtUnit": None,
        "saidInTopics": [],
        "saidInCallParts": [],
        "filterQuery": '{"type":"And","filters":[]}',
        "created": _MADE,
        "creatorUserId": None,
        "updated": _MADE,
        "updaterUserId": None,
    }
    for number, (name, topic) in enumerate(_TRACKED)
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call. Its parts are JSON texts: they are made once and served as they are, which keeps the memory of 100,000
    small objects.

    Attributes:
        began: epoch second by which it is filtered; of a record that lacks it, when it was known.
        parts: what Gong knows of it, by path (`metaData`, `content.topics`), each in Gong's shape.
        transcript: its monologues, a list; None when nobody said anything.
    """

    key: str
    began: int
    parts: Mapping[str, str]
    transcript: str | None


def make_users(company: Company) -> list[Record]:
    """The employees who work with customers; a user who left is inactive."""
    employees = {f"{person.index:010d}": person for person in company.world.employees}
    users = company.table("salesforce_users").select(
        "Id", "Name", "Email", "IsActive", pl.col("CreatedDate").dt.strftime(_TEXT_TIME)
    )
    return [
        {
            "id": _user_id(key),
            "emailAddress": email,
            "created": created,
            "active": active,
            "emailAliases": [],
            "trustedEmailAddress": None,
            "firstName": name.partition(" ")[0],
            "lastName": name.partition(" ")[2],
            "title": employees[key[5:15]].title,
            "phoneNumber": None,
            "extension": None,
            "personalMeetingUrls": [],
            "settings": {
                "webConferencesRecorded": True,
                "preventWebConferenceRecording": False,
                "telephonyCallsImported": True,
                "emailsImported": False,
                "preventEmailImport": True,
                "nonRecordedMeetingsImported": False,
                "gongConnectEnabled": False,
            },
            "managerId": None,
            "meetingConsentPageUrl": None,
            "spokenLanguages": [{"language": "en-US", "primary": True}],
        }
        for key, name, email, active, created in users.iter_rows()
    ]


def make_calls(company: Company) -> list[Call]:
    """Every call known on the company's day and not deleted, and those that break their contract, oldest first."""
    good = company.table("calls").filter(~pl.col("is_deleted"))
    broken = company.world.malformed("calls").frame.filter(pl.col(DELIVERED) <= company.moment).drop(DELIVERED)
    frame = pl.concat([good, broken]).with_columns(
        pl.coalesce("started_at", "modified_at").dt.epoch("s").alias("began"),
        pl.col("started_at").dt.strftime(_TEXT_TIME),
        pl.col("talk_ratio", "interactivity", "sentiment").cast(pl.Float64),
    )
    people: defaultdict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for key, name, email, role in (
        company.table("call_participants").select("call_id", "name", "email", "role").iter_rows()
    ):
        people[key].append((name, email, role == "internal"))
    turns: defaultdict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
    for key, speaker, start, end, text in (
        company.table("call_turns").select("call_id", "participant_id", "started_s", "ended_s", "text").iter_rows()
    ):
        turns[key].append((int(speaker.rpartition("_p")[2]), start, end, text))
    calls = [_call(row, people[row["source_id"]], turns[row["source_id"]]) for row in frame.iter_rows(named=True)]
    return sorted(calls, key=lambda call: (call.began, call.key))


def _call(row: Record, people: list[tuple[str, str, bool]], turns: list[tuple[int, int, int, str]]) -> Call:
    key, host = _call_id(row["source_id"]), _user_id(row["owner_id"])
    number = int(key) % 10**15 * 10
    topics = row["topics"].split("|")
    spoken: defaultdict[int, int] = defaultdict(int)
    for speaker, start, end, _ in turns:
        spoken[speaker] += end - start
    objects = [("Account", row["account_id"]), ("Opportunity", row["opportunity_id"])]
    stats = (
        ("Talk Ratio", row["talk_ratio"]),
        ("Longest Monologue", float(row["longest_monologue_s"])),
        ("Interactivity", row["interactivity"]),
        ("Patience", 0.6 + number % 80 / 100),
    )
    rivals = row["competitor_mentions"]
    parts = {
        "metaData": {
            "id": key,
            "url": f"https://app.gong.io/call?id={key}",
            "title": f"Call {row['source_id']}",
            "scheduled": None,
            "started": row["started_at"],
            "duration": row["duration_s"],
            "primaryUserId": host,
            "direction": "Outbound",
            "system": "Telephony",
            "scope": "External",
            "media": "Audio",
            "language": "eng",
            "workspaceId": _WORKSPACE,
            "sdrDisposition": None,
            "clientUniqueId": row["source_id"],
            "customData": None if row["sentiment"] is None else f'{{"sentiment": {row["sentiment"]}}}',
            "purpose": None,
            "meetingUrl": None,
            "isPrivate": False,
            "calendarEventId": None,
        },
        "context": [
            {
                "system": "Salesforce",
                "objects": [{"objectType": kind, "objectId": found} for kind, found in objects if found is not None],
            }
        ],
        "parties": [_party(number + place, host, *person) for place, person in enumerate(people)],
        "content.topics": [{"name": topic, "duration": row["duration_s"] // len(topics)} for topic in topics],
        "content.trackers": [
            {
                "id": gong_id("tracker", place),
                "name": name,
                "count": rivals if topic == "competitor" else 2 * (topic in topics),
                "type": "KEYWORD",
                "phrases": [],
            }
            for place, (name, topic) in enumerate(_TRACKED)
        ],
        "interaction.speakers": [
            {
                "id": gong_id("speaker", number + place),
                "userId": host if inside else None,
                "talkTime": float(spoken[place]),
            }
            for place, (_, _, inside) in enumerate(people)
        ],
        "interaction.interactionStats": [{"name": name, "value": value} for name, value in stats if value is not None],
        "interaction.questions": {
            "companyCount": row["questions_asked"],
            "nonCompanyCount": row["questions_asked"] // 2,
        },
    }
    return Call(key, row["began"], {path: _json(part) for path, part in parts.items()}, _transcript(number, turns))


def _party(number: int, host: str | None, name: str, email: str, inside: bool) -> Record:
    return {
        "id": gong_id("party", number),
        "emailAddress": email,
        "name": name,
        "title": None,
        "userId": host if inside else None,
        "speakerId": gong_id("speaker", number),
        "context": [],
        "affiliation": "Internal" if inside else "External",
        "phoneNumber": None,
        "methods": ["Attendee"],
    }


def _transcript(number: int, turns: list[tuple[int, int, int, str]]) -> str | None:
    """Who speaks, and what, sentence by sentence, each with its share of the time, in milliseconds."""
    monologues = []
    for speaker, start, end, text in turns:
        begun, lasts = start * 1000, (end - start) * 1000
        sentences = [
            f'{{"start":{begun + lasts * first // 1000},"end":{begun + lasts * last // 1000},"text":{said}}}'
            for first, last, said in _sentences(text)
        ]
        who = gong_id("speaker", number + speaker)
        monologues.append(f'{{"speakerId":"{who}","topic":null,"sentences":[{",".join(sentences)}]}}')
    return f"[{','.join(monologues)}]" if monologues else None


@lru_cache(maxsize=10_000)
def _sentences(text: str) -> tuple[tuple[int, int, str], ...]:
    """Of each sentence: where it begins and ends, in thousandths of the text, and the sentence as JSON."""
    found, place = [], 0
    for part in re.split(r"(?<=[.?!]) ", text):
        until = place + len(part)
        found.append((place * 1000 // len(text), until * 1000 // len(text), _json(part)))
        place = until + 1
    return tuple(found)
