"""What was planted: the stories and the warts, for tests to compare with what the kit finds."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_kit.sandbox.world import World

__all__ = ["Truth", "make_truth"]


@dataclass(frozen=True, slots=True)
class Truth:
    """Stories and warts as far as they show on a day."""

    day: int


def make_truth(world: World, day: int) -> Truth:
    return Truth(day)
