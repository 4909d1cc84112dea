"""The parts of access by themselves: what tokens are made of, how rates run, what an audit log keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.server.auth.access import client_address
from sophia_kit.server.auth.audit import AuditEntry, AuditLog, note
from sophia_kit.server.auth.rates import RateLimit
from sophia_kit.server.auth.scopes import SCOPES
from sophia_kit.server.auth.tokens import TOKEN, issue, matches, parts, revoke, secret_hash, tokens_blotted
from sophia_kit.state import State

NOON = datetime(2025, 12, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DOCS = Path(__file__).parents[3] / "docs" / "access.md"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with State.open(str(tmp_path_factory.mktemp("parts") / "state.sqlite")) as opened:
        yield opened


def test_a_token_has_a_form_that_scanners_find_and_256_random_bits(state: State) -> None:
    made = [issue(state, name="a", scopes=["ask"], now=NOON, lifetime=DAY) for _ in range(20)]
    secrets = set()
    for token, record in made:
        found = parts(token)
        assert found is not None
        assert found[0] == record.token_id
        assert len(found[1]) * 6 >= 256
        assert record.secret_hash == secret_hash(found[1]) != found[1]
        assert matches(found[1], record)
        assert not matches(found[1] + "A", record)
        assert not matches(found[1], None)
        secrets.add(found[1])
        assert tokens_blotted(f"x={token}&y") == f"x=sophia_{record.token_id}_[secret]&y"
    assert len(secrets) == len({record.token_id for _, record in made}) == 20
    assert TOKEN.pattern.replace("(", "").replace(")", "") in DOCS.read_text(), "the page tells scanners"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"name": ""},
        {"name": " a"},
        {"name": "a\x1b[31m"},
        {"name": "x" * 101},
        {"lifetime": timedelta(0)},
        {"lifetime": -DAY},
        {"lifetime": timedelta(days=367)},
        {"attributes": [("segment", ())]},
        {"attributes": [("", ("Enterprise",))]},
        {"attributes": [("segment", ("",))]},
    ],
)
def test_a_token_that_would_mean_nothing_is_not_made(state: State, wrong: dict[str, object]) -> None:
    before = len(state.access.tokens())
    right: dict[str, object] = {"name": "a", "scopes": ["ask"], "now": NOON, "lifetime": DAY}
    with pytest.raises((InputError, UnknownName)):
        issue(state, **right | wrong)  # type: ignore[arg-type]
    assert len(state.access.tokens()) == before


def test_attributes_of_one_dimension_are_one_list(state: State) -> None:
    given_twice = [("segment", ("A", "B")), ("region", ("West",)), ("segment", ("B", "C"))]
    _, record = issue(state, name="a", scopes=["all"], attributes=given_twice, now=NOON, lifetime=DAY)
    assert record.attributes == (("region", ("West",)), ("segment", ("A", "B", "C")))
    assert record.scopes == tuple(sorted(SCOPES))


def test_revoking_takes_an_id_or_a_name_that_one_valid_token_has(state: State) -> None:
    (token, first), (_, second) = (issue(state, name="Zed", scopes=["ask"], now=NOON, lifetime=DAY) for _ in range(2))
    with pytest.raises(InputError, match="whole token"):
        revoke(state, token, now=NOON)
    with pytest.raises(InputError, match="2 valid tokens") as several:
        revoke(state, "Zed", now=NOON)
    assert first.token_id in (several.value.hint or "")
    revoke(state, first.token_id, now=NOON)
    assert revoke(state, "Zed", now=NOON).token_id == second.token_id
    with pytest.raises(UnknownName):
        revoke(state, "Zed", now=NOON)


@given(
    per_minute=st.integers(1, 120),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_a_rate_lets_a_minutes_worth_through_at_once_and_no_more_than_the_rate_after(
    per_minute: int, gaps: list[float]
) -> None:
    rate, now, passed = RateLimit(per_minute), 0.0, []
    for gap in gaps:
        now += gap
        wait = rate.wait("a", now)
        assert rate.exhausted("b", now) == 0.0
        if wait == 0.0:
            passed.append(now)
        else:
            assert rate.wait("a", now + wait + 1e-6) == 0.0, "it can be relied on"
            now += wait + 1e-6
            passed.append(now)
    for place, begin in enumerate(passed):
        within = passed[place:]
        assert all(number <= per_minute * (1 + (moment - begin) / 60) + 1e-6 for number, moment in enumerate(within, 1))


def test_many_callers_take_no_more_memory_than_so_many() -> None:
    rate = RateLimit(2)
    for number in range(25_000):
        rate.wait(f"attacker {number}", now=1000.0 + number / 1000)
    assert len(rate._due) <= 10_000
    assert rate.wait("attacker 24999", 1025.0) == 0.0
    assert rate.wait("attacker 24999", 1025.0) > 0.0, "who asked last is remembered"


def test_an_address_of_ipv6_is_its_customers_network() -> None:
    assert client_address({"client": ("2001:db8:1:2:aaaa::1", 5)}) == client_address({"client": ("2001:db8:1:2::9", 6)})
    assert client_address({"client": ("2001:db8:1:3::1", 5)}) != client_address({"client": ("2001:db8:1:2::9", 6)})
    assert client_address({"client": ("::ffff:10.1.2.3", 5)}) == "10.1.2.3"
    assert client_address({"client": None}) == client_address({}) == "unknown"


def test_the_audit_log_is_a_file_a_day_and_forgets_old_ones(tmp_path: Path) -> None:
    for days in (0, 1, 5, 6):
        log = AuditLog(tmp_path, FrozenClock(NOON + days * DAY), keep_days=5)
        log.write(AuditEntry("request", caller="Zoë\n", path="/x" * 500))
        log.close()
    assert [file.name for file in sorted(tmp_path.iterdir())] == [
        "audit-2026-01-01.jsonl",
        "audit-2026-01-05.jsonl",
        "audit-2026-01-06.jsonl",
    ]
    text = (tmp_path / "audit-2026-01-06.jsonl").read_text()
    assert text.count("\n") == 1, "no name breaks a line in two"
    assert len(text) < 400


def test_two_processes_can_write_one_log(tmp_path: Path) -> None:
    logs = [AuditLog(tmp_path, FrozenClock(NOON), keep_days=5) for _ in range(2)]
    for number in range(50):
        logs[number % 2].write(AuditEntry("request", caller=f"caller {number}"))
    (file,) = tmp_path.iterdir()
    assert re.findall(r"caller (\d+)", file.read_text()) == [str(number) for number in range(50)]
    for log in logs:
        log.close()


def test_a_line_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = REGISTRY.get_sample_value("sophia_audit_lost_total") or 0
    AuditLog(tmp_path / "file" / "below", FrozenClock(NOON), keep_days=5).write(AuditEntry("request"))
    assert REGISTRY.get_sample_value("sophia_audit_lost_total") == before + 1


def test_a_part_of_the_server_can_note_what_was_asked() -> None:
    scope: dict[str, dict[str, dict[str, str]]] = {"state": {"audited": {}}}
    note(scope, "tool", "metric_value")
    assert scope["state"]["audited"] == {"tool": "metric_value"}
    note({}, "tool", "outside of a request")


def test_the_page_names_every_scope_as_it_is() -> None:
    table = dict(re.findall(r"^\| `([a-z:]+)` \| (.*) \|$", DOCS.read_text(), re.M))
    assert {name: table.get(name) for name in SCOPES} == SCOPES
