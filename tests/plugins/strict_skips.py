"""A pytest plugin for machines that have everything: a skipped test fails the run.

`make test` loads it when SOPHIA_CI_STRICT is set; elsewhere absent services skip their tests. A machine can't have an
account at a vendor: tests marked `real_account` may be skipped, and are listed with what they leave unproved.
"""

from __future__ import annotations

import pytest

_skipped: dict[str, str] = {}
_unproved: dict[str, str] = {}


def _remember(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        (_unproved if "real_account" in getattr(report, "keywords", ()) else _skipped)[report.nodeid] = reason


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _remember(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _remember(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _unproved:
        terminalreporter.section("Unproved without an account")
        for nodeid, reason in sorted(_unproved.items()):
            terminalreporter.line(f"{nodeid}: {reason}")
    if _skipped:
        terminalreporter.section("Skipped where nothing may be skipped", red=True)
        for nodeid, reason in sorted(_skipped.items()):
            terminalreporter.line(f"{nodeid}: {reason}", red=True)
