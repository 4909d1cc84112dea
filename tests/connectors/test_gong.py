"""What only Gong does: windows that are read again, answers that mean nothing, lists in a call, transcripts."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors import Batch
from sophia_kit.connectors.api import moment_of
from sophia_kit.connectors.gong import Gong
from sophia_kit.core.errors import AuthFailed, MalformedAnswer, RateLimited, RequestRejected, Unconfigured
from sophia_kit.core.settings import HttpSettings, PrivacySettings, Settings, load_settings
from sophia_kit.ingest import load_contracts
from sophia_kit.ingest.convert import Converter
from sophia_kit.ingest.raw import RawTable, prepare_raw

CALLS, TRANSCRIPTS, TRACKERS, USERS = (
    "/v2/calls/extensive",
    "/v2/calls/transcript",
    "/v2/settings/trackers",
    "/v2/users",
)
NO_CALLS = {"requestId": "4al018gzaztcr8nbukw", "errors": ["No calls found corresponding to the provided filters"]}
COMPETITORS = "content.trackers.competitors.count"


class Company:
    """Answers as Gong's API does, one call a page; a test replaces what it wants to be otherwise.

    Attributes:
        calls, transcripts, trackers, users: what Gong has.
        totals: what a page of calls announces, page by page; the number of calls by default.
        overrides: answers by path, before all else.
    """

    def __init__(self) -> None:
        self.calls: list[Any] = [call(1), call(2)]
        self.transcripts: dict[str, Any] = {}
        self.trackers = [{"trackerId": "93", "trackerName": "Competitors", "updated": "2021-02-01T15:00:00Z"}]
        self.users: list[Any] = []
        self.totals: list[int] = []
        self.overrides: dict[str, Callable[[Request], Reply]] = {}
        self.server: WireServer

    def __call__(self, request: Request) -> Reply:
        if request.path in self.overrides:
            return self.overrides[request.path](request)
        if request.path == TRACKERS:
            return Reply(body={"requestId": "1", "keywordTrackers": self.trackers})
        if request.path == USERS:
            return listed("users", self.users, len(self.users), None)
        asked = json.loads(request.body)
        if request.path == TRANSCRIPTS:
            found = [
                {"callId": key, "transcript": self.transcripts[key]}
                for key in asked["filter"]["callIds"]
                if key in self.transcripts
            ]
            return listed("callTranscripts", found, len(found), None) if found else Reply(404, body=NO_CALLS)
        place = int(asked.get("cursor", 0))
        calls = [one for one in self.calls if within(asked["filter"], one)]
        if not calls:
            return Reply(404, body=NO_CALLS)
        total = self.totals[place] if self.totals else len(calls)
        following = str(place + 1) if place + 1 < len(calls) else None
        return listed("calls", calls[place : place + 1], total, following)

    def asked(self, path: str) -> list[Any]:
        """The bodies of the requests for a path."""
        return [json.loads(request.body) for request in self.server.requests if request.path == path]


def within(window: dict[str, str], call: Any) -> bool:
    """Whether a call began from a moment on; one that doesn't say when is in every window."""
    began = moment_of(call["metaData"].get("started")) if isinstance(call, dict) else None
    start = moment_of(window.get("fromDateTime"))
    return began is None or start is None or began >= start


def listed(name: str, items: list[Any], total: int, cursor: str | None) -> Reply:
    records = {"totalRecords": total, "currentPageSize": len(items), "currentPageNumber": 0}
    return Reply(body={"requestId": "1", "records": records | ({"cursor": cursor} if cursor else {}), name: items})


def call(number: int, **parts: Any) -> dict[str, Any]:
    meta = {"id": str(number), "started": f"2025-06-{number:02d}T10:00:00-05:00", "duration": 1800}
    return {"metaData": meta | parts.pop("metaData", {}), **parts}


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    found = Company()
    async with WireServer(found) as server:
        found.server = server
        yield found


def settings_of(company: Company, root: Path, **changed: Any) -> Settings:
    given = {"base_url": company.server.url, "access_key": "key", "access_key_secret": "canary-secret"}
    patient = HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02)
    privacy = PrivacySettings(transcripts=True)
    return load_settings(
        root, gong=given | {"requests_per_second": 1000}, **({"http": patient, "privacy": privacy} | changed)
    )


@pytest.fixture
async def gong(company: Company, tmp_path: Path) -> AsyncIterator[Gong]:
    async with Gong(settings_of(company, tmp_path)) as connector:
        yield connector


async def read(
    gong: Gong, resource: str, *fields: str, since: str | None = None, until: datetime | None = None
) -> Batch:
    """A reading of few records is one batch."""
    (batch,) = [batch async for batch in gong.read(resource, since, fields, until=until)]
    return batch


async def test_the_key_and_its_secret_sign_each_request(company: Company, gong: Gong) -> None:
    await read(gong, "calls", "metaData.title")
    signed = base64.b64encode(b"key:canary-secret").decode()
    assert {request.headers["authorization"] for request in company.server.requests} == {f"Basic {signed}"}


async def test_calls_that_began_within_the_window_are_read_again_and_show_what_is_gone(
    company: Company, gong: Gong
) -> None:
    first = await read(gong, "calls", "metaData.title")
    assert (first.cursor_high, first.image_since) == ("2025-06-02T15:00:00.000Z", None)
    again = await read(gong, "calls", "metaData.title", since=first.cursor_high)
    assert again.image_since == datetime(2025, 5, 19, 15, tzinfo=UTC)
    assert company.asked(CALLS)[-1]["filter"] == {"fromDateTime": "2025-05-19T15:00:00.000Z"}
    assert company.asked(CALLS)[0]["filter"] == {}


@pytest.mark.parametrize("seed", range(4))
async def test_load_after_load_holds_what_gong_holds_when_changes_come_within_the_window(
    seed: int, company: Company, gong: Gong
) -> None:
    draws = Random(seed)
    begin = datetime(2025, 3, 1, 9, tzinfo=UTC)
    # When a call began, was uploaded, corrected and deleted, in days; all of it within two weeks.
    lives = [
        (began, *sorted(began + draws.uniform(0.01, 13.9) for _ in range(3)))
        for began in (draws.uniform(0, 50) for _ in range(40))
    ]
    gone = {number for number in range(len(lives)) if draws.random() < 0.3}
    held: dict[str, tuple[datetime, str]] = {}
    cursor, now = None, 0.0
    for _ in range(12):
        now += draws.uniform(0.2, 12)
        seen = {
            str(number): (
                begin + timedelta(days=began),
                "corrected" if corrected <= now else "first",
            )
            for number, (began, uploaded, corrected, deleted) in enumerate(lives)
            if uploaded <= now and not (number in gone and deleted <= now)
        }
        company.calls = [
            {"metaData": {"id": key, "started": moment.isoformat(), "title": title}}
            for key, (moment, title) in sorted(seen.items(), key=lambda pair: pair[1])
        ]
        batch = await read(gong, "calls", "metaData.title", since=cursor)
        read_now = {
            one["metaData.id"]: (datetime.fromisoformat(one["metaData.started"]), one["metaData.title"])
            for one in batch.records
        }
        if batch.image_since is not None:
            held = {key: kept for key, kept in held.items() if kept[0] < batch.image_since}
        held |= read_now
        assert held == seen
        cursor = batch.cursor_high or cursor
    assert len(held) > 20


async def test_a_call_that_turns_out_shorter_or_longer_is_corrected(company: Company, gong: Gong) -> None:
    contract = load_contracts()["gong_calls"]
    held = []
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw")
        prepare_raw(connection, [contract], "America/Chicago")
        for duration in (90_000_000, 1800, 600):
            company.calls = [call(1, metaData={"duration": duration})]
            found = Converter(contract, "America/Chicago").records((await read(gong, "calls", *contract.asked)).records)
            table = RawTable(connection, contract, load_id=str(duration), loaded_at=datetime.now(UTC))
            table.begin()
            table.add(found.frame)
            table.finish()
            held += connection.execute("SELECT duration_s FROM raw.gong_calls").fetchall()
    assert held == [(90_000_000,), (1800,), (600,)]


@pytest.mark.parametrize("started", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_beyond_the_calendar_costs_no_other_call(started: str, company: Company, gong: Gong) -> None:
    company.calls.append(call(3, metaData={"started": started}))
    batch = await read(gong, "calls", "metaData.title")
    assert (len(batch.records), batch.cursor_high) == (3, "2025-06-02T15:00:00.000Z")


async def test_a_backfill_ends_before_its_moment(company: Company, gong: Gong) -> None:
    until = datetime(2025, 6, 3, tzinfo=UTC)
    batch = await read(gong, "parties", since="2025-06-01T00:00:00Z", until=until)
    window = {"fromDateTime": "2025-05-18T00:00:00.000Z", "toDateTime": "2025-06-03T00:00:00.000Z"}
    assert company.asked(CALLS)[0]["filter"] == window
    assert batch.image_since == datetime(2025, 5, 18, tzinfo=UTC)


@pytest.mark.parametrize("resource", ["calls", "parties", "transcripts"])
async def test_no_calls_is_an_empty_reading(resource: str, company: Company, gong: Gong) -> None:
    company.calls = []
    batch = await read(gong, resource)
    assert (batch.records, batch.cursor_high, batch.demo) == ([], None, False)


async def test_another_404_is_a_failure(company: Company, gong: Gong) -> None:
    company.overrides[CALLS] = lambda _: Reply(404, body={"requestId": "77", "errors": ["Workspace not found"]})
    with pytest.raises(RequestRejected, match=r"Gong answered 404: Workspace not found \(request 77\)"):
        await read(gong, "calls")


async def test_a_refusal_says_what_gong_said_and_no_secret(company: Company, gong: Gong) -> None:
    body = {"requestId": "78", "errors": ["IP not trusted", "for canary-secret"]}
    company.overrides[CALLS] = lambda _: Reply(403, body=body)
    with pytest.raises(AuthFailed) as caught:
        await read(gong, "calls")
    assert caught.value.message == "Gong answered 403: IP not trusted for [secret] (request 78)"
    assert "docs/gong.md" in (caught.value.hint or "")


async def test_a_key_that_is_not_accepted_is_tried_twice(company: Company, gong: Gong) -> None:
    company.overrides[CALLS] = lambda _: Reply(401, body={"requestId": "79", "errors": ["Failed to verify"]})
    with pytest.raises(AuthFailed) as caught:
        await read(gong, "calls")
    assert caught.value.message == "Gong answered 401: Failed to verify (request 79)"
    assert "SOPHIA_GONG__ACCESS_KEY_SECRET" in (caught.value.hint or "")
    assert len(company.asked(CALLS)) == 2


async def test_the_daily_limit_ends_the_reading_when_the_wait_is_too_long(company: Company, gong: Gong) -> None:
    company.overrides[CALLS] = lambda _: Reply(429, body={"errors": ["limit"]}, headers={"Retry-After": "7200"})
    with pytest.raises(RateLimited) as caught:
        await read(gong, "calls")
    assert caught.value.retry_after == 7200
    assert len(company.asked(CALLS)) == 1


@pytest.mark.parametrize(
    ("totals", "fine"), [([2, 2], True), ([1, 2], True), ([3, 2], True), ([3, 3], False), ([1, 1], False)]
)
async def test_the_number_of_calls_is_one_that_was_announced(
    totals: list[int],
    fine: bool,
    company: Company,
    gong: Gong,
) -> None:
    company.totals = totals
    if fine:
        assert len((await read(gong, "calls")).records) == 2
        return
    with pytest.raises(MalformedAnswer, match="announced"):
        await read(gong, "calls")


TALK, TOPICS = "interaction.interactionStats.Talk Ratio", "content.topics"
FLAT: list[tuple[str, dict[str, Any], Any]] = [
    (TALK, {"interaction": {"interactionStats": [{"name": "Talk Ratio", "value": 0.4}]}}, 0.4),
    (TALK, {"interaction": {"interactionStats": [{"name": "Patience", "value": 1}]}}, None),
    (TALK, {"interaction": {"interactionStats": "none"}}, None),
    (TALK, {"interaction": None}, None),
    ("interaction.questions.companyCount", {"interaction": {"questions": {"companyCount": 7}}}, 7),
    (TOPICS, {"content": {"topics": [{"name": "A", "duration": 5}, {"name": "B", "duration": 0}]}}, "A"),
    (TOPICS, {"content": {"topics": [{"name": "A", "duration": 5}, {"name": "C"}]}}, "A|C"),
    (TOPICS, {"content": {"topics": []}}, ""),
    (TOPICS, {"content": {}}, None),
    (COMPETITORS, {"content": {"trackers": [{"name": "Competitors", "count": 3}]}}, 3),
    (COMPETITORS, {"content": {"trackers": [{"name": "Pricing", "count": 3}]}}, 0),
    (COMPETITORS, {"content": {"trackers": None}}, None),
    (COMPETITORS, {}, None),
    (
        "context.Salesforce.Account.objectId",
        {
            "context": [
                {"system": "HubSpot", "objects": [{"objectType": "Account", "objectId": "h"}]},
                {
                    "system": "Salesforce",
                    "objects": [
                        {"objectType": "Opportunity", "objectId": "o"},
                        {"objectType": "Account", "objectId": "a"},
                        {"objectType": "Account", "objectId": "b"},
                    ],
                },
            ]
        },
        "a",
    ),
    ("context.Salesforce.Account.objectId", {"context": [{"system": "Salesforce", "objects": None}]}, None),
    ("metaData.customData.sentiment", {"metaData": {"customData": '{"sentiment": -0.125}'}}, -0.125),
    ("metaData.customData.sentiment", {"metaData": {"customData": '{"sentiment": "warm"}'}}, "warm"),
    ("metaData.customData.sentiment", {"metaData": {"customData": '{"mood": 1}'}}, None),
    ("metaData.customData.sentiment", {"metaData": {"customData": "[0.5]"}}, None),
    ("metaData.customData.sentiment", {"metaData": {"customData": "sentiment: 0.5"}}, None),
    ("metaData.customData.sentiment", {"metaData": {"customData": None}}, None),
    ("metaData.customData.sentiment", {"metaData": {"customData": "[" * 100_000}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("field", "parts", "value"), FLAT)
async def test_what_is_made_of_a_calls_lists(
    field: str, parts: dict[str, Any], value: Any, company: Company, gong: Gong
) -> None:
    company.calls = [call(1, **parts)]
    batch = await read(gong, "calls", field)
    assert batch.records[0][field] == value
    assert batch.absent_fields == ()


async def test_without_the_tracker_mentions_of_competitors_are_unknown(company: Company, gong: Gong) -> None:
    company.trackers[0]["trackerName"] = "Rivals"
    company.calls = [call(1, content={"trackers": [{"name": "Pricing", "count": 2}]})]
    batch = await read(gong, "calls", COMPETITORS)
    assert batch.absent_fields == (COMPETITORS,)
    assert batch.records[0][COMPETITORS] is None


async def test_fields_that_the_reference_does_not_name_are_handed_on(company: Company, gong: Gong) -> None:
    company.calls = [call(1, metaData={"mood": {"a": 1}}, content={"topics": [], "sentiment": 0.9}, weather="fine")]
    company.calls[0]["parties"] = [{"id": "p", "vote": True}]
    (record,) = (await read(gong, "calls", "metaData.title")).records
    assert {name: value for name, value in record.items() if name not in await gong.fields("calls")} == {
        "metaData.mood": {"a": 1},
        "content.sentiment": 0.9,
        "weather": "fine",
    }
    (party,) = (await read(gong, "parties", "name")).records
    assert party == {"name": None, "key": "1:p", "metaData.started": "2025-06-01T10:00:00-05:00", "vote": True}


async def test_what_the_reference_does_not_name_can_not_be_asked_for(gong: Gong) -> None:
    batch = await read(gong, "calls", "metaData.sentiment", "content.trackers.Pricing.count")
    assert batch.absent_fields == ("metaData.sentiment", "content.trackers.Pricing.count")
    assert not {"metaData.sentiment", "content.trackers.Pricing.count"} & set(batch.records[0])


async def test_who_took_part_belongs_to_the_call(company: Company, gong: Gong) -> None:
    company.calls = [call(1, parties=[{"id": "p1", "name": "Zoë"}, {"name": "nobody"}, "odd"]), call(2, parties=None)]
    batch = await read(gong, "parties", "callId", "name")
    assert [(one["key"], one["callId"], one["name"]) for one in batch.records] == [
        ("1:p1", "1", "Zoë"),
        (None, "1", "nobody"),
        (None, "1", None),
    ]


async def test_what_was_said_is_asked_for_by_the_calls_of_a_page(company: Company, gong: Gong) -> None:
    company.transcripts["2"] = [
        {
            "speakerId": "s",
            "topic": "Pricing",
            "sentences": [{"start": 4999, "end": 7000, "text": "Hello."}, {"start": 7100, "end": 9001, "text": "Bye."}],
        },
        {"speakerId": "t", "sentences": None},
    ]
    batch = await read(gong, "transcripts", "speakerId", "start", "end", "text")
    assert [body["filter"]["callIds"] for body in company.asked(TRANSCRIPTS)] == [["1"], ["2"]]
    said, silent = batch.records
    assert said == {
        "key": "2:0",
        "speakerId": "s",
        "start": 4,
        "end": 9,
        "text": "Hello. Bye.",
        "metaData.started": "2025-06-02T10:00:00-05:00",
    }
    assert (silent["key"], silent["start"], silent["text"]) == ("2:1", None, None)


async def test_a_transcript_of_another_call_is_refused(company: Company, gong: Gong) -> None:
    company.overrides[TRANSCRIPTS] = lambda _: listed("callTranscripts", [{"callId": "9", "transcript": []}], 1, None)
    with pytest.raises(MalformedAnswer, match="wasn't asked for"):
        await read(gong, "transcripts")


async def test_transcripts_are_read_only_where_that_is_asked_for(company: Company, tmp_path: Path) -> None:
    async with Gong(settings_of(company, tmp_path, privacy=PrivacySettings())) as gong:
        with pytest.raises(Unconfigured) as caught:
            await read(gong, "transcripts")
    assert caught.value.missing == ("SOPHIA_PRIVACY__TRANSCRIPTS",)
    assert company.server.requests == []


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"calls": []},
        {"calls": [], "records": {}},
        {"calls": [], "records": {"totalRecords": "0"}},
        {"calls": {}, "records": {"totalRecords": 0}},
        {"calls": ["x"], "records": {"totalRecords": 1}},
    ],
)
async def test_an_answer_of_another_shape_is_refused(body: Any, company: Company, gong: Gong) -> None:
    company.overrides[CALLS] = lambda _: Reply(body=body)
    with pytest.raises(MalformedAnswer):
        await read(gong, "calls")


async def test_users_and_trackers_are_read_whole_each_time(company: Company, gong: Gong) -> None:
    company.users = [
        {"id": str(number), "created": f"2025-0{number}-01T00:00:00Z", "settings": {"emailsImported": True}, "shoe": 9}
        for number in (1, 2)
    ]
    now = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    users = await read(gong, "users", "settings.emailsImported", since=now)
    assert [(user["id"], user["settings.emailsImported"], user["shoe"]) for user in users.records] == [
        ("1", True, 9),
        ("2", True, 9),
    ]
    trackers = await read(gong, "trackers", "trackerName", since=now)
    assert [tracker["trackerName"] for tracker in trackers.records] == ["Competitors"]
    assert users.image_since == trackers.image_since == datetime(1970, 1, 1, tzinfo=UTC)
