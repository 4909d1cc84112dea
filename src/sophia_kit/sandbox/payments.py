"""Payment attempts, a month at a time, as known at a moment.

A card payment is decided at once. A bank transfer is pending for about two days, so its record comes twice. On the
outage day the attempts of one processor fail from morning to evening. Late, corrected, deleted, doubled and
malformed records are planned in `payment_warts`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sophia_kit.sandbox.days import from_number, month_end, number
from sophia_kit.sandbox.draws import Draws, Ints
from sophia_kit.sandbox.payment_warts import PaymentWarts, plan_warts
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.properties import Property, months_of
from sophia_kit.sandbox.tables import DELIVERED, column, decimals, table

__all__ = ["PROCESSORS", "REASONS", "PaymentMonth", "Payments"]

PROCESSORS = ("Northgate", "Halyard", "Blue Mesa")
METHODS = ("bank_transfer", "card", "debit")
REASONS = (
    "insufficient_funds",
    "card_declined",
    "account_closed",
    "expired_card",
    "limit_exceeded",
    "processor_unavailable",
)
_OUTAGE_REASON = 5
_STATUS = ("succeeded", "failed", "pending")
_DAY_WEIGHTS = (
    160,
    130,
    105,
    85,
    70,
    22,
    18,
    14,
    12,
    12,
    11,
    11,
    10,
    10,
    14,
    12,
    10,
    10,
    9,
    9,
    9,
    9,
    9,
    9,
    10,
    10,
    11,
    12,
    14,
    16,
    20,
)
_FAIL_PER_TEN_THOUSAND = np.array((250, 410, 360), dtype=np.int64)
_REASON_WEIGHTS = (46, 26, 10, 12, 6)
_OUTAGE_HOURS = (8, 20)


@dataclass(frozen=True, slots=True)
class PaymentMonth:
    """What happened in a month, as arrays of one length; money in cents, the fee in hundredths of a cent."""

    start: int
    property: Ints
    cents: Ints
    failed: NDArray[np.bool_]
    reason: Ints
    method: Ints
    processor: Ints
    fee: Ints
    processing_ms: Ints
    risk: Ints
    attempted: Ints
    decided: Ints
    outage: NDArray[np.bool_]
    warts: PaymentWarts


class Payments:
    """All months of payments. The last few that were asked for are kept."""

    def __init__(self, profile: Profile, properties: tuple[Property, ...], attempts: Ints) -> None:
        self._profile = profile
        self._draws = Draws(profile.seed, "payments")
        self._attempts = attempts
        self._months = months_of(profile)
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, PaymentMonth] = OrderedDict()
        self._rent = np.array([p.rent for p in properties], dtype=np.int64)
        self._accounts = pl.Series([p.customer.account for p in properties])
        self._properties = pl.Series([p.key for p in properties])
        self._currencies = pl.Series([p.customer.currency for p in properties])

    @property
    def months(self) -> list[int]:
        """First days of all months, as numbers."""
        return self._months

    def month(self, index: int) -> PaymentMonth:
        with self._lock:
            found = self._kept.pop(index, None)
            if found is None:
                found = self._make(index)
            self._kept[index] = found
            while len(self._kept) > 4:
                self._kept.popitem(last=False)
            return found

    def _make(self, index: int) -> PaymentMonth:
        profile, draws = self._profile, self._draws
        start = self._months[index]
        owner = np.repeat(np.arange(len(self._rent), dtype=np.int64), self._attempts[:, index])
        rows = index * (1 << 24) + np.arange(len(owner), dtype=np.int64)
        day = np.minimum(start + draws.picks("day", rows, _DAY_WEIGHTS), month_end(start))
        second = 6 * 3600 + draws.belows("second", rows, 61_000)
        attempted = profile.calendar.at(day, second)
        method = draws.picks("method", rows, (62, 25, 13))
        processor = draws.picks("processor", rows, (45, 35, 20))
        rent = self._rent[owner]
        cents = rent + draws.belows("extra", rows, 42_000)
        risky = draws.belows("risky", owner, 100) < 6
        failed = draws.belows("fails", rows, 10_000) < _FAIL_PER_TEN_THOUSAND[method] + 500 * risky
        reason = draws.picks("reason", rows, _REASON_WEIGHTS)
        reason = np.where((method == 0) & ((reason == 1) | (reason == 3)), 0, reason)
        tail = draws.belows("tail", rows, 1000)
        base = np.array((420, 310, 560), dtype=np.int64)[processor]
        pace = base + draws.belows("pace", rows, 600) + 2400 * (tail < 40) + 9000 * (tail < 4)
        risk = (draws.belows("risk_a", rows, 101) * draws.belows("risk_b", rows, 101)) // 100
        percent = np.array((0, 29, 9), dtype=np.int64)[method]
        fixed = np.array((2500, 3000, 2200), dtype=np.int64)[method]
        fee = cents * percent // 10 + fixed
        hour = second // 3600
        processor_down = PROCESSORS.index(profile.stories.outage_processor)
        outage = (
            (day == number(profile.stories.outage_day))
            & (processor == processor_down)
            & (hour >= _OUTAGE_HOURS[0])
            & (hour < _OUTAGE_HOURS[1])
        )
        failed = failed | outage
        reason = np.where(outage, _OUTAGE_REASON, reason)
        pace = np.where(outage, 30_000, pace)
        wait = np.where(method == 0, 140_000 + draws.belows("wait", rows, 80_000), 0)
        decided = attempted + 1 + pace // 1000 + np.where(outage, 0, wait)
        return PaymentMonth(
            start=start,
            property=owner,
            cents=cents,
            failed=failed,
            reason=reason,
            method=method,
            processor=processor,
            fee=fee,
            processing_ms=pace,
            risk=risk,
            attempted=attempted,
            decided=decided,
            outage=outage,
            warts=plan_warts(profile, draws, index, start, len(owner), day),
        )

    def frame(self, index: int, moment: int, since: int | None = None) -> pl.DataFrame:
        """A month's attempts as known at `moment`; with `since`, only what became known after it.

        Columns of the table, and `__delivered`; ordered by source_id.
        """
        m = self.month(index)
        w = m.warts
        decided = m.decided <= moment
        first_known = m.attempted.copy()
        first_known[w.late] = w.late_at
        modified = np.where(decided, m.decided, m.attempted)
        cents = m.cents.copy()
        corrected, deleted = w.corrected[w.corrected_at <= moment], w.deleted[w.deleted_at <= moment]
        modified[corrected] = w.corrected_at[w.corrected_at <= moment]
        cents[corrected] += 2500
        modified[deleted] = w.deleted_at[w.deleted_at <= moment]
        gone = np.zeros(len(cents), dtype=np.bool_)
        gone[deleted] = True
        delivered = np.maximum(first_known, modified)
        keep = first_known <= moment
        if since is not None:
            keep &= delivered > since
        rows = np.flatnonzero(keep)
        risk_known = np.ones(len(cents), dtype=np.bool_)
        risk_known[w.no_risk] = False
        decided, failed = decided[rows], m.failed[rows]
        owner = m.property[rows]
        status = np.where(decided, failed.astype(np.int64), 2)
        schema = table("payments").schema
        prefix = f"pay_{from_number(m.start):%Y%m}_"
        reasons = pl.Series(REASONS).gather(m.reason[rows])
        moments = {"attempted_at": m.attempted[rows], "modified_at": modified[rows]}
        frame = pl.DataFrame(
            [
                (
                    pl.Series("source_id", [prefix]).new_from_index(0, len(rows))
                    + pl.Series(rows).cast(pl.String).str.zfill(7)
                ),
                self._properties.gather(owner).alias("property_id"),
                self._accounts.gather(owner).alias("account_id"),
                decimals("amount", cents[rows], schema["amount"]),
                self._currencies.gather(owner).alias("currency"),
                pl.Series(_STATUS).gather(status).alias("status"),
                reasons.alias("failure_reason"),
                pl.Series(METHODS).gather(m.method[rows]).alias("method"),
                pl.Series(PROCESSORS).gather(m.processor[rows]).alias("processor"),
                decimals("processor_fee", m.fee[rows], schema["processor_fee"]),
                pl.Series("processing_ms", m.processing_ms[rows]),
                pl.Series("risk_score", m.risk[rows]),
                *(column(name, values, schema[name]) for name, values in moments.items()),  # type: ignore[arg-type]
                pl.Series("is_deleted", gone[rows]),
                pl.Series(DELIVERED, delivered[rows]),
            ]
        )
        blank = pl.Series("failure_reason", decided & failed)
        known = pl.Series("risk_score", risk_known[rows])
        settled = pl.Series("processing_ms", decided)
        return frame.with_columns(
            pl.when(blank).then("failure_reason").alias("failure_reason"),
            pl.when(known).then("risk_score").alias("risk_score"),
            pl.when(settled).then("processing_ms").alias("processing_ms"),
        )

    def doubled(self, index: int, moment: int, since: int | None) -> list[str]:
        """Keys of the attempts of a month that became known in a delivery which holds them twice."""
        m = self.month(index)
        rows = m.warts.doubled
        known = m.attempted[rows]
        keep = known <= moment if since is None else (known <= moment) & (known > since)
        return [f"pay_{from_number(m.start):%Y%m}_{row:07d}" for row in rows[keep].tolist()]
