"""The canonical views on Snowflake: what would change, and changing it.

Deploying is a write to a business system. It needs three things at once: an explicit setting, a GitHub Actions job,
and the credentials of a role that nobody else has. It creates views and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sophia_kit.core.errors import PolicyRefused, Unconfigured
from sophia_kit.warehouse.snowflake.errors import translated
from sophia_kit.warehouse.snowflake.login import log_in, missing_settings
from sophia_kit.warehouse.snowflake.models import snowflake_models

if TYPE_CHECKING:
    from sophia_kit.core.settings import SnowflakeSettings
    from sophia_kit.warehouse.snowflake.engine import SnowflakeWarehouse

__all__ = ["MANIFEST", "ViewChange", "deploy_views", "plan_views", "require_right_to_deploy"]

MANIFEST = "sophia_kit_views"
"""The view that says which digest each view was deployed with; replaced last, so that a deployment cut short shows."""

Action = Literal["create", "replace", "keep", "obsolete"]


@dataclass(frozen=True, slots=True)
class ViewChange:
    """What deploying does to a view.

    Attributes:
        action: `obsolete` when it was deployed once and is no model any more; it is left where it is.
        digest: sha256 (hex) of its SQL; None for an obsolete one.
        deployed: the digest it was deployed with; None when it wasn't, or isn't known.
        statement: empty for an obsolete one.
    """

    view: str
    action: Action
    digest: str | None
    deployed: str | None
    statement: str


def plan_views(settings: SnowflakeSettings, warehouse: SnowflakeWarehouse | None) -> tuple[ViewChange, ...]:
    """Each view, compared with what is deployed; without a warehouse, with nothing.

    Raises:
        Unconfigured: no database is named.
    """
    if settings.database is None:
        raise Unconfigured(
            "No Snowflake database is named.",
            missing=("SOPHIA_SNOWFLAKE__DATABASE",),
            hint="Set SOPHIA_SNOWFLAKE__DATABASE.",
            provider="snowflake",
        )
    there = set() if warehouse is None else _views(warehouse, settings.view_schema)
    deployed = _manifest(warehouse) if warehouse is not None and MANIFEST in there else {}
    changes = []
    for name, sql in snowflake_models().items():
        digest, known = hashlib.sha256(sql.encode()).hexdigest(), deployed.get(name)
        action: Action = "create" if name not in there else "keep" if known == digest else "replace"
        changes.append(ViewChange(name, action, digest, known, _statement(settings, name, sql)))
    gone = sorted((deployed.keys() & there) - snowflake_models().keys())
    return (*changes, *(ViewChange(name, "obsolete", None, deployed[name], "") for name in gone))


def require_right_to_deploy(settings: SnowflakeSettings, environment: Mapping[str, str]) -> None:
    """Pass when this process may write views.

    Raises:
        PolicyRefused: it isn't a GitHub Actions job that was explicitly allowed to, or would write as the reader.
        Unconfigured: the writer's settings are missing.
    """
    hint = "Deploy from the workflow that docs/snowflake.md shows."
    if not settings.allow_deploy:
        raise PolicyRefused("Deploying isn't allowed here: SOPHIA_SNOWFLAKE__ALLOW_DEPLOY isn't set.", hint=hint)
    if environment.get("GITHUB_ACTIONS") != "true":
        raise PolicyRefused("Views are deployed by GitHub Actions alone, and this is no job of its.", hint=hint)
    missing = missing_settings(settings, writer=True)
    if missing:
        message = f"The writer isn't configured: {', '.join(missing)} missing."
        raise Unconfigured(message, missing=missing, hint=hint, provider="snowflake")
    assert settings.writer_role is not None
    if settings.role is not None and settings.role.upper() == settings.writer_role.upper():
        raise PolicyRefused(f"{settings.role} is both the role that reads and the one that writes.", hint=hint)


def deploy_views(
    settings: SnowflakeSettings,
    changes: tuple[ViewChange, ...],
    environment: Mapping[str, str],
    done: Callable[[ViewChange], None] = lambda change: None,
) -> None:
    """Create and replace what `changes` says, in order, as the writer; nothing when there is nothing to do.

    Raises:
        PolicyRefused, Unconfigured: see `require_right_to_deploy`.
        QueryRefused: a view can't be created; those before it are deployed.
    """
    from snowflake.connector.errors import Error

    require_right_to_deploy(settings, environment)
    due = [change for change in changes if change.action in ("create", "replace")]
    if not due:
        return
    session, here = log_in(settings, writer=True), MANIFEST
    try:
        with session.cursor() as cursor:
            for change in due:
                here = change.view
                cursor.execute(change.statement)
                done(change)
            cursor.execute(_statement(settings, MANIFEST, _manifest_sql(changes)))
    except Error as error:
        refusal = translated(error)
        refusal.message = f"View {here}: {refusal.message}"
        raise refusal from None
    finally:
        session.close(retry=False)


def _statement(settings: SnowflakeSettings, name: str, sql: str) -> str:
    # COPY GRANTS: replaced without it, a view is lost to everyone who was granted it.
    place = f"{settings.database}.{settings.view_schema}.{name}".upper()
    return f"CREATE OR REPLACE VIEW {place} COPY GRANTS AS\n{sql}"


def _manifest_sql(changes: tuple[ViewChange, ...]) -> str:
    rows = ", ".join(f"('{change.view}', '{change.digest}')" for change in changes if change.digest is not None)
    return f"SELECT column1 AS view_name, column2 AS digest FROM (VALUES {rows})"  # noqa: S608  # names and digests


def _views(warehouse: SnowflakeWarehouse, schema: str) -> set[str]:
    sql = "SELECT table_name FROM information_schema.views WHERE upper(table_schema) = $schema"
    names = warehouse.query(sql, {"schema": schema.upper()}).frame["table_name"]
    return {str(name).lower() for name in names}


def _manifest(warehouse: SnowflakeWarehouse) -> dict[str, str]:
    sql = f"SELECT view_name, max(digest) AS digest FROM {MANIFEST} GROUP BY view_name"  # noqa: S608  # a constant
    return dict(warehouse.query(sql).frame.select("view_name", "digest").iter_rows())
