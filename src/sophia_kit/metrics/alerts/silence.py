"""Silencing a rule, or one series of it: it is judged as ever, and not told."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.metrics.alerts.observation import Members
from sophia_kit.metrics.alerts.rule import PeriodicRule, Rule
from sophia_kit.state import AlertSilence

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.state import State

__all__ = ["end_silences", "find_rule", "silence_rule"]


def find_rule(catalogue: Catalogue, name: str) -> tuple[Definition, Rule]:
    """The rule `metric.rule`, or `rule` alone where one metric has it.

    Raises:
        UnknownName: there is none.
        InputError: several metrics have a rule of that name.
    """
    metric, _, rule_name = name.rpartition(".")
    every = [(item, rule) for item in catalogue for rule in item.alerts]
    found = [(item, rule) for item, rule in every if rule.name == rule_name and metric in ("", item.name)]
    if not found:
        known = [f"{item.name}.{rule.name}" if metric else rule.name for item, rule in every]
        raise UnknownName("alert rule", name, known)
    if len(found) > 1:
        names = " or ".join(f"{item.name}.{rule.name}" for item, rule in found)
        raise InputError(f"Several metrics have a rule {name!r}.", hint=f"Say {names}.")
    return found[0]


def silence_rule(
    state: State,
    catalogue: Catalogue,
    name: str,
    *,
    members: Members = (),
    now: datetime,
    until: datetime,
    reason: str,
) -> AlertSilence:
    """Tell nothing of the rule until `until`; of the series that have these members, when any are given.

    Raises:
        UnknownName: no such rule, the rule doesn't split by that dimension, or it has judged members and this is none.
        InputError: `until` has passed, or there is no reason.
    """
    definition, rule = find_rule(catalogue, name)
    by = rule.by if isinstance(rule, PeriodicRule) else ()
    judged = [dict(series.members) for series in state.alerts.series(definition.name, rule.name)]
    for dimension, member in members:
        if dimension not in by:
            raise UnknownName(f"dimension that {definition.name}.{rule.name} splits by", dimension, by)
        watched = {each[dimension] for each in judged if dimension in each}
        if watched and member not in watched:
            raise UnknownName(f"{dimension} that {definition.name}.{rule.name} watches", member, watched)
    if until <= now:
        raise InputError(f"{until:%Y-%m-%d %H:%M} UTC has passed.", hint="Silence it until a later time.")
    if not reason.strip():
        raise InputError("A silence needs a reason.", hint='Say why, e.g. --reason "known outage, INC-7".')
    found = AlertSilence(secrets.token_hex(4), definition.name, rule.name, members, now, until, reason.strip())
    state.alerts.add_silence(found)
    return found


def end_silences(
    state: State, catalogue: Catalogue, name: str, *, members: Members = (), now: datetime
) -> tuple[AlertSilence, ...]:
    """End the rule's silences, or those of these members.

    Raises:
        UnknownName: no such rule.
        InputError: nothing of it is silenced.
    """
    definition, rule = find_rule(catalogue, name)
    with state.transaction():
        ended = tuple(
            item
            for item in state.alerts.silences(now)
            if (item.metric, item.rule) == (definition.name, rule.name) and (not members or item.members == members)
        )
        for item in ended:
            state.alerts.end_silence(item.silence_id, now)
    if not ended:
        raise InputError(
            f"{definition.name}.{rule.name} isn't silenced.", hint="`sophia alerts list` shows the silences."
        )
    return ended
