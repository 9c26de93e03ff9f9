# SPDX-License-Identifier: GPL-2.0-only
"""Options of all tests: no test is left out in silence."""

from __future__ import annotations

import pytest

#: How the reason of a skip begins that is right: this kernel or machine cannot run the test.
ALLOWED = "cannot run here: "

_skipped: list[tuple[str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-skips",
        action="store_true",
        help=f'fail when a test was skipped for a reason that does not begin with "{ALLOWED}"',
    )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append((report.nodeid, _reason(report.longrepr)))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append((report.nodeid, _reason(report.longrepr)))


def _reason(longrepr: object) -> str:
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(text).removeprefix("Skipped: ")


def _wrong() -> list[tuple[str, str]]:
    return [(test, reason) for test, reason in _skipped if not reason.startswith(ALLOWED)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for test, reason in _skipped:
        terminalreporter.write_line(f"SKIPPED {test}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("strict_skips") and _wrong() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
