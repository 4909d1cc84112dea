"""What sellers noted to do for their deals, and when it was done: the CRM's tasks."""

from __future__ import annotations

from sophia_kit.sandbox.crm import Account, contact_count
from sophia_kit.sandbox.deals import Deal
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import user_id
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows

__all__ = ["task_rows"]

_KINDS = ("Call", "Email", "Task")
_STEPS = 4


def task_rows(profile: Profile, accounts: tuple[Account, ...], deals: tuple[Deal, ...]) -> Rows:
    """Versions of tasks: one for each early step of a deal, noted, done, and some deleted. One in nine stays undone."""
    rows = Rows("salesforce_tasks")
    draws = Draws(profile.seed, "tasks")
    at = profile.calendar.at
    first_contact, total = {}, 0
    for account in accounts:
        first_contact[account.index] = total
        total += contact_count(account)
    for deal in deals:
        for turn, step in enumerate(deal.steps[:_STEPS]):
            row = deal.index * _STEPS + turn
            kind = _KINDS[draws.pick("kind", row, (45, 35, 20))]
            made = at(step.day, 15 * 3600 + row % 7200)
            done = step.day + 1 + draws.below("done", row, 12)
            account = deal.account
            contact = first_contact[account.index] + draws.below("contact", row, contact_count(account))
            head = (
                f"00TSB{row:010d}YAA",
                account.key,
                deal.key,
                None if row % 23 == 4 else f"003SB{contact:010d}YAA",
                user_id(deal.owner),
                kind,
            )
            due = step.day + 2 + draws.below("due", row, 9)
            priority = "High" if step.stage == 3 else "Normal"
            state: tuple[object, ...] = ("Not Started", priority, due, False, None, None)
            rows.add(*head, *state, made, made)
            gone = deal.deleted_on if deal.deleted_on is not None else step.day + 3 if row % 61 == 17 else None
            finished = draws.below("undone", row, 9) > 0 and done <= profile.horizon and (gone is None or done < gone)
            if finished:
                moment = at(done, 16 * 3600 + row % 3600)
                seconds = 60 + draws.below("seconds", row, 1500) if kind == "Call" else None
                state = ("Completed", priority, due, True, moment, seconds)
                rows.add(*head, *state, made, moment)
            if gone is not None and gone <= profile.horizon:
                rows.add(*head, *state, made, at(gone, 17 * 3600 + row % 600), deleted=True)
    return rows
