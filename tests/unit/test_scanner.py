# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import errno
import select
import time
from typing import Any, Callable, ClassVar, Optional

import pytest

from fakes import FakeDevice, FakeSession
from ksonde.errors import DriverError, InspectionUnknown, KsondeError
from ksonde.record import Record
from ksonde.scanner import BUDGET, EVERY, JITTER, Scanner, pause, scan_all
from ksonde.uapi import Inspect

SLOT: dict[str, Any] = {
    "event": 701,
    "where": "sys_call_table[39]",
    "what": "is wrong",
    "place": {"symbol": "f", "offset": 0, "module": "evil", "kernel": False},
}
CALLBACK = {"slot": 0, "lsm": "x", "function": {"symbol": "f", "offset": 0, "module": "m", "kernel": False}}
WAY = {"found": True, "why": "", "read": 1, "partly": 0}


class Kernel(FakeDevice):
    """Answers as it is told; all of its objects are one kernel."""

    findings: ClassVar[list[dict[str, Any]]] = []
    callbacks: ClassVar[list[dict[str, Any]]] = []
    error: ClassVar[Optional[Exception]] = None
    answered = True

    def inspect(self, what: Inspect, part: int = 0) -> dict[str, Any]:
        if Kernel.error is not None:
            raise Kernel.error
        if what is Inspect.LSM:
            hook = {
                "hook": "capable",
                "functions": [],
                "callbacks": Kernel.callbacks,
                "whole": True,
                "agree": True,
            }
            way = {**WAY, "found": Kernel.answered}
            return {"inspect": 1, "kind": "lists", "by_symbol": way, "by_code": way, "hooks": [hook]}
        if part:
            raise DriverError("ioctl INSPECT", errno.ENOENT, "No such file or directory")
        return {
            "inspect": 1,
            "part": "syscalls",
            "parts": 1,
            "checked": 449,
            "why": "",
            "findings": Kernel.findings,
        }


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    clean: dict[str, Any] = {"findings": [], "callbacks": [], "error": None, "answered": True}
    for name, value in clean.items():
        monkeypatch.setattr(Kernel, name, value)
    monkeypatch.setattr("ksonde.lsm_hooks.booted", lambda: ("capability",))


def session(*events: str) -> FakeSession:
    made = FakeSession(events=events or ("syscall_table_hook", "lsm_hook", "exit"))
    made.device = Kernel()
    return made


def scanner(every: Optional[float] = 0.001, *events: str) -> Scanner:
    return Scanner(session(*events), every)  # type: ignore[arg-type] # a stand-in


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.001)


def settle(scans: Scanner) -> None:
    begin = scans.scans
    until(lambda: scans.scans > begin + 2)


def told(records: list[Record]) -> list[Any]:
    return [(record.event, record.state, record.where) for record in records]


def test_a_finding_comes_and_goes() -> None:
    with scanner() as scans:
        settle(scans)
        assert scans.take() == []
        assert not select.select([scans], [], [], 0)[0]
        Kernel.findings = [SLOT]
        settle(scans)
        assert select.select([scans], [], [], 0)[0]
        (record,) = scans.take()
        assert told([record]) == [("syscall_table_hook", 1, "sys_call_table[39]")]
        assert (record.part, record.module, record.address) == ("syscalls", "evil", None)
        assert 0 < record.first_seen <= record.time <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert not select.select([scans], [], [], 0)[0]
        assert scans.present == 1
        settle(scans)
        assert scans.take() == []
        Kernel.findings = []
        settle(scans)
        assert told(scans.take()) == [("syscall_table_hook", 2, "sys_call_table[39]")]
        assert scans.present == 0


def test_lsm_hooks() -> None:
    with scanner() as scans:
        settle(scans)
        Kernel.callbacks = [CALLBACK]
        settle(scans)
        (record,) = scans.take()
        assert told([record]) == [("lsm_hook", 1, "capable")]
        assert (record.position, record.lsm) == (0, "x")
        Kernel.answered = False
        Kernel.callbacks = []
        settle(scans)
        assert scans.take() == []
        Kernel.answered = True
        settle(scans)
        assert told(scans.take()) == [("lsm_hook", 2, "capable")]


def test_what_the_session_did_not_ask_for_is_not_told() -> None:
    Kernel.findings = [SLOT, {**SLOT, "event": 4711}]
    with scanner(0.001, "lsm_hook") as scans:
        settle(scans)
        assert scans.take() == []


@pytest.mark.parametrize(("every", "events"), [(0.0, ()), (0.001, ("exit",))])
def test_nothing_is_scanned(every: float, events: tuple[str, ...]) -> None:
    with scanner(every, *events) as scans:
        time.sleep(0.05)
        assert (scans.scans, scans.take()) == (0, [])


def test_a_driver_that_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    Kernel.error = InspectionUnknown("integrity")
    with scanner() as scans:
        until(lambda: not scans.scanning)
        assert scans.take() == []
    assert capsys.readouterr().err.count("the kernel was not scanned") == 1


def test_an_error_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    Kernel.error = KsondeError("no \x1b memory")
    with scanner() as scans:
        settle(scans)
        Kernel.error = None
        settle(scans)
        Kernel.findings = [SLOT]
        settle(scans)
        assert len(scans.take()) == 1
    assert capsys.readouterr().err == "ksonde: the kernel was not scanned: no \\e memory\n"


def test_a_bug_is_not_silent() -> None:
    Kernel.error = ZeroDivisionError("x")
    with scanner() as scans:
        select.select([scans], [], [], 10)
        with pytest.raises(ZeroDivisionError):
            scans.take()


def test_jitter_and_budget() -> None:
    asked: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    assert pause(None, 0.0, least) == pytest.approx(EVERY * (1 - JITTER))
    assert pause(None, 1.0, lambda _low, high: high) == pytest.approx(EVERY * (1 + JITTER))
    assert asked == [(1 - JITTER, 1 + JITTER)]
    # Twenty seconds of work: of a hundred times as long, or it is more than the budget.
    long = pause(None, 20.0, least)
    assert 20.0 / (long + 20.0) == pytest.approx(BUDGET)
    # Who asks for a time gets it.
    assert pause(1.0, 20.0, least) == pytest.approx(1 - JITTER)


def test_one_scan_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ksonde.Device", Kernel, raising=False)
    assert scan_all() == []
    Kernel.findings, Kernel.callbacks = [SLOT], [CALLBACK]
    assert [finding.event for finding in scan_all()] == [701, 705]
