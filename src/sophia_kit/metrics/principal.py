"""Who asks, and which rows they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sophia_kit.core.errors import AccessRefused, InputError

if TYPE_CHECKING:
    from sophia_kit.metrics.definition import Definition

__all__ = ["Filters", "Principal", "permitted"]

Filters = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or service that asks.

    An attribute named like a dimension restricts that dimension to its values, in every statement. A metric that lacks
    the dimension is refused, and so is an attribute without values. No attributes: no restriction.

    Attributes:
        name: as logs and caches know it.
        attributes: pairs of a dimension and the members permitted.

    Raises:
        InputError: the attributes are of another form.
    """

    name: str
    attributes: Filters = ()

    def __post_init__(self) -> None:
        whole = isinstance(self.attributes, tuple) and all(isinstance(item, tuple) for item in self.attributes)
        if not whole or not all(len(item) == 2 and isinstance(item[1], tuple) for item in self.attributes):
            raise InputError(
                f"What {self.name} may see isn't told by pairs of a dimension and a tuple of members.",
                hint='Say e.g. (("segment", ("Enterprise",)),).',
            )

    def permits(self, dimension: str) -> tuple[str, ...] | None:
        """The members of a dimension that may be seen; None when it isn't restricted."""
        found: tuple[str, ...] | None = None
        for name, members in self.attributes:
            if name == dimension:
                found = members if found is None else tuple(member for member in found if member in members)
        return found


def permitted(principal: Principal | None, definition: Definition, filters: Filters) -> Filters:
    """The filters of a query together with its principal's: what may be read.

    Raises:
        AccessRefused: the metric lacks a dimension that restricts the principal, no member of it is permitted, or the
            query names a member that isn't.
    """
    if principal is None:
        return filters
    asked = dict(filters)
    own: dict[str, tuple[str, ...]] = {}
    for dimension in dict.fromkeys(name for name, _ in principal.attributes):
        members = principal.permits(dimension)
        if not members:
            raise AccessRefused(
                f"{principal.name} may see no {dimension} at all.",
                hint="Ask who administers access for a member of it.",
            )
        if dimension not in definition.dimensions:
            raise AccessRefused(
                f"{principal.name} may see some of {dimension} only, and {definition.name} can't be told apart by it.",
                hint=f"Ask for a metric that has the dimension {dimension}.",
            )
        for member in asked.get(dimension, ()):
            if member not in members:
                raise AccessRefused(
                    f"{principal.name} may not see {dimension} {member!r}.", hint=f"Permitted: {', '.join(members)}."
                )
        own[dimension] = members
    return tuple((own | asked).items())
