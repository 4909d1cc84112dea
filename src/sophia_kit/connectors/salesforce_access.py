"""Which of Salesforce's objects and fields may be read, as the settings list them: held before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable

from sophia_kit.connectors.soql import Select
from sophia_kit.core.errors import PolicyRefused, QueryRefused
from sophia_kit.core.settings import SalesforceSettings

__all__ = ["Access"]

_ALWAYS = frozenset({"id", "systemmodstamp", "isdeleted"})
"""A record's key, when it changed, and whether it was deleted: nothing can be loaded without them."""


class Access:
    """The allow-list. Names are compared as Salesforce does: upper and lower case are the same.

    Args:
        given: `objects` and `fields` are used.
        kit: the objects that are permitted where none are listed.
    """

    def __init__(self, given: SalesforceSettings, kit: Iterable[str]) -> None:
        self._objects = {name.lower(): name for name in given.objects or tuple(kit)}
        self._fields = {
            name.lower(): _ALWAYS.union(field.lower() for field in fields) for name, fields in given.fields.items()
        }

    @property
    def objects(self) -> tuple[str, ...]:
        """The permitted objects."""
        return tuple(self._objects.values())

    def has(self, name: str) -> bool:
        """Whether an object may be read."""
        return name.lower() in self._objects

    def allows(self, name: str, field: str) -> bool:
        """Whether a field of an object may be read; any, where no fields of it are listed."""
        listed = self._fields.get(name.lower())
        return listed is None or field.lower() in listed

    def require(self, name: str) -> None:
        """Pass an object that may be read.

        Raises:
            PolicyRefused: it is not on the list.
        """
        if not self.has(name):
            raise PolicyRefused(
                f"Salesforce's {name} was not asked for: {self._not_listed(name)}.",
                hint="SOPHIA_SALESFORCE__OBJECTS lists the objects that may be read.",
                provider="salesforce",
            )

    def require_query(self, query: Select) -> None:
        """Pass a query whose object and fields may all be read, those in its conditions and its order too.

        Raises:
            QueryRefused: one of them is not on its list, or belongs to another object.
        """
        if not self.has(query.source):
            raise _refused(self._not_listed(query.source), "SOPHIA_SALESFORCE__OBJECTS lists what may be read.")
        named = [*query.fields, *(one.field for one in query.where), *(one.field for one in query.order_by)]
        for field in named:
            if "." in field:
                raise _refused(f"{field} belongs to another object", "Query that object itself.")
            if not self.allows(query.source, field):
                raise _refused(
                    f"{query.source}.{field} is not one of the fields that may be read",
                    "SOPHIA_SALESFORCE__FIELDS lists them.",
                )

    def _not_listed(self, name: str) -> str:
        return f"{name} is not one of {', '.join(self.objects)}"


def _refused(reason: str, hint: str) -> QueryRefused:
    return QueryRefused(f"This SOQL was not sent: {reason}.", hint=hint, provider="salesforce")
