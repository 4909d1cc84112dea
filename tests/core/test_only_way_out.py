"""Law 5 in the code: one client reaches vendors, by one list. What could go around it is imported nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import sophia_kit

SOURCE = Path(sophia_kit.__file__).parent
CLIENTS = {"httpx", "httpcore", "requests", "urllib3", "aiohttp", "websockets", "smtplib", "ftplib", "telnetlib"}
CLIENT_MODULES = {"http.client", "urllib.request", "xmlrpc.client"}
ALLOWED = {"core/http.py", "core/transport.py", "core/failures.py"}


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


@cache
def modules() -> tuple[tuple[str, ast.AST], ...]:
    files = sorted(SOURCE.rglob("*.py"))
    return tuple((path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in files)


def test_no_module_but_the_client_s_own_imports_an_http_client() -> None:
    found = {
        name
        for name, tree in modules()
        for module in imports(tree)
        if module.partition(".")[0] in CLIENTS or module in CLIENT_MODULES
    }
    assert found == ALLOWED


def test_no_module_opens_a_connection_by_hand() -> None:
    calls = {"create_connection", "open_connection", "urlopen", "open_unix_connection", "connect_ex"}
    found = {
        f"{name}:{node.lineno}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in calls
    }
    assert found == set()


def test_no_module_makes_rules_of_its_own() -> None:
    """Other rooms have rules of other kinds: those of the policy are made where they are imported from it."""
    named = {f"sophia_kit.core.policy.{name}" for name in ("Rule", "RequestPolicy")}
    found = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Rule", "RequestPolicy"}
        and (name == "core/policy.py" or not named.isdisjoint(imports(tree)))
    }
    assert found == {"core/policy.py", "core/http.py"}


def test_of_notion_s_sdk_the_endpoints_alone_are_used_never_its_client() -> None:
    """Its client brings a transport, retries and a log of its own."""
    found = {
        (name, module) for name, tree in modules() for module in imports(tree) if module.startswith("notion_client")
    }
    endpoints = {module for _, module in found if module.startswith("notion_client.api_endpoints")}
    assert {name for name, _ in found} == {"connectors/notion_sdk.py"}
    assert {module for _, module in found} - endpoints == {"notion_client.client", "notion_client.client.BaseClient"}
    called = {
        node.func.id
        for name, tree in modules()
        if name == "connectors/notion_sdk.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "BaseClient" not in called


def test_models_are_asked_by_the_providers_of_the_gateway_alone() -> None:
    """The SDK brings a client of its own: llm/providers/transport.py sends questions on, and nothing else."""
    found = {
        name for name, tree in modules() for module in imports(tree) if module.partition(".")[0] in {"openai", "httpx2"}
    }
    assert found == {f"llm/providers/{name}.py" for name in ("failures", "sdk", "transport")}


def test_the_snowflake_connector_is_used_by_the_warehouse_alone() -> None:
    """It brings a client of its own: what it sends is guarded in warehouse/snowflake, and nowhere else."""
    found = {name for name, tree in modules() for module in imports(tree) if module.startswith("snowflake")}
    assert found
    assert {name for name in found if not name.startswith("warehouse/snowflake/")} == set()


def test_statements_that_the_guard_did_not_see_are_sent_by_the_deployment_alone() -> None:
    executing = {
        name
        for name, tree in modules()
        if name.startswith("warehouse/snowflake/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"execute", "execute_async", "executemany", "execute_string"}
    }
    assert executing == {"warehouse/snowflake/engine.py", "warehouse/snowflake/deploy.py"}
