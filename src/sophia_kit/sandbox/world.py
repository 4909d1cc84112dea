"""Everything that ever happens in the company, made on first use and kept. It doesn't know what day it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property

import polars as pl

from sophia_kit.sandbox.activities import task_rows
from sophia_kit.sandbox.blemishes import BLEMISHED, Blemished, Malformed, blemish, malformed
from sophia_kit.sandbox.calls import Call, call_rows, make_calls
from sophia_kit.sandbox.chat import message_rows
from sophia_kit.sandbox.crm import Account, account_rows, contact_rows, make_accounts
from sophia_kit.sandbox.customers import Customer, make_customers, subscription_rows
from sophia_kit.sandbox.deals import Deal, deal_rows, make_deals
from sophia_kit.sandbox.draws import Ints
from sophia_kit.sandbox.ledger import ledger_rows, monthly_revenue_cents
from sophia_kit.sandbox.okrs import objective_rows, page_rows
from sophia_kit.sandbox.payments import Payments
from sophia_kit.sandbox.people import Employee, employee_rows, make_employees, user_rows
from sophia_kit.sandbox.planning import forecast_rows, plan_rows, quota_rows
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.properties import Property, attempts_by_month, make_properties, property_rows
from sophia_kit.sandbox.support import survey_rows, ticket_rows
from sophia_kit.sandbox.tables import LANDING, Rows
from sophia_kit.sandbox.treasury import rate_rows
from sophia_kit.sandbox.usage import UsageDays

__all__ = ["World"]


class World:
    """The company's whole history up to the horizon. Safe to share between threads."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._frames: dict[str, pl.DataFrame] = {}
        self._blemished: dict[str, Blemished] = {}
        self._malformed: dict[str, Malformed] = {}
        self._lock = threading.RLock()

    @cached_property
    def customers(self) -> tuple[Customer, ...]:
        return make_customers(self.profile)

    @cached_property
    def accounts(self) -> tuple[Account, ...]:
        return make_accounts(self.profile, self.customers)

    @cached_property
    def deals(self) -> tuple[Deal, ...]:
        return make_deals(self.profile, self.customers, self.accounts)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        return make_calls(self.profile, self.customers, self.deals)

    @cached_property
    def employees(self) -> tuple[Employee, ...]:
        return make_employees(self.profile)

    @cached_property
    def properties(self) -> tuple[Property, ...]:
        return make_properties(self.profile, self.customers)

    @cached_property
    def attempts(self) -> Ints:
        return attempts_by_month(self.profile, self.properties)

    @cached_property
    def revenue(self) -> list[int]:
        return monthly_revenue_cents(self.profile, self.customers, self.properties, self.attempts)

    @cached_property
    def payments(self) -> Payments:
        return Payments(self.profile, self.properties, self.attempts)

    @cached_property
    def usage(self) -> UsageDays:
        return UsageDays(self.profile, self.customers)

    def prepare(self) -> None:
        """Make what all tables rest on, so that threads that follow don't make it twice."""
        for name in LANDING:
            self.malformed(name)
        _ = (self.deals, self.employees, self.revenue, self.payments, self.usage)

    def versions(self, name: str) -> pl.DataFrame:
        """All versions of the records of a table that isn't kept by month, with `__delivered`."""
        with self._lock:
            if name not in self._frames:
                self._make(name)
            return self._frames[name]

    def _make(self, name: str) -> None:
        p = self.profile
        groups: dict[tuple[str, ...], Callable[[], tuple[Rows, ...]]] = {
            ("salesforce_opportunities", "salesforce_opportunity_history"): lambda: deal_rows(p, self.deals),
            ("calls", "call_participants", "call_turns"): lambda: call_rows(p, self.calls, self.employees),
            ("objectives", "key_results", "key_result_checkins"): lambda: objective_rows(
                p, self.customers, self.employees, self.revenue
            ),
        }
        for names, make in groups.items():
            if name in names:
                for member, rows in zip(names, make(), strict=True):
                    self._keep(member, rows)
                return
        makers: dict[str, Callable[[], Rows]] = {
            "salesforce_accounts": lambda: account_rows(p, self.accounts),
            "salesforce_contacts": lambda: contact_rows(p, self.accounts),
            "salesforce_tasks": lambda: task_rows(p, self.accounts, self.deals),
            "salesforce_users": lambda: user_rows(p, self.employees),
            "employees": lambda: employee_rows(p, self.employees),
            "forecasts": lambda: forecast_rows(p, self.deals),
            "fx_rates": lambda: rate_rows(p),
            "ledger_entries": lambda: ledger_rows(p, self.customers, self.properties, self.attempts, self.employees),
            "plans": lambda: plan_rows(
                p, self.customers, self.employees, self.revenue, self.attempts.sum(axis=0).tolist()
            ),
            "properties": lambda: property_rows(p, self.properties),
            "quotas": lambda: quota_rows(p, self.deals),
            "subscriptions": lambda: subscription_rows(p, self.customers),
            "tickets": lambda: ticket_rows(p, self.customers),
            "surveys": lambda: survey_rows(p, self.customers),
            "messages": lambda: message_rows(p, self.customers, self.employees),
            "knowledge_pages": lambda: page_rows(p, self.customers, self.employees),
        }
        self._keep(name, makers[name]())

    def _keep(self, name: str, rows: Rows) -> None:
        frame = rows.frame()
        if name in BLEMISHED:
            self._blemished[name] = blemish(frame, name)
            frame = self._blemished[name].versions
        self._frames[name] = frame

    def blemished(self, name: str) -> Blemished:
        """Which records of a table are late, corrected, deleted or doubled."""
        self.versions(name)
        return self._blemished[name]

    def malformed(self, name: str) -> Malformed:
        """The records of a table that nobody can use."""
        if name not in self._malformed:
            self._malformed[name] = malformed(self.profile, name)
        return self._malformed[name]
