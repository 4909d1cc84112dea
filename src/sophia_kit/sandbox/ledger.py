"""The general ledger, month by month: revenue by customer and stream, costs by function, and the cash that moved.

Revenue of a month is posted on its last day. Fees follow from the payment attempts of the month, subscription revenue
from the days on which a price was in force. Customers pay a month later; the company pays at once. Growth was bought
at first: costs outran receipts until a round of financing had made the company large enough to earn.
"""

from __future__ import annotations

import numpy as np

from sophia_kit.sandbox.customers import CAD_PER_MILLE, Customer
from sophia_kit.sandbox.days import from_number, month_end
from sophia_kit.sandbox.draws import Draws, Ints
from sophia_kit.sandbox.people import Employee
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.properties import Property, months_of
from sophia_kit.sandbox.tables import Rows

__all__ = ["FEE_CENTS", "financing_round", "ledger_rows", "monthly_revenue_cents", "recognised_cents"]

FEE_CENTS = 295
"""What the company earns on a payment attempt."""

_SALARY_CENTS = {
    "Engineering": 1_450_000, "Sales": 1_200_000, "Customer Success": 950_000, "Support": 720_000,
    "Operations": 880_000, "Finance": 1_000_000, "People": 900_000, "Product": 1_350_000,
}  # fmt: skip
_FUNCTIONS = {
    "Engineering": ("6410", "research_development"), "Sales": ("6210", "sales_marketing"),
    "Customer Success": ("5120", "cogs"), "Support": ("5110", "cogs"), "Operations": ("5130", "cogs"),
    "Finance": ("6310", "general_administrative"), "People": ("6320", "general_administrative"),
    "Product": ("6420", "research_development"),
}  # fmt: skip
"""Account and class of a department's payroll."""
_COSTS = (
    ("5010", "cogs", "processing", 150, 0),
    ("5020", "cogs", "hosting", 72, 0),
    ("6220", "sales_marketing", "marketing", 165, 17),
    ("6230", "sales_marketing", "commissions", 55, 0),
    ("6330", "general_administrative", "office", 24, 0),
    ("6340", "general_administrative", "professional_services", 46, 9),
    ("6430", "research_development", "software", 40, 0),
    ("6440", "research_development", "contract_engineering", 118, 17),
    ("7010", "depreciation", "depreciation", 31, 0),
    ("7110", "interest", "interest", 6, 0),
    ("7210", "tax", "tax", 9, 0),
)
"""Account, class, stream, share of the month's revenue in thousandths, and how much larger that share was for every
month before the last day, in thousandths of it."""
_CASH = "1010"
_EQUIPMENT_SHARE = 28
_OPENING_CENTS, _ROUND_CENTS, _ROUND_MONTH = 900_000_000, 1_800_000_000, 10


def recognised_cents(customer: Customer, start: int, end: int) -> int:
    """Subscription revenue of the days from `start` to `end`, both inclusive, which are one month."""
    days = end - start + 1
    total = 0
    for price in customer.prices:
        until = end + 1 if price.ends is None else min(price.ends, end + 1)
        total += price.cents * max(0, until - max(price.starts, start))
    return total // days


def financing_round(profile: Profile) -> tuple[int, int]:
    """The day on which the round of financing is booked, and its US cents."""
    return month_end(months_of(profile)[_ROUND_MONTH]), _ROUND_CENTS


def _fees(customers: tuple[Customer, ...], properties: tuple[Property, ...], attempts: Ints) -> Ints:
    totals = np.zeros((len(customers), attempts.shape[1]), dtype=np.int64)
    owners = np.array([p.customer.index for p in properties], dtype=np.int64)
    np.add.at(totals, owners, attempts)
    return totals * FEE_CENTS


def monthly_revenue_cents(
    profile: Profile, customers: tuple[Customer, ...], properties: tuple[Property, ...], attempts: Ints
) -> list[int]:
    """Revenue of each month in US cents, by the rough worth of a Canadian dollar; for plans and reports of owners."""
    fees = _fees(customers, properties, attempts)
    months = []
    for turn, start in enumerate(months_of(profile)):
        total = 0
        for c in customers:
            cents = recognised_cents(c, start, month_end(start)) + int(fees[c.index, turn])
            total += cents * (CAD_PER_MILLE if c.currency == "CAD" else 1000)
        months.append(total // 1000)
    return months


def ledger_rows(
    profile: Profile, customers: tuple[Customer, ...], properties: tuple[Property, ...], attempts: Ints,
    employees: tuple[Employee, ...],
) -> Rows:  # fmt: skip
    rows = Rows("ledger_entries")
    draws = Draws(profile.seed, "ledger_entries")
    fees = _fees(customers, properties, attempts)
    totals = monthly_revenue_cents(profile, customers, properties, attempts)
    for turn, start in enumerate(months_of(profile)):
        end = month_end(start)
        if end > profile.horizon:
            break
        posted = profile.calendar.at(end, 18 * 3600)
        label = f"{from_number(start):%Y%m}"
        for c in customers:
            earned = recognised_cents(c, start, end)
            if earned:
                key = f"gl_{label}_sub_{c.index:05d}"
                rows.add(key, end, "4010", "revenue", "subscription", c.account, earned, c.currency, posted + c.index)
            fee = int(fees[c.index, turn])
            if fee:
                key = f"gl_{label}_fee_{c.index:05d}"
                rows.add(key, end, "4020", "revenue", "payment_fees", c.account, fee, c.currency, posted + c.index)
        before = max(0, (profile.last - start) // 30)
        moved = {"receipts": totals[max(turn - 1, 0)] * draws.between("collected", turn, 970, 1000) // 1000}
        for code, kind, stream, share, growth in _COSTS:
            thousandths = share * (1000 + growth * before) // 100
            cost = totals[turn] * (thousandths + draws.between("share", turn * 8192 + int(code), -25, 25)) // 10_000
            rows.add(f"gl_{label}_{code}", end, code, kind, stream, None, -cost, "USD", posted + int(code))
            if kind != "depreciation":
                paid_as = stream if kind in ("interest", "tax") else "vendors"
                moved[paid_as] = moved.get(paid_as, 0) - cost
        for place, (department, salary) in enumerate(_SALARY_CENTS.items()):
            paid = sum(e.fte * salary // 100 for e in employees if e.department == department and e.active(end))
            if paid:
                code, kind = _FUNCTIONS[department]
                key, stream = f"gl_{label}_{code}", f"payroll {department}"
                rows.add(key, end, code, kind, stream, None, -paid, "USD", posted + 9000 + place)
                moved["payroll"] = moved.get("payroll", 0) - paid
        moved["capital_expenditure"] = -(totals[turn] * _EQUIPMENT_SHARE // 1000)
        moved |= {"opening_balance": _OPENING_CENTS} if turn == 0 else {}
        moved |= {"financing": _ROUND_CENTS} if turn == _ROUND_MONTH else {}
        for place, (stream, cents) in enumerate(moved.items()):
            key = f"gl_{label}_{_CASH}_{place}"
            rows.add(key, end, _CASH, "cash", stream, None, cents, "USD", posted + 9100 + place)
    return rows
