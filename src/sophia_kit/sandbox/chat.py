"""The company's chat: five everyday channels, and an incident channel on the day of the outage."""

from __future__ import annotations

from sophia_kit.sandbox.customers import Customer
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import Employee
from sophia_kit.sandbox.phrases import CHANNELS, RIVALS
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows

__all__ = ["message_rows"]

_NAMES = tuple(CHANNELS)
_INCIDENT = (
    "Payments through {processor} fail since this morning, every attempt times out.",
    "Status page of {processor} says they are investigating.",
    "Routing new cards to the other processors, bank transfers stay where they are.",
    "Support has a text ready for customers who call.",
    "Failure rate is back to normal on the others, {processor} is still down.",
    "{processor} confirms the fix; watching before we route back.",
    "Routed back. Written review follows.",
)


def message_rows(profile: Profile, customers: tuple[Customer, ...], employees: tuple[Employee, ...]) -> Rows:
    """Messages. Each week one of the channels has a thread, which most of its messages of that week answer."""
    rows = Rows("messages")
    draws = Draws(profile.seed, "messages")
    whole = profile.horizon - profile.first
    count = profile.count(profile.size.messages, 600) * whole // (profile.last - profile.first)
    threads: dict[int, tuple[str, int]] = {}
    for index in range(count):
        day = profile.first + whole * index // count
        channel = _NAMES[draws.pick("channel", index, (24, 26, 18, 18, 14))]
        author = _author(draws, index, day, employees)
        text = draws.choice("text", index, CHANNELS[channel])
        if "{" in text:
            text = text.format(
                company=customers[draws.below("company", index, len(customers))].name,
                rival=draws.choice("rival", index, RIVALS),
                count=2 + draws.below("count", index, 40),
            )
        key = f"msg_{index:07d}"
        moment = profile.calendar.at(day, 8 * 3600 + (index * 86_400 * 7 + draws.below("second", index, 600)) % 36_000)
        week, thread = (day - profile.first) // 7, key
        if channel == _NAMES[week % len(_NAMES)]:
            opener, opened = threads.setdefault(week, (key, moment))
            if opened < moment and draws.chance("answers", index, 800):
                thread = opener
        rows.add(key, channel, thread, author, moment, text, moment)
    outage = number(profile.stories.outage_day)
    for turn, text in enumerate(_INCIDENT):
        moment = profile.calendar.at(outage, 8 * 3600 + 900 + turn * 6600)
        author = _author(draws, 10_000_000 + turn, outage, employees)
        filled = text.format(processor=profile.stories.outage_processor)
        rows.add(f"msg_incident_{turn}", "incidents", "msg_incident_0", author, moment, filled, moment)
    return rows


def _author(draws: Draws, row: int, day: int, employees: tuple[Employee, ...]) -> str | None:
    """Someone employed on the day; nobody (an automatic message) for every 70th row."""
    if row % 70 == 33:
        return None
    start = draws.below("author", row, len(employees))
    for turn in range(len(employees)):
        e = employees[(start + turn) % len(employees)]
        if e.active(day):
            return e.key
    return None
