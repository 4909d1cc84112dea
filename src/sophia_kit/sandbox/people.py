"""Employees, and those of them who work in the CRM."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows
from sophia_kit.sandbox.vocabulary import person

__all__ = ["SELLERS", "Employee", "average_fte_hundredths", "employee_rows", "make_employees", "user_id", "user_rows"]

_DEPARTMENTS = (
    ("Engineering", "Software Engineer", 30),
    ("Sales", "Account Executive", 18),
    ("Customer Success", "Account Manager", 14),
    ("Support", "Support Specialist", 14),
    ("Operations", "Payments Analyst", 12),
    ("Finance", "Accountant", 6),
    ("People", "People Partner", 4),
    ("Product", "Product Manager", 8),
)
_AT_FIRST, _IN_ALL = 60, 101
SELLERS = 12
"""The first so many employees sell, and stay."""


@dataclass(frozen=True, slots=True)
class Employee:
    index: int
    name: str
    department: str
    title: str
    employment_type: str
    fte: int
    hired: int
    left: int | None

    @property
    def key(self) -> str:
        return f"emp_{self.index:04d}"

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}@larkfield.example"

    def active(self, day: int) -> bool:
        return self.hired <= day and (self.left is None or day < self.left)


def user_id(index: int) -> str:
    return f"005SB{index:010d}YAA"


def make_employees(profile: Profile) -> tuple[Employee, ...]:
    """Everyone ever engaged. The first twelve are sellers who stay; the number doesn't depend on the scale."""
    draws = Draws(profile.seed, "employees")
    people: list[Employee] = []
    for index in range(_IN_ALL):
        seller = index < SELLERS
        department, title, _ = (
            _DEPARTMENTS[1] if seller else _DEPARTMENTS[draws.pick("department", index, [d[2] for d in _DEPARTMENTS])]
        )
        kind = (
            "full_time" if seller else ("full_time", "part_time", "contractor")[draws.pick("type", index, (80, 9, 11))]
        )
        fte = (100, (50, 60, 80)[draws.below("share", index, 3)], 100)[
            ("full_time", "part_time", "contractor").index(kind)
        ]
        if index < _AT_FIRST:
            hired = profile.first - 20 - draws.below("hired", index, 800)
        else:
            span = profile.last + 45 - profile.first
            hired = (
                profile.first + span * (index - _AT_FIRST) // (_IN_ALL - _AT_FIRST) + draws.below("hired", index, 15)
            )
        stay = draws.between("stay", index, 250, 2600)
        left = max(hired, profile.first) + stay
        leaves = not seller and left <= profile.horizon
        people.append(Employee(index, person(index), department, title, kind, fte, hired, left if leaves else None))
    return tuple(people)


def average_fte_hundredths(employees: tuple[Employee, ...], month_ends: list[int]) -> int:
    """Average full-time equivalents at the ends of months, contractors left out, in hundredths."""
    total = sum(e.fte for day in month_ends for e in employees if e.employment_type != "contractor" and e.active(day))
    return total // len(month_ends)


def employee_rows(profile: Profile, employees: tuple[Employee, ...]) -> Rows:
    """Versions: hired, and left."""
    rows = Rows("employees")
    at = profile.calendar.at
    for e in employees:
        head = (e.key, e.department, e.title, e.employment_type, e.fte)
        rows.add(*head, "active", e.hired, None, at(e.hired, 9 * 3600 + e.index))
        if e.left is not None:
            rows.add(*head, "left", e.hired, e.left, at(e.left, 17 * 3600 + e.index))
    return rows


def user_rows(profile: Profile, employees: tuple[Employee, ...]) -> Rows:
    """CRM users: sellers, account managers and support; deactivated when they leave."""
    rows = Rows("salesforce_users")
    at = profile.calendar.at
    for e in employees:
        if e.department not in ("Sales", "Customer Success", "Support"):
            continue
        made = at(e.hired, 9 * 3600 + 1800 + e.index)
        versions = [(made, True)]
        if e.left is not None:
            versions.append((at(e.left, 17 * 3600 + 600 + e.index), False))
        for moment, active in versions:
            rows.add(user_id(e.index), e.name, e.email, e.department, active, made, moment)
    return rows
