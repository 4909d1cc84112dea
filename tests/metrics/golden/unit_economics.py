"""What a customer costs to win and is worth."""

from __future__ import annotations

from datetime import date

from tests.metrics.golden import finance, recurring_revenue
from tests.metrics.golden.raw import Golden, Raw, Values, over

cost = finance.posted("sales_marketing", sign=-1)
new_customers = recurring_revenue.came_and_went(new=True)


def cac(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return {"": over(cost(raw, start, end, None).get(""), new_customers(raw, start, end, None).get(""))}


def ltv(raw: Raw, start: date, end: date, by: str | None) -> Values:
    a_month = recurring_revenue.arpa(raw, start, end, None).get("")
    margin = finance.yearly_margin(raw, end)
    churn = recurring_revenue.logo_churn(raw, start, end, None).get("")
    if a_month is None or margin is None:
        return {"": None}
    return {"": over(a_month * 12 * margin, churn)}


def ltv_cac(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return {"": over(ltv(raw, start, end, None)[""], cac(raw, start, end, None)[""])}


def cac_payback(raw: Raw, start: date, end: date, by: str | None) -> Values:
    a_month = recurring_revenue.arpa(raw, start, end, None).get("")
    margin = finance.yearly_margin(raw, end)
    if a_month is None or margin is None:
        return {"": None}
    return {"": over(cac(raw, start, end, None)[""], a_month * margin)}


GOLDEN: dict[str, Golden] = {
    "sales_marketing_cost": cost,
    "cac": cac,
    "ltv": ltv,
    "ltv_cac": ltv_cac,
    "cac_payback": cac_payback,
}
