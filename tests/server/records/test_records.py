"""Vendors' rows from a snapshot: every row once, filters as they read, nobody's rows but the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Project
from tests.server.rest_company import RESTRICTED, demo_services

from sophia_kit.core.errors import AccessRefused, InputError, NeverLoaded, SnapshotGone, UnknownName
from sophia_kit.metrics import Catalogue, Principal
from sophia_kit.metrics.definition import RowsDefinition
from sophia_kit.server.records import (
    GONG_CALLS,
    REPOSITORY_TREE,
    RESOURCES,
    SALESFORCE_ACCOUNTS,
    SALESFORCE_OPPORTUNITIES,
    SLACK_CHANNELS,
    SLACK_MESSAGES,
    Page,
    Resource,
    SlackThread,
    read_page,
    read_threads,
)
from sophia_kit.server.records.continuation import Continuation
from sophia_kit.server.services import Services
from sophia_kit.warehouse import Draft, SnapshotStore

OWNER = Principal("owner")
SOME = Principal("restricted", RESTRICTED)
EACH = pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def company(demo: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with demo_services(demo, tmp_path_factory.mktemp("company")) as services:
        yield services


@pytest.fixture(scope="module")
def everything(company: Services) -> dict[str, Rows]:
    """All rows of each resource, read in pages of 97."""
    return {name: list(pages(company, resource)) for name, resource in RESOURCES.items()}


def read(company: Services, resource: Resource, principal: Principal = OWNER, **more: Any) -> Page:
    return read_page(company.snapshots, company.clock, resource, principal, **more)


def pages(company: Services, resource: Resource, principal: Principal = OWNER, **filters: Any) -> Iterator[Any]:
    token = None
    while True:
        page = read(company, resource, principal, filters=filters, limit=97, after=token)
        yield from page.rows
        token = page.next
        if token is None:
            return


def changed(company: Services, change: Callable[[Draft], object]) -> None:
    """Publish another snapshot, a minute younger, in which something has changed."""
    store = SnapshotStore(company.settings.snapshots_dir, keep=2)
    known_at = store.current().known_at
    with store.draft(known_at) as draft:
        change(draft)
        draft.publish(demo=True, time_zone="America/Chicago", currency="USD")


def meets(kind: str, cell: Any, value: Any) -> bool:
    """Whether a cell meets a filter, reckoned another way than in SQL."""
    match kind:
        case "among":
            return cell in value
        case "is":
            return cell is value
        case "from":
            return bool(cell >= value)
        case "before":
            return bool(cell < value)
        case "contains":
            return str(value).lower() in (cell or "").lower()
        case _:
            return bool(cell == value or cell.startswith(f"{value}/"))


@EACH
def test_pages_have_every_row_once_and_in_order(
    company: Services, everything: dict[str, Rows], resource: Resource
) -> None:
    rows = everything[resource.name]
    keys = [tuple(row[name] for name in resource.order) for row in rows]
    assert keys == sorted(set(keys), reverse=resource.descending)
    condition = f" WHERE {resource.where}" if resource.where else ""
    with company.snapshots.current() as engine:
        (count,) = engine.query(f"SELECT count(*) FROM {resource.view} AS base{condition}").frame.row(0)
    assert len(rows) == count > 0


@EACH
def test_rows_are_of_the_declared_types(everything: dict[str, Rows], resource: Resource) -> None:
    for row in everything[resource.name][:50]:
        assert list(row) == [column.name for column in resource.columns]
        assert resource.row_model.model_validate(row, strict=True).model_dump() == row


@EACH
def test_every_filter_keeps_exactly_the_rows_that_it_says(
    company: Services, everything: dict[str, Rows], resource: Resource
) -> None:
    rows = everything[resource.name]
    for item in resource.filters:
        found = sorted({row[item.column] for row in rows if row[item.column] not in (None, "")})
        value = found[len(found) // 2]
        another = found[0] if item.named else "nobody's"
        asked = {"among": [value, another], "contains": str(value)[1:4].upper(), "under": str(value).split("/")[0]}
        value = asked.get(item.kind, value)
        kept = list(pages(company, resource, **{item.name: value}))
        assert kept == [row for row in rows if meets(item.kind, row[item.column], value)], item.name
        assert kept


@EACH
def test_a_misspelt_name_is_unknown_and_not_an_empty_page(
    company: Services, everything: dict[str, Rows], resource: Resource
) -> None:
    for item in (each for each in resource.filters if each.named):
        known = next(row[item.column] for row in everything[resource.name] if row[item.column])
        for asked in ([f"{known}x"], [known, f"{known}x"]):
            with pytest.raises(UnknownName) as caught:
                read(company, resource, filters={item.name: asked})
            assert caught.value.message == f"No {item.name} of {resource.name} is called {known + 'x'!r}."
            assert known in caught.value.suggestions
    named = {each.name for each in resource.filters if each.kind == "among" and not each.name.endswith("_id")}
    assert {each.name for each in resource.filters if each.named} == named


def test_names_that_exist_and_meet_nothing_together_are_an_empty_page(company: Services) -> None:
    asked = {"segment": ["Enterprise"], "account_id": ["nobody's"]}
    assert read(company, SALESFORCE_ACCOUNTS, filters=asked).rows == ()


def test_which_names_there_are_is_told_of_what_the_caller_may_see(company: Services) -> None:
    account = read(company, SALESFORCE_ACCOUNTS, limit=1).rows[0]
    one = Principal("of one account", (("account", (account["name"],)),))
    with pytest.raises(UnknownName) as caught:
        read(company, SALESFORCE_ACCOUNTS, one, filters={"industry": ["none"]})
    assert caught.value.hint == f"Known: {account['industry']}"


def test_what_looks_like_sql_or_a_pattern_is_text(company: Services) -> None:
    for text in ("' OR 1=1 --", "%", "_", "\\", "'; DROP TABLE raw.slack_users; --", "$after_name", "\x00"):
        assert read(company, SALESFORCE_ACCOUNTS, filters={"name": text}).rows == ()
        assert read(company, SALESFORCE_ACCOUNTS, filters={"account_id": [text]}).rows == ()
        with pytest.raises(UnknownName):
            read(company, SALESFORCE_ACCOUNTS, filters={"segment": [text]})
        assert read(company, REPOSITORY_TREE, filters={"under": text}).rows == ()


def test_a_folder_holds_no_other_that_begins_alike(company: Services, everything: dict[str, Rows]) -> None:
    paths = [row["path"] for row in everything[REPOSITORY_TREE.name]]
    folder = next(path.split("/")[0] for path in paths if "/" in path)
    assert read(company, REPOSITORY_TREE, filters={"under": folder[:-1]}).rows == ()
    assert read(company, REPOSITORY_TREE, filters={"under": folder + "/"}).rows


@EACH
def test_a_restricted_caller_sees_its_rows_or_is_refused(
    company: Services, everything: dict[str, Rows], resource: Resource
) -> None:
    if "segment" not in resource.dimensions:
        with pytest.raises(AccessRefused, match="can't be told apart"):
            read(company, resource, SOME)
        return
    own = [row for row in everything[resource.name] if row["segment"] == "Mid-Market"]
    assert list(pages(company, resource, SOME)) == own
    assert 0 < len(own) < len(everything[resource.name])
    with pytest.raises(AccessRefused, match="Enterprise"):
        read(company, resource, SOME, filters={"segment": ["Enterprise"]})


def test_every_dimension_restricts_as_it_reads(company: Services, everything: dict[str, Rows]) -> None:
    columns = {"account": "account_name", "owner": "owner_name"}
    for resource in RESOURCES.values():
        for dimension in resource.dimensions:
            known = {column.name for column in resource.columns}
            column = columns.get(dimension, dimension)
            column = column if column in known else "name" if dimension == "account" else column
            if column not in known:
                continue
            rows = everything[resource.name]
            member = next(row[column] for row in rows if row[column])
            one = Principal("one", ((dimension, (member,)),))
            assert list(pages(company, resource, one)) == [row for row in rows if row[column] == member]


def test_restrictions_add_up_and_none_permitted_is_refused(company: Services) -> None:
    both = Principal("both", (*RESTRICTED, ("country", ("Canada",))))
    for row in read(company, SALESFORCE_ACCOUNTS, both).rows:
        assert (row["segment"], row["country"]) == ("Mid-Market", "Canada")
    for attributes in ((("segment", ()),), (*RESTRICTED, ("segment", ("Enterprise",)))):
        with pytest.raises(AccessRefused, match="no segment at all"):
            read(company, SALESFORCE_ACCOUNTS, Principal("nobody", attributes))


def test_dimensions_lead_where_the_metrics_of_the_same_view_lead() -> None:
    bases = {item.base: item for item in Catalogue.load() if isinstance(item, RowsDefinition)}
    compared = 0
    for resource in RESOURCES.values():
        for item in Catalogue.load():
            if isinstance(item, RowsDefinition) and item.base == resource.view:
                for dimension, path in item.dimensions.items():
                    assert resource.dimensions[dimension] == path
                    compared += 1
    assert compared > 3
    assert {"calls", "opportunities"} <= bases.keys()


def test_a_token_is_of_its_question_and_of_its_caller(company: Services) -> None:
    token = read(company, SALESFORCE_ACCOUNTS, limit=1).next
    assert token is not None
    assert read(company, SALESFORCE_ACCOUNTS, limit=5, after=token).rows
    others: list[tuple[Resource, Principal, dict[str, Any]]] = [
        (SALESFORCE_OPPORTUNITIES, OWNER, {}),
        (SALESFORCE_ACCOUNTS, SOME, {}),
        (SALESFORCE_ACCOUNTS, Principal("another"), {}),
        (SALESFORCE_ACCOUNTS, OWNER, {"segment": ["Enterprise"]}),
    ]
    for resource, principal, filters in others:
        with pytest.raises(InputError, match="another question"):
            read(company, resource, principal, filters=filters, after=token)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_token_that_was_made_or_changed_elsewhere_is_refused(data: st.DataObject) -> None:
    token = Continuation("question", "snapshot", ("Amber", 3)).token()
    assert Continuation.read(token, "question").position == ("Amber", 3)
    place = data.draw(st.integers(0, len(token) - 1))
    forged = data.draw(
        st.one_of(
            st.text(max_size=200),
            st.just(token[:place]),
            st.characters().map(lambda letter: token[:place] + letter + token[place + 1 :]),
        )
    )
    same = forged.isascii() and forged.rstrip("=") == token
    if not same and forged:
        try:
            found = Continuation.read(forged, "question")
        except InputError as error:
            assert error.hint  # noqa: PT017
        else:
            # Base64 has bits to spare in its last letter.
            assert (place, found.position) == (len(token) - 1, ("Amber", 3))


def test_pages_go_on_in_their_snapshot_while_another_becomes_the_current_one(demo: Project, tmp_path: Path) -> None:
    with demo_services(demo, tmp_path) as company:
        before = list(pages(company, SALESFORCE_ACCOUNTS))
        first = read(company, SALESFORCE_ACCOUNTS, limit=5)
        changed(company, lambda draft: draft.connection.execute("DELETE FROM raw.salesforce_accounts WHERE name > 'C'"))
        after = list(pages(company, SALESFORCE_ACCOUNTS))
        assert 0 < len(after) < len(before)
        rest = read(company, SALESFORCE_ACCOUNTS, limit=500, after=first.next)
        assert [*first.rows, *rest.rows] == before
        assert rest.standing.snapshot_id == first.standing.snapshot_id
        changed(company, lambda draft: draft.connection.execute("DELETE FROM raw.slack_users"))
        with pytest.raises(SnapshotGone, match="no longer kept"):
            read(company, SALESFORCE_ACCOUNTS, after=first.next)


def test_a_table_that_was_never_loaded_is_unknown_and_not_empty(demo: Project, tmp_path: Path) -> None:
    def never(draft: Draft) -> None:
        for table in ("slack_messages", "salesforce_users"):
            draft.connection.execute(f"DELETE FROM raw.{table}")
            draft.connection.execute("UPDATE meta.freshness SET last_success_at = NULL WHERE table_name = ?", [table])
        draft.connection.execute("INSERT INTO meta.behind VALUES ('slack_messages', NULL, 'privacy.messages is off')")

    with demo_services(demo, tmp_path) as company:
        changed(company, never)
        with pytest.raises(NeverLoaded, match=r"slack_messages was never loaded \(privacy.messages is off\)") as error:
            read(company, SLACK_MESSAGES)
        assert error.value.problem()["tables"] == ["slack_messages"]
        channel = read(company, SLACK_CHANNELS).rows[0]["channel_id"]
        with pytest.raises(NeverLoaded):
            read_threads(company.snapshots, company.clock, channel, OWNER)
        # What only names come from leaves these empty, and says so.
        page = read(company, SALESFORCE_ACCOUNTS)
        assert {row["owner_name"] for row in page.rows} == {None}
        assert page.standing.freshness.status == "unknown"
        assert page.standing.freshness.tables == ("salesforce_users",)


def test_fields_can_be_chosen_and_pages_still_follow(company: Services, everything: dict[str, Rows]) -> None:
    page = read(company, GONG_CALLS, fields=["topics", "call_id"], limit=3)
    assert [set(row) for row in page.rows] == [{"call_id", "topics"}] * 3
    further = read(company, GONG_CALLS, fields=["call_id"], limit=1, after=page.next)
    assert further.rows[0]["call_id"] == everything[GONG_CALLS.name][3]["call_id"]
    with pytest.raises(UnknownName, match="talk_ration"):
        read(company, GONG_CALLS, fields=["talk_ration"])


def test_threads_have_their_messages_and_authors_the_newest_first(
    company: Services, everything: dict[str, Rows]
) -> None:
    messages = everything[SLACK_MESSAGES.name]
    for channel in everything[SLACK_CHANNELS.name]:
        own = [row for row in messages if row["channel_id"] == channel["channel_id"]]
        threads: list[SlackThread] = []
        token = None
        while True:
            page = read_threads(company.snapshots, company.clock, channel["channel_id"], OWNER, limit=40, after=token)
            assert page.channel == channel
            threads += page.threads
            token = page.next
            if token is None:
                break
        started = [(thread.started_at, thread.thread_id) for thread in threads]
        assert started == sorted(set(started), reverse=True)
        assert sorted((row["posted_at"], row["message_id"]) for thread in threads for row in thread.messages) == [
            (row["posted_at"], row["message_id"]) for row in own
        ]
        for thread in threads:
            assert thread.message_count == len(thread.messages)
            assert (thread.messages[0]["posted_at"], thread.messages[-1]["posted_at"]) == (
                thread.started_at,
                thread.last_at,
            )
    assert any(row["author_name"] for row in messages)


def test_of_a_long_thread_the_first_messages_are_shown_and_the_rest_can_be_read(demo: Project, tmp_path: Path) -> None:
    def long(draft: Draft) -> None:
        newest = "FROM raw.slack_messages WHERE subtype IS NULL ORDER BY posted_at DESC LIMIT 1"
        later = "source_id || '-' || n AS source_id, posted_at + to_seconds(n) AS posted_at"
        draft.connection.execute(
            f"INSERT INTO raw.slack_messages BY NAME SELECT * EXCLUDE (n) REPLACE ({later}) "
            f"FROM ({newest}) CROSS JOIN range(1, 120) AS more(n)"
        )

    with demo_services(demo, tmp_path) as company:
        changed(company, long)
        newest = list(pages(company, SLACK_MESSAGES))[-1]
        page = read_threads(company.snapshots, company.clock, newest["channel_id"], OWNER, limit=1)
        (thread,) = page.threads
        assert (thread.message_count, len(thread.messages)) == (120, 100)
        rows = list(pages(company, SLACK_MESSAGES, thread_id=[thread.thread_id]))
        assert len(rows) == 120
        assert list(thread.messages) == rows[:100]


def test_threads_are_bounded_refused_and_looked_up(company: Services, everything: dict[str, Rows]) -> None:
    channel = everything[SLACK_MESSAGES.name][0]["channel_id"]
    noon = datetime(2025, 6, 1, 12, tzinfo=UTC)
    early = read_threads(company.snapshots, company.clock, channel, OWNER, started_before=noon, limit=50)
    late = read_threads(company.snapshots, company.clock, channel, OWNER, started_from=noon, limit=50)
    assert all(thread.started_at < noon for thread in early.threads)
    assert all(thread.started_at >= noon for thread in late.threads)
    assert early.threads
    assert late.threads
    with pytest.raises(UnknownName, match="C0NOWHERE"):
        read_threads(company.snapshots, company.clock, "C0NOWHERE", OWNER)
    with pytest.raises(AccessRefused, match="can't be told apart"):
        read_threads(company.snapshots, company.clock, channel, SOME)
    assert read(company, SALESFORCE_OPPORTUNITIES, filters={"closes_before": date(1, 1, 1)}).rows == ()
