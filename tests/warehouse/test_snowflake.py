"""Snowflake as a warehouse: what may be asked, who may log in and deploy, and what is said when things go wrong.

By the real connector, on a server of Snowflake's protocol; faults are caused, not pretended.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from tests.snowflake_account import SnowflakeAccount, snowflake_account
from typer.testing import CliRunner

from sophia_kit.cli.main import app
from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    PolicyRefused,
    QueryLimit,
    QueryRefused,
    SophiaError,
    Unconfigured,
    Unreachable,
    WarehouseError,
)
from sophia_kit.core.settings import Settings, SnowflakeSettings, load_settings
from sophia_kit.ingest import load_contracts
from sophia_kit.jobs.health import check_parts
from sophia_kit.warehouse import SnapshotStore
from sophia_kit.warehouse.snowflake import (
    SnowflakeWarehouse,
    deploy_views,
    plan_views,
    platform_tables,
    require_right_to_deploy,
    snowflake_models,
)
from sophia_kit.warehouse.snowflake.guard import require_aggregates
from sophia_kit.warehouse.snowflake.login import login_parameters, session_parameters
from sophia_kit.warehouse.snowflake.values import normalised, positioned

NIGHT = datetime(2025, 7, 1, 2, 0, tzinfo=UTC)
FOR_EVER = (
    "SELECT count(*) AS n FROM raw.gong_calls a, raw.gong_calls b, raw.gong_calls c "
    "WHERE a.source_id || b.source_id <> c.source_id"
)
IN_ACTIONS = {"GITHUB_ACTIONS": "true", "CI": "true"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnowflakeAccount]:
    folder = tmp_path_factory.mktemp("account")
    with SnapshotStore(folder / "snapshots").draft(NIGHT) as draft:
        for name, contract in load_contracts().items():
            draft.connection.execute(contract.ddl())
            draft.connection.execute(
                "INSERT INTO meta.freshness VALUES (?, ?, ?, 24, 0)",
                [name, contract.source_system, NIGHT.replace(tzinfo=None)],
            )
        draft.connection.execute(
            "INSERT INTO raw.gong_calls (source_id, is_deleted, duration_s, topics) "
            "SELECT 'call-' || i, false, i, i FROM range(30000) t(i)"
        )
        snapshot = draft.publish(demo=False, time_zone="America/Chicago", currency="CAD")
    with snowflake_account(folder / "running", snapshot.path) as running:
        yield running


@pytest.fixture
def warehouse(account: SnowflakeAccount) -> Iterator[SnowflakeWarehouse]:
    with SnowflakeWarehouse(account.settings()) as opened:
        yield opened


def test_it_says_what_the_platform_says_of_its_tables(warehouse: SnowflakeWarehouse) -> None:
    assert (warehouse.known_at, warehouse.demo) == (NIGHT, False)
    assert (warehouse.time_zone, warehouse.currency) == ("America/Chicago", "CAD")
    assert warehouse.snapshot is None
    assert warehouse.freshness()["gong_calls"].last_success_at == NIGHT
    assert set(warehouse.freshness()) == set(load_contracts())


def test_an_answer_has_lower_case_names_and_says_what_ran(warehouse: SnowflakeWarehouse) -> None:
    total = "CAST(sum(duration_s) AS NUMBER(38, 2)) AS Total"
    sql = f"SELECT count(*) AS N, {total} FROM raw.gong_calls WHERE source_id = $id"
    result = warehouse.query(sql, {"id": "call-7"})
    assert result.frame.rows(named=True) == [{"n": 1, "total": Decimal("7.00")}]
    assert result.frame.schema == {"n": pl.Int64, "total": pl.Decimal(38, 2)}
    assert result.provenance.engine == "snowflake"
    assert result.provenance.query_id
    assert (result.provenance.sql, result.provenance.params) == (sql, {"id": "call-7"})


def test_threads_ask_at_once_in_sessions_of_their_own(account: SnowflakeAccount) -> None:
    found: list[int] = []
    with SnowflakeWarehouse(account.settings(sessions=2)) as warehouse:

        def ask(number: int) -> None:
            sql = "SELECT count(*) AS n FROM raw.gong_calls WHERE duration_s < $n"
            found.append(warehouse.query(sql, {"n": number}).frame.item())

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == list(range(6))


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT * FROM raw.gong_calls", "rows as they are stored"),
        ("SELECT source_id FROM raw.gong_calls LIMIT 1", "rows as they are stored"),
        ("SELECT source_id, count(*) FROM raw.gong_calls GROUP BY source_id", "rows as they are stored"),
        ("SELECT DISTINCT source_id, primary_user_id FROM raw.gong_calls", "rows as they are stored"),
        ("SELECT x FROM (SELECT primary_user_id AS x FROM raw.gong_calls) AS inner_rows", "rows as they are stored"),
        ("SELECT sum(duration_s) OVER (ORDER BY started_at) FROM raw.gong_calls", "rows as they are stored"),
        ("SELECT count(*) FROM raw.gong_calls UNION ALL SELECT id FROM raw.gong_calls", "rows as they are stored"),
        ("WITH meta AS (SELECT * FROM raw.gong_calls) SELECT * FROM meta", "rows as they are stored"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("DELETE FROM raw.gong_calls", "DELETE"),
        ("CREATE VIEW v AS SELECT count(*) FROM raw.gong_calls", "CREATE"),
        ("CALL do_something()", "not a SELECT"),
        ("SHOW TABLES", "not a SELECT"),
        ("SELECT SYSTEM$CANCEL_ALL_QUERIES(1), count(*) FROM raw.gong_calls", "acts on the account"),
        ("SELECT count($1) FROM @stage", "neither a table nor a view"),
        ("SELECT count(*) FROM TABLE(do_something())", "procedure"),
        ("SELECT count(*) FROM raw.gong_calls WHERE", "doesn't parse"),
    ],
)
def test_whatever_is_no_select_of_aggregates_is_refused_before_a_byte_leaves(
    account: SnowflakeAccount, warehouse: SnowflakeWarehouse, sql: str, what: str
) -> None:
    before = len(account.statements())
    with pytest.raises(QueryRefused, match=what):
        warehouse.query(sql)
    assert len(account.statements()) == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT min(started_at) FROM raw.gong_calls",
        "SELECT CAST($day AS DATE) AS day, count(*) AS n FROM raw.gong_calls",
        "SELECT primary_user_id, avg(duration_s) FROM raw.gong_calls GROUP BY primary_user_id",
        "SELECT DISTINCT coalesce(primary_user_id, '(not set)') AS member FROM raw.gong_calls ORDER BY member",
        "WITH sums AS (SELECT topics, sum(duration_s) AS s FROM raw.gong_calls GROUP BY topics) SELECT s FROM sums",
        "SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY duration_s) FROM raw.gong_calls",
        "SELECT table_name, row_count FROM meta.freshness",
    ],
)
def test_aggregates_may_be_asked(sql: str) -> None:
    require_aggregates(sql)


def test_names_that_are_not_there_are_refused_with_a_hint_of_grants(warehouse: SnowflakeWarehouse) -> None:
    with pytest.raises(QueryRefused, match=r"(?i)nowhere") as caught:
        warehouse.query("SELECT count(*) AS n FROM raw.nowhere")
    assert "grant" in (caught.value.hint or "")


def test_more_rows_than_the_limit_are_refused(account: SnowflakeAccount) -> None:
    with (
        SnowflakeWarehouse(account.settings(row_limit=100)) as warehouse,
        pytest.raises(QueryLimit, match="more than 100 rows"),
    ):
        warehouse.query("SELECT duration_s, count(*) AS n FROM raw.gong_calls GROUP BY duration_s")


def test_the_statement_timeout_stops_a_statement(account: SnowflakeAccount) -> None:
    with (
        SnowflakeWarehouse(account.settings(statement_timeout_s=1)) as warehouse,
        pytest.raises(QueryLimit, match="timeout") as caught,
    ):
        warehouse.query(FOR_EVER, timeout_s=30)
    assert "STATEMENT_TIMEOUT_S" in (caught.value.hint or "")


def test_the_caller_s_patience_cancels_a_statement(warehouse: SnowflakeWarehouse) -> None:
    with pytest.raises(QueryLimit, match="cancel"):
        warehouse.query(FOR_EVER, timeout_s=1)
    assert warehouse.query("SELECT count(*) AS n FROM raw.gong_calls").frame.item() == 30000


def test_a_session_that_was_ended_is_opened_again(account: SnowflakeAccount, warehouse: SnowflakeWarehouse) -> None:
    assert warehouse.query("SELECT count(*) AS n FROM raw.gong_calls").frame.item() == 30000
    account.end_sessions()
    assert warehouse.query("SELECT count(*) AS n FROM raw.gong_calls").frame.item() == 30000


def test_a_closed_warehouse_says_so(account: SnowflakeAccount) -> None:
    warehouse = SnowflakeWarehouse(account.settings())
    warehouse.close()
    with pytest.raises(WarehouseError, match="closed"):
        warehouse.query("SELECT count(*) AS n FROM raw.gong_calls")


def test_a_token_is_as_good_as_a_key(account: SnowflakeAccount) -> None:
    with SnowflakeWarehouse(account.settings(token=SecretStr(account.reader_token))) as warehouse:
        assert warehouse.currency == "CAD"


def test_a_refused_credential_is_one_clear_error_without_the_credential(account: SnowflakeAccount) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = other.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"opensesame"),
    ).decode()
    wrong: list[dict[str, Any]] = [
        {"token": SecretStr("wrong-token")},
        {"private_key": SecretStr(pem.replace("\n", "\\n")), "private_key_passphrase": SecretStr("opensesame")},
        {"role": "SOPHIA_WRITER"},
    ]
    for changed in wrong:
        with pytest.raises(AuthFailed) as caught:
            _ = SnowflakeWarehouse(account.settings(**changed)).demo
        told = f"{caught.value} {caught.value.hint} {caught.value.problem()} {account.settings(**changed)!r}"
        assert not any(secret in told for secret in ("wrong-token", "opensesame", "PRIVATE KEY"))
        assert not caught.value.retryable


def test_a_key_that_is_none_is_a_wrong_setting(account: SnowflakeAccount) -> None:
    with pytest.raises(ConfigError, match="SOPHIA_SNOWFLAKE__PRIVATE_KEY isn't a private key") as caught:
        login_parameters(account.settings(private_key=SecretStr("not-a-key")))
    assert "not-a-key" not in f"{caught.value} {caught.value.hint}"


def test_what_is_missing_is_listed() -> None:
    with pytest.raises(Unconfigured) as caught:
        login_parameters(SnowflakeSettings(account="a", user="u", role="r"))
    assert caught.value.missing == ("SOPHIA_SNOWFLAKE__DATABASE", "SOPHIA_SNOWFLAKE__PRIVATE_KEY")


def test_a_refused_connection_is_one_clear_error(account: SnowflakeAccount) -> None:
    with pytest.raises(Unreachable, match="can't be reached") as caught:
        _ = SnowflakeWarehouse(account.settings(base_url="http://127.0.0.1:1", login_timeout_s=1)).demo
    assert caught.value.retryable


def test_what_holds_for_a_session_is_said_at_login() -> None:
    told = session_parameters(SnowflakeSettings(query_tag="nightly", statement_timeout_s=7))
    assert (told["QUERY_TAG"], told["STATEMENT_TIMEOUT_IN_SECONDS"], told["TIMEZONE"]) == ("nightly", 7, "UTC")
    assert told["WEEK_START"] == 1


def test_an_address_without_encryption_is_refused_unless_it_is_this_machine() -> None:
    with pytest.raises(ValueError, match="base_url"):
        SnowflakeSettings(base_url="http://example.snowflakecomputing.com")
    given = SnowflakeSettings(account="a-b", user="u", role="r", database="d", token=SecretStr("t"))
    assert (login_parameters(given)["protocol"], login_parameters(given)["host"]) == (
        "https",
        "a-b.snowflakecomputing.com",
    )


@pytest.mark.parametrize(
    ("changed", "environment", "error", "what"),
    [
        ({"allow_deploy": False}, IN_ACTIONS, PolicyRefused, "SOPHIA_SNOWFLAKE__ALLOW_DEPLOY"),
        ({}, {"CI": "true"}, PolicyRefused, "GitHub Actions"),
        ({"writer_role": None}, IN_ACTIONS, Unconfigured, "SOPHIA_SNOWFLAKE__WRITER_ROLE"),
        ({"writer_token": None}, IN_ACTIONS, Unconfigured, "SOPHIA_SNOWFLAKE__WRITER_PRIVATE_KEY"),
        ({"writer_role": "sophia_reader"}, IN_ACTIONS, PolicyRefused, "both"),
    ],
)
def test_views_are_deployed_by_one_job_alone(
    account: SnowflakeAccount,
    changed: dict[str, Any],
    environment: Mapping[str, str],
    error: type[SophiaError],
    what: str,
) -> None:
    settings = account.writer_settings(**changed)
    with pytest.raises(error, match=what) as caught:
        deploy_views(settings, plan_views(settings, None), environment)
    assert "docs/snowflake.md" in (caught.value.hint or "")
    require_right_to_deploy(account.writer_settings(), IN_ACTIONS)


def test_deploying_replaces_what_changed_and_nothing_else(account: SnowflakeAccount, tmp_path: Path) -> None:
    settings = account.writer_settings()
    with SnowflakeWarehouse(account.settings()) as warehouse:
        first = plan_views(settings, warehouse)
        assert {change.action for change in first} == {"create"}
        parts = [part for part in _doctor(account, tmp_path) if part.part == "snowflake"]
        assert "views not deployed" in parts[0].detail
        deploy_views(settings, first, IN_ACTIONS)
        assert {change.action for change in plan_views(settings, warehouse)} == {"keep"}
        before = len(account.statements())
        deploy_views(settings, plan_views(settings, warehouse), IN_ACTIONS)
        sent = [line["sql"] for line in account.statements()[before:]]
        assert not any("CREATE" in sql for sql in sent), "nothing changed, nothing is sent"
    written = [line for line in account.statements() if line["sql"].startswith("CREATE")]
    assert {line["role"] for line in written} == {"SOPHIA_WRITER"}
    assert [line["sql"].split()[4] for line in written] == [
        *(f"SOPHIA.ANALYTICS.{name}".upper() for name in snowflake_models()),
        "SOPHIA.ANALYTICS.SOPHIA_KIT_VIEWS",
    ]
    (part,) = [part for part in _doctor(account, tmp_path) if part.part == "snowflake"]
    assert (part.state, part.hint) == ("reachable", None)
    assert "role SOPHIA_READER" in part.detail
    assert part.latency_ms is not None


def test_the_commands_plan_and_refuse(
    account: SnowflakeAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sophia.toml").touch()
    monkeypatch.setenv("SOPHIA_ROOT", str(tmp_path))
    monkeypatch.setenv("SOPHIA_SNOWFLAKE__DATABASE", "COMPANY")
    runner, arguments = CliRunner(), ["warehouse", "plan", "--format", "json"]
    offline = json.loads(runner.invoke(app, arguments, catch_exceptions=False).stdout)
    assert {change["action"] for change in offline} == {"create"}
    for name, value in account.settings().model_dump(exclude_defaults=True).items():
        plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        monkeypatch.setenv(f"SOPHIA_SNOWFLAKE__{name.upper()}", plain)
    compared = json.loads(runner.invoke(app, arguments, catch_exceptions=False).stdout)
    assert [change["view"] for change in compared] == [change["view"] for change in offline]
    assert (
        "CREATE OR REPLACE VIEW SOPHIA.ANALYTICS.ACCOUNTS" in runner.invoke(app, ["warehouse", "plan", "--sql"]).stdout
    )
    assert "CREATE TABLE" in runner.invoke(app, ["warehouse", "layout"]).stdout
    refused = runner.invoke(app, ["warehouse", "deploy"])
    assert isinstance(refused.exception, PolicyRefused)


def test_the_right_to_deploy_and_secrets_stand_in_no_file(tmp_path: Path) -> None:
    for line in ("allow_deploy = true", 'token = "t"', 'writer_private_key = "k"'):
        (tmp_path / "sophia.toml").write_text(f"[snowflake]\n{line}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match="does not belong in a file"):
            load_settings(tmp_path)


def _doctor(account: SnowflakeAccount, root: Path) -> Any:
    import asyncio

    settings = Settings(root=root, keys_dir=root / "keys", snowflake=account.settings())
    return asyncio.run(check_parts(settings))


def test_the_platform_s_tables_hold_all_that_the_views_read() -> None:
    layout = platform_tables(contract.ddl() for contract in load_contracts().values())
    for name, contract in load_contracts().items():
        assert f"CREATE TABLE IF NOT EXISTS raw.{name} (" in layout
        assert all(f"\n  {column} " in layout for column in contract.data_columns)
    assert "raw.payments" in layout
    assert '"' not in layout


def test_parameters_are_found_outside_of_texts_and_comments_alone() -> None:
    sql = "SELECT '$a' AS \"$b\", $c -- $d\n/* $e */ FROM t WHERE x = $c AND y = $f AND z = 'it''s $g \\' $h'"
    placed, values = positioned(sql, {"c": date(2025, 1, 1), "f": None})
    assert placed == sql.replace("$c", "?").replace("$f", "?")
    assert values == [date(2025, 1, 1), date(2025, 1, 1), None]
    for wrong, params in (("SELECT $x", {}), ("SELECT $x", {"x": [1]}), ("SELECT ?", {})):
        with pytest.raises(QueryRefused):
            positioned(wrong, params)


def test_what_comes_back_is_what_duckdb_would_give() -> None:
    moment = datetime(2025, 1, 1, 6, tzinfo=UTC)
    table = pa.table(
        {
            "SMALL": pa.array([1, None], pa.int8()),
            "WHOLE": pa.array([Decimal(5), None], pa.decimal128(38, 0)),
            "HUGE": pa.array([Decimal(10) ** 30, None], pa.decimal128(38, 0)),
            "AMOUNT": pa.array([Decimal("1.50"), None], pa.decimal128(18, 2)),
            "AT": pa.array([moment, None], pa.timestamp("ns", "UTC")),
        }
    )
    frame = normalised(table)
    assert frame.schema == {
        "small": pl.Int64,
        "whole": pl.Int64,
        "huge": pl.Decimal(38, 0),
        "amount": pl.Decimal(18, 2),
        "at": pl.Datetime("us"),
    }
    assert frame["at"][0] == moment.replace(tzinfo=None)
    with pytest.raises(WarehouseError, match="case alone"):
        normalised(pa.table({"A": [1], "a": [2]}))


def test_a_server_that_dies_in_a_query_is_one_clear_error(account: SnowflakeAccount) -> None:
    """The last test: the account is gone after it."""
    warehouse = SnowflakeWarehouse(account.settings(login_timeout_s=1))
    assert warehouse.currency == "CAD"
    threading.Timer(1, account.kill).start()
    with pytest.raises(Unreachable) as caught:
        warehouse.query(FOR_EVER, timeout_s=20)
    assert caught.value.retryable
    assert caught.value.hint
    warehouse.close()
