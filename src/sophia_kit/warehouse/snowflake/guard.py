"""What may be asked of Snowflake: one SELECT whose rows are aggregates. Its rows stay where they are.

The role that reads is the first guard, this is the second: it refuses before a byte leaves.
"""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sophia_kit.core.errors import QueryRefused

__all__ = ["require_aggregates"]

_OPEN_SCHEMAS = {"meta", "information_schema"}
_HINT = "Aggregate it: sum, count, or GROUP BY something that several rows share."


def require_aggregates(sql: str) -> None:
    """Pass when `sql` is exactly one SELECT that returns aggregates.

    An aggregate is a group, a row of aggregate functions, or the distinct members of a single column. What describes
    the tables (`meta`, `information_schema`) may be read row by row.

    Raises:
        QueryRefused: anything else, including text that doesn't parse, functions that act on the account
            (`SYSTEM$...`), procedures and staged files.
    """
    problem = _problem(sql)
    if problem is not None:
        raise QueryRefused(problem[0], hint=problem[1], provider="snowflake")


@lru_cache(maxsize=2048)
def _problem(sql: str) -> tuple[str, str] | None:
    read_only = "The warehouse is read-only."
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect="snowflake") if tree is not None]
    except SqlglotError as error:
        return f"The query doesn't parse: {str(error).splitlines()[0]}", "Check its syntax."
    if len(trees) != 1:
        return f"The query holds {len(trees)} statements.", "Send one SELECT, without a second statement."
    tree = trees[0]
    if not isinstance(tree, exp.Query):
        return f"The query is a {tree.key.upper()}, not a SELECT.", read_only
    for node in tree.walk():
        if isinstance(node, exp.DML | exp.DDL | exp.Command | exp.Into | exp.Lock) and not isinstance(node, exp.Query):
            return f"The query holds a {node.key.upper()}.", read_only
        if isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("locks")):
            return "The query writes or locks.", read_only
        if isinstance(node, exp.Anonymous) and "$" in node.name:
            return f"{node.name} acts on the account.", read_only
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier | exp.Func):
            return f"{node.sql('snowflake')} is neither a table nor a view.", read_only
        if isinstance(node, exp.Table | exp.TableFromRows) and isinstance(node.this, exp.Anonymous):
            return f"{node.sql('snowflake')} calls a procedure or a function.", read_only
        if isinstance(node, exp.Column) and node.name.lower() in {"nextval", "currval"}:
            return "The query moves a sequence.", read_only
    return None if _aggregates(tree, {}) else ("The query returns rows as they are stored.", _HINT)


def _aggregates(query: exp.Expr, steps: dict[str, exp.Expr]) -> bool:
    """Whether each row of `query` is an aggregate; `steps` are the common table expressions in sight."""
    if isinstance(query, exp.Subquery):
        return _aggregates(query.this, steps)
    within = query.args.get("with_")
    if isinstance(within, exp.With):
        steps = steps | {step.alias.lower(): step.this for step in within.expressions}
    if isinstance(query, exp.SetOperation):
        return _aggregates(query.left, steps) and _aggregates(query.right, steps)
    if not isinstance(query, exp.Select):
        return False
    if query.args.get("group"):
        keys = query.args["group"].expressions
        return not any(isinstance(key, exp.Column) and key.name.lower() == "source_id" for key in keys)
    if query.args.get("distinct"):
        return len(query.expressions) == 1 and not query.is_star
    if not query.is_star and _is_one_row(query.expressions):
        return True
    return all(_is_open(source, steps) for source in _sources(query))


def _is_one_row(selected: list[exp.Expr]) -> bool:
    """Whether what is selected without a group is aggregates over all rows, not over a window, and no column beside."""
    found = [
        node for item in selected for node in item.find_all(exp.AggFunc) if not isinstance(node.parent, exp.Window)
    ]
    columns = [column for item in selected for column in item.find_all(exp.Column)]
    return bool(found) and all(column.find_ancestor(exp.AggFunc, exp.WithinGroup) for column in columns)


def _sources(query: exp.Select) -> list[exp.Expr]:
    source = query.args.get("from_")
    joined = [join.this for join in query.args.get("joins") or ()]
    return [*([source.this] if source is not None else []), *joined]


def _is_open(source: exp.Expr, steps: dict[str, exp.Expr]) -> bool:
    if isinstance(source, exp.Subquery):
        return _aggregates(source.this, steps)
    if not isinstance(source, exp.Table):
        return False
    if not source.db and source.name.lower() in steps:
        step = steps[source.name.lower()]
        return _aggregates(step, {name: known for name, known in steps.items() if known is not step})
    return source.db.lower() in _OPEN_SCHEMAS
