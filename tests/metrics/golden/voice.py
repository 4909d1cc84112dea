"""What customers say: on calls, in surveys, to support."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import polars as pl
from tests.metrics.golden.raw import ZERO, Golden, Raw, Values, between, counts, in_force, over, quotient, sums


def _calls(raw: Raw, start: date, end: date, by: str | None, *where: pl.Expr) -> pl.DataFrame:
    calls = raw.table("gong_calls")
    if by == "owner":
        mails, owners = (
            {row[at]: row[to] for row in raw.table(table).iter_rows(named=True)} for table, at, to in _HOSTS
        )
        calls = calls.with_columns(
            owner_id=pl.Series([owners.get(mails.get(host)) for host in calls["primary_user_id"]], dtype=pl.String)
        )
    return between(raw.split(calls, by), "started_day", start, end).filter(*where)


_HOSTS = (("gong_users", "source_id", "email"), ("salesforce_users", "email", "source_id"))


def average_of(column: str) -> Golden:
    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        told = _calls(raw, start, end, by, pl.col(column).is_not_null())
        return quotient(sums(told, column), counts(told))

    return compute


def negative_call_share(raw: Raw, start: date, end: date, by: str | None) -> Values:
    told = _calls(raw, start, end, by, pl.col("sentiment").is_not_null())
    return quotient(counts(told.filter(pl.col("sentiment").cast(pl.Float64) < -0.2)), counts(told))


def low_talk_ratio_calls(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return counts(_calls(raw, start, end, by, pl.col("talk_ratio").cast(pl.Float64) < 0.4))


def competitor_mention_rate(raw: Raw, start: date, end: date, by: str | None) -> Values:
    counted = _calls(raw, start, end, by, pl.col("competitor_mentions").is_not_null())
    return quotient(counts(counted.filter(pl.col("competitor_mentions") > 0)), counts(counted))


def _answers(raw: Raw, kind: str, start: date, end: date, by: str | None) -> pl.DataFrame:
    return between(raw.table("surveys", by), "answered_day", start, end).filter(pl.col("kind") == kind)


def nps(raw: Raw, start: date, end: date, by: str | None) -> Values:
    answers = _answers(raw, "nps", start, end, by)
    promoters, detractors = (counts(answers.filter(test)) for test in (pl.col("score") >= 9, pl.col("score") <= 6))
    found: Values = {}
    for key, answered in counts(answers).items():
        glad, cross = promoters.get(key) or ZERO, detractors.get(key) or ZERO
        found[key] = over(100 * (glad - cross), answered)
    return found


def csat(raw: Raw, start: date, end: date, by: str | None) -> Values:
    answers = _answers(raw, "csat", start, end, by)
    return quotient(counts(answers.filter(pl.col("score") >= 4)), counts(answers))


def open_tickets(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return counts(in_force(raw.table("tickets", by), "opened_day", "solved_day", end))


def time_to_solve(raw: Raw, start: date, end: date, by: str | None) -> Values:
    solved = between(raw.table("tickets", by), "solved_day", start, end)
    days = solved.with_columns(days=(pl.col("solved_day") - pl.col("opened_day")).dt.total_days())
    medians = days.group_by("member").agg(pl.col("days").sort()).iter_rows()
    return {member: Fraction(taken[(len(taken) - 1) // 2] + taken[len(taken) // 2], 2) for member, taken in medians}


GOLDEN: dict[str, Golden] = {
    "calls": lambda raw, start, end, by: counts(_calls(raw, start, end, by)),
    "call_sentiment": average_of("sentiment"),
    "talk_ratio": average_of("talk_ratio"),
    "negative_call_share": negative_call_share,
    "low_talk_ratio_calls": low_talk_ratio_calls,
    "competitor_mention_rate": competitor_mention_rate,
    "nps": nps,
    "csat": csat,
    "tickets": lambda raw, start, end, by: counts(between(raw.table("tickets", by), "opened_day", start, end)),
    "open_tickets": open_tickets,
    "time_to_solve": time_to_solve,
}
