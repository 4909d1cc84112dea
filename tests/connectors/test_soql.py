"""SOQL: what is built says what was meant, and nothing but a plain SELECT gets through."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_kit.connectors.soql import Condition, Order, Select, literal, require_select
from sophia_kit.core.errors import QueryRefused

NAMES = st.sampled_from(["Id", "Name", "Segment__c", "SystemModstamp", "Owner.Name", "ns__Field__c", "A1_b"])
VALUES = (
    st.text()
    | st.integers()
    | st.booleans()
    | st.none()
    | st.dates()
    | st.datetimes(timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    )
)
CONDITIONS = st.builds(Condition, NAMES, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUES)
SELECTS = st.builds(
    Select,
    st.lists(NAMES, min_size=1, max_size=5).map(tuple),
    st.sampled_from(["Account", "OpportunityHistory", "Thing__c"]),
    st.lists(CONDITIONS, max_size=3).map(tuple),
    st.lists(st.builds(Order, NAMES, st.booleans()), max_size=2).map(tuple),
    st.none() | st.integers(min_value=0, max_value=50_000),
)


@given(SELECTS)
def test_what_is_written_reads_back_as_the_same_query(query: Select) -> None:
    assert require_select(str(query)) == query


def test_a_query_as_salesforce_documents_it() -> None:
    since = datetime(2025, 12, 31, 18, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-6)))
    query = Select(
        ("Id", "Name"), "Account", (Condition("SystemModstamp", ">=", since),), (Order("SystemModstamp"), Order("Id"))
    )
    assert str(query) == (
        "SELECT Id, Name FROM Account WHERE SystemModstamp >= 2026-01-01T00:00:00.123Z ORDER BY SystemModstamp, Id"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("O'Hara", r"'O\'Hara'"),
        ("back\\slash", r"'back\\slash'"),
        ("' OR Name != '", r"'\' OR Name != \''"),
        ("\\' OR Id != '", r"'\\\' OR Id != \''"),
        ('line\nfeed\t"', r"'line\nfeed\t\"'"),
        ("株式会社 ✓", "'株式会社 ✓'"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        (date(2025, 12, 31), "2025-12-31"),
    ],
)
def test_a_value_is_quoted_and_escaped(value: str | int | bool | date | None, written: str) -> None:
    assert literal(value) == written


@pytest.mark.parametrize(
    "name",
    [
        "Id FROM User",
        "Id, Name",
        "Id--",
        "",
        "1Id",
        "Id'",
        "Id__",
        "_Id",
        "A..B",
        "FROM",
        "select",
        "Nämé",
        "a.b.c.d.e.f.g",
    ],
)
def test_a_name_that_is_no_identifier_is_refused(name: str) -> None:
    for query in (
        Select((name,), "Account"),
        Select(("Id",), name),
        Select(("Id",), "Account", (Condition(name, "=", 1),)),
        Select(("Id",), "Account", (), (Order(name),)),
    ):
        with pytest.raises(QueryRefused) as caught:
            str(query)
        assert caught.value.hint


def test_what_has_no_literal_is_refused() -> None:
    with pytest.raises(QueryRefused, match="time zone"):
        literal(datetime(2025, 1, 1))  # noqa: DTZ001  # the point
    with pytest.raises(QueryRefused, match="no field"):
        str(Select((), "Account"))
    with pytest.raises(QueryRefused, match="limit"):
        str(Select(("Id",), "Account", limit=-1))
    with pytest.raises(QueryRefused, match="operator"):
        str(Condition("Id", "LIKE", "x"))  # type: ignore[arg-type]


def test_a_query_written_by_hand_is_understood() -> None:
    found = require_select(
        "  select Id , Owner.Name from Account\nwhere Name = 'it\\'s' and IsDeleted=false order by Id desc limit 5  "
    )
    assert found == Select(
        ("Id", "Owner.Name"),
        "Account",
        (Condition("Name", "=", "it's"), Condition("IsDeleted", "=", False)),
        (Order("Id", descending=True),),
        5,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DELETE FROM Account",
        "UPDATE Account SET Name = 'x'",
        "FIND {x} IN ALL FIELDS RETURNING Account",
        "SELECT Id FROM Account FOR UPDATE",
        "SELECT Id FROM Account FOR VIEW",
        "SELECT Id FROM Account FOR REFERENCE",
        "SELECT Id FROM Account UPDATE TRACKING",
        "SELECT Id FROM Account UPDATE VIEWSTAT",
        "SELECT Id FROM Account; DELETE FROM Account",
        "SELECT Id FROM Account WHERE Name = 'x' OR Name = 'y'",
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT COUNT() FROM Account",
        "SELECT FIELDS(ALL) FROM Account",
        "SELECT Id FROM Account WHERE Name = 'x",
        "SELECT Id FROM Account WHERE Name = 'x\\q'",
        "SELECT Id FROM Account WHERE Name = x",
        "SELECT Id FROM Account WHERE Name",
        "SELECT Id FROM Account WHERE CreatedDate > 2025-13-01",
        "SELECT Id FROM Account WHERE CreatedDate > 2025-01-01T25:00:00Z",
        "SELECT Id FROM Account LIMIT -1",
        "SELECT Id FROM Account LIMIT 1.5",
        "SELECT Id FROM Account LIMIT",
        "SELECT Id FROM Account ORDER Id",
        "SELECT Id FROM Account, Contact",
        "SELECT Id Account",
        "SELECT FROM Account",
        "SELECT Id FROM Account -- note",
        "SELECT Id FROM Account /* note */",
        "SELECT Id FROM Account\x00",
        "SELECT Id FROM Account.Contacts",
    ],
)
def test_anything_but_a_plain_select_is_refused(text: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        require_select(text)
    assert caught.value.hint


@given(st.text())
def test_no_text_gets_through_that_does_not_mean_the_same_again(text: str) -> None:
    try:
        found = require_select(text)
    except QueryRefused:
        return
    assert require_select(str(found)) == found
