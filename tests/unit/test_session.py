# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import errno
import linecache
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

import pytest

import ksonde
from fake_driver import FakeDriver
from fakes import REASONS
from ksonde import Limit, PortScan, Rule, errors, uapi
from ksonde import ring as ring_module
from ksonde import session as session_module
from ksonde.record import Record
from support import build_record


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    driver = FakeDriver()
    monkeypatch.setattr("ksonde.node.Node", driver.open)
    return driver


def exit_record(time: int, cpu: int = 0) -> bytes:
    return build_record("exit", {"code": time}, {"tgid": 7, "exe": "/bin/true"}, time=time, cpu=cpu, seq=time)


def lost_record(count: int, time: int = 0) -> bytes:
    return build_record("lost", {"lost_event": 60, "reason": 0, "count": count}, time=time)


# ----------------------------------------------------------------- opening --


def test_the_defaults(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        assert session.started
        assert session.events == session.device.schema().profile("D")
        events = session.device.schema().events
        assert driver.events == {one.id for one in events.values() if one.profile == "D"} > {42, 59}
        assert (driver.setup.mode, driver.setup.bytes) == (uapi.RingMode.LOSSLESS_COUNT, 4 << 20)
        assert (driver.setup.watermark, driver.setup.latency_ns) == (0, 10_000_000)
        assert (driver.filter.flags, driver.filter.skip_tgid) == (uapi.FilterFlag.SKIP_TGID, os.getpid())
        assert session.cpus == (0, 1)
        assert session.fileno() == 99
    assert not driver.nodes


def test_the_options(driver: FakeDriver) -> None:
    with ksonde.open(
        ["exit", "connect", "exit"],
        ring_bytes=1 << 16,
        mode="flight-recorder",
        watermark=4096,
        latency=0.5,
        follow=1,
        skip_self=False,
        start=False,
    ) as session:
        assert not session.started
        assert session.events == ("exit", "connect")
        assert driver.events == {60, 42}
        assert (driver.setup.mode, driver.setup.bytes) == (uapi.RingMode.FLIGHT_RECORDER, 1 << 16)
        assert (driver.setup.watermark, driver.setup.latency_ns) == (4096, 500_000_000)
        assert (driver.filter.flags, driver.filter.tree_tgid) == (uapi.FilterFlag.TREE, 1)
        assert "START" not in driver.calls


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"events": ["connect", "conect"]}, errors.UnknownEvent, "there is no event 'conect'"),
        ({"events": []}, errors.KsondeError, "no events were asked for"),
        ({"ring_bytes": 100_000}, errors.KsondeError, "no ring of 100000 bytes"),
        ({"mode": "loop"}, errors.KsondeError, "no ring mode 'loop'"),
        ({"follow": 999_999_999}, errors.NoSuchProcess, "no process 999999999"),
    ],
)
def test_bad_options_leave_nothing_open(
    driver: FakeDriver, options: dict[str, Any], error: type[errors.KsondeError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        ksonde.open(**options)
    assert caught.value.hint
    assert not driver.nodes


def test_too_many_sessions(driver: FakeDriver) -> None:
    driver.info["max_sessions"] = 1
    with ksonde.open(), pytest.raises(errors.TooManySessions):
        ksonde.open()


def test_a_newer_schema(driver: FakeDriver) -> None:
    driver.text = driver.text.replace(b'"u16"', b'"u17"')
    with pytest.raises(errors.SchemaTooNew):
        ksonde.open()
    assert not driver.nodes


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (errno.ENOMEM, errors.KsondeError, "no memory for 2 rings"),
        (errno.ESRCH, errors.NoSuchProcess, "no process 1"),
        (errno.EIO, errors.DriverError, "START"),
    ],
)
def test_a_start_that_fails(
    driver: FakeDriver, number: int, error: type[errors.KsondeError], message: str
) -> None:
    driver.fail[uapi.Ioctl.START] = number
    with pytest.raises(error, match=message):
        ksonde.open(follow=1)
    assert not driver.nodes


@pytest.mark.parametrize("request_", [uapi.Ioctl.SET_RING, uapi.Ioctl.SET_FILTER, uapi.Ioctl.CPU_STATS])
def test_an_error_that_nobody_expects_passes(driver: FakeDriver, request_: uapi.Ioctl) -> None:
    driver.fail[request_] = errno.EIO
    with pytest.raises(errors.DriverError, match=request_.name):
        ksonde.open()
    assert not driver.nodes


def test_numbers_of_cpus_may_be_missing(driver: FakeDriver) -> None:
    driver.cpus = [0, 3]
    with ksonde.open() as session:
        assert session.cpus == (0, 3)
        driver.put(3, exit_record(1, cpu=3))
        assert [record.cpu for record in session.read(0)] == [3]


# ----------------------------------------------------------------- reading --


def test_read(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        assert session.read(0) == []
        driver.put(0, exit_record(3))
        driver.put(1, exit_record(2, cpu=1))
        driver.put(0, exit_record(5))
        records = session.read(None)
        assert [record.code for record in records] == [2, 3, 5]
        assert records[0].exe == "/bin/true"
        assert session.read(0) == []
        assert driver.rings[0].unread == 0


def test_read_waits(driver: FakeDriver) -> None:
    def on_poll() -> None:
        if not driver.rings[0].head:
            driver.put(0, exit_record(1))

    driver.on_poll = on_poll
    with ksonde.open() as session:
        assert [record.code for record in session.read(10)] == [1]
        assert session.read(0.01) == []


def test_read_raw(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        assert session.read_raw(0) == []
        raws = [exit_record(1), lost_record(5, 2), exit_record(3)]
        for raw in raws:
            driver.put(0, raw)
        assert session.read_raw(0) == raws
        assert session.lost == 5
        driver.put(0, raws[0])
        driver.put(0, raws[2])
        assert next(iter(session)).code == 1
        assert session.read_raw(0) == raws[2:]
        assert session.read_raw(0) == []


def test_lost_is_the_sum(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        assert session.lost == 0
        driver.put(0, lost_record(7))
        driver.put(0, lost_record(1))
        assert len(session.read(0)) == 2
        assert session.lost == 8
        driver.put(0, lost_record(2))
        session.read(0)
        assert session.lost == 10


def test_iteration_ends_when_the_session_is_stopped(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        for number in range(4):
            driver.put(0, exit_record(number))
        seen = []
        for record in session:
            seen.append(record.code)
            if record.code == 2:
                session.stop()
        assert seen == [0, 1, 2, 3]
        session.stop()
        assert driver.calls.count("STOP") == 1
        assert session.read(None) == []


def test_a_loop_can_be_left_and_taken_up_again(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        for number in range(5):
            driver.put(0, exit_record(number))
        for record in session:
            if record.code == 1:
                break
        assert next(iter(session)).code == 2
        assert [record.code for record in session.read(0)] == [3, 4]


def test_a_bad_record(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        driver.put(0, exit_record(1)[:4] + b"\1\1" + exit_record(1)[6:])
        with pytest.raises(errors.BadRecord, match="event 257"):
            session.read(0)


def test_more_than_is_taken_at_once(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "TAKE_MAX", 1000)
    with ksonde.open() as session:
        for number in range(50):
            driver.put(number % 2, exit_record(number, cpu=number % 2))
        found: list[int] = []
        while records := session.read(0):
            found += [record.code for record in records]
        assert found == list(range(50))


def test_a_flight_recorder_is_read_when_it_is_stopped(driver: FakeDriver) -> None:
    with ksonde.open(mode="flight-recorder", ring_bytes=1 << 16) as session:
        for number in range(1000):
            assert driver.put(0, exit_record(number))
        with pytest.raises(errors.Busy, match="being written") as caught:
            session.read(0)
        assert "stop()" in caught.value.hint
        session.stop()
        found: list[int] = []
        while records := session.read(0):
            found += [record.code for record in records]
        assert found[-1] == 999
        assert found == list(range(found[0], 1000))
        assert 0 < found[0] < 1000


def test_start_again(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        driver.put(0, lost_record(3))
        session.read(0)
        driver.put(0, exit_record(1))
        with pytest.raises(errors.Busy, match="records already"):
            session.start()
        session.stop()
        session.start()
        assert session.read(0) == []
        driver.put(0, exit_record(2))
        assert [record.code for record in session.read(0)] == [2]
        assert session.lost == 3


@pytest.mark.usefixtures("driver")
def test_before_the_start_and_after_the_end() -> None:
    session = ksonde.open(start=False)
    with pytest.raises(errors.Busy, match="not started"):
        session.read(0)
    session.start()
    session.close()
    session.close()
    for use in (session.read, session.read_raw, session.fileno, session.stats, lambda: next(iter(session))):
        with pytest.raises(errors.SessionClosed):
            use()
    session.stop()
    assert not session.started


# -------------------------------------------------------------- interrupts --


class Interrupted(Exception):
    """What a signal's handler raises."""


def fill(driver: FakeDriver) -> list[int]:
    """Six records and a LOST one, which is -1; what is to be read."""
    for number in range(6):
        driver.put(number % 2, exit_record(number, cpu=number % 2))
    driver.put(0, lost_record(4, 6))
    return [0, 1, 2, 3, 4, 5, -1]


def number_of(record: Record) -> int:
    return -1 if record.id == uapi.LOST else record.seq


def read_two_and_the_rest(session: ksonde.Session, found: list[Record]) -> None:
    for record in session:
        found.append(record)
        if len(found) == 2:
            break
    found += session.read(0)


def interrupt_at(at: int) -> Any:
    """A trace function that raises at the at-th line of the session and the rings.

    Lines that return or yield are left out: CPython looks for signals at calls, at the begin of functions and
    at the end of loops, and between those lines and the ones before them there is nothing of the kind.
    """
    lines = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal lines
        if frame.f_code.co_filename not in (session_module.__file__, ring_module.__file__):
            return None
        source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and not source.startswith(("return", "yield")):
            lines += 1
            if lines == at:
                raise Interrupted
        return trace

    return trace


def test_an_interrupt_loses_nothing_wherever_it_comes(driver: FakeDriver) -> None:
    interrupted, at = True, 0
    while interrupted:
        at += 1
        with ksonde.open(ring_bytes=1 << 16) as session:
            expected = fill(driver)
            found: list[Record] = []
            before = sys.gettrace()
            sys.settrace(interrupt_at(at))
            try:
                read_two_and_the_rest(session, found)
                interrupted = False
            except Interrupted:
                pass
            finally:
                sys.settrace(before)
            session.stop()
            found += session
            assert [number_of(record) for record in found] == expected, at
            assert session.lost == 4
    assert at > 30


def test_signals_lose_nothing(driver: FakeDriver) -> None:
    def handler(*_: object) -> None:
        raise Interrupted

    driver.on_poll = lambda: time.sleep(5)
    tracer = sys.gettrace()
    sys.settrace(None)  # coverage's own locks do not stand interrupts
    before = signal.signal(signal.SIGALRM, handler)
    try:
        for round_ in range(60):
            with ksonde.open(ring_bytes=1 << 16) as session:
                expected = fill(driver)
                found: list[Record] = []
                with suppress(Interrupted):
                    signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + 4 * round_))
                    for record in session:
                        found.append(record)  # noqa: PERF402 - not all at once
                driver.on_poll, sleep = None, driver.on_poll
                session.stop()
                found += session
                assert [number_of(record) for record in found] == expected, round_
                driver.on_poll = sleep
    finally:
        signal.signal(signal.SIGALRM, before)
        sys.settrace(tracer)


# ------------------------------------------------------ filters, statistics --


def test_filters(driver: FakeDriver) -> None:
    with ksonde.open() as session:
        session.follow(1)
        assert driver.filter.flags == uapi.FilterFlag.TREE | uapi.FilterFlag.SKIP_TGID
        session.skip(None)
        assert (driver.filter.flags, driver.filter.tree_tgid) == (uapi.FilterFlag.TREE, 1)
        with pytest.raises(errors.NoSuchProcess) as caught:
            session.follow(999_999_999)
        assert caught.value.tgid == 999_999_999
        session.skip(12)
        assert (driver.filter.tree_tgid, driver.filter.skip_tgid) == (1, 12)
        session.follow(None)
        assert driver.filter.flags == uapi.FilterFlag.SKIP_TGID


def test_stats(driver: FakeDriver) -> None:
    driver.stats = {"produced": 10, "delivered": 6, "dropped": [1, 2, 0, 1], "filtered": 3, "lost_records": 2}
    with ksonde.open() as session:
        stats = session.stats()
        assert stats.started
        assert (stats.produced, stats.delivered, stats.filtered, stats.lost_records) == (10, 6, 3, 2)
        assert stats.dropped == dict(zip(REASONS, (1, 2, 0, 1, 0, 0)))
        event = session.event_stats("exit")
        assert (event.event, event.produced, event.delivered) == ("exit", 9, 5)
        assert event.dropped == dict(zip(REASONS, (4, 3, 2, 1, 5, 6)))
        with pytest.raises(errors.UnknownEvent):
            session.event_stats("exits")
        driver.put(1, exit_record(1))
        cpu = session.cpu_stats(1)
        assert (cpu.cpu, cpu.position, cpu.bytes, cpu.dropped) == (1, 0, 4 << 20, 0)
        assert cpu.head == len(exit_record(1))
        assert cpu.fill == cpu.head / (4 << 20)
        assert ksonde.CpuStats(0, 10, 0, 0, 0).fill == 0
        with pytest.raises(errors.DriverError):
            session.cpu_stats(9)


# -------------------------------------------------------------------- rules --


def test_rules(driver: FakeDriver) -> None:
    first = Rule("exclude", ("connect", "exit"), uid=33, exe_prefix="/usr/bin/\udcff")
    with ksonde.open(["connect", "exit"], rules=[first]) as session:
        (rule,) = driver.rules
        assert (rule.action, rule.match, rule.uid) == (uapi.RuleAction.EXCLUDE, 0x09, 33)
        assert rule.exe[: rule.exe_length] == b"/usr/bin/\xff"
        assert [number for number in range(1024) if rule.events[number // 64] >> number % 64 & 1] == [42, 60]
        second = [Rule("include", process=None, mnt_ns=1, pid_ns=2, cgroup=3), Rule("exclude", exe="/a")]
        session.set_rules(second)
        assert [(r.action, r.match, r.mnt_ns, r.pid_ns, r.cgroup) for r in driver.rules] == [
            (1, 0x70, 1, 2, 3),
            (0, 0x04, 0, 0, 0),
        ]
        assert session.rules == tuple(second)
        driver.rule_records = {0: 5, 1: 6, uapi.RULE_NONE: 7}
        decided = [(one.rule, one.records) for one in session.rule_stats()]
        assert decided == [(second[0], 5), (second[1], 6), (None, 7)]
        with pytest.raises(errors.BadRule):
            session.set_rules([Rule("exclude", exe="a")])
        with pytest.raises(errors.UnknownEvent):
            session.set_rules([Rule("exclude", ("conect",))])
        assert session.rules == tuple(second)
        assert len(driver.rules) == 2
        session.set_rules([])
        assert (session.rules, driver.rules, session.rule_stats()) == ((), [], [])


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOTTY, "knows no rules"), (errno.EOPNOTSUPP, "no cgroups"), (errno.EIO, "SET_RULES")],
)
def test_rules_that_the_driver_refuses(driver: FakeDriver, number: int, message: str) -> None:
    with ksonde.open(["connect"], rules=[Rule("exclude", uid=1)]) as session:
        driver.fail[uapi.Ioctl.SET_RULES] = number
        with pytest.raises(errors.KsondeError, match=message):
            session.set_rules([Rule("exclude", cgroup=7)])
        assert session.rules == (Rule("exclude", uid=1),)


def test_without_rules_an_older_driver_is_not_asked(driver: FakeDriver) -> None:
    with ksonde.open(["connect"]):
        assert "SET_RULES" not in driver.calls
        assert "SET_LIMITS" not in driver.calls
        assert "SET_PORT_SCAN" not in driver.calls


def test_limits(driver: FakeDriver) -> None:
    first = Limit(("connect", "exit"), per_second=500, per_process=20)
    with ksonde.open(["connect", "exit"], limits=[first]) as session:
        assert driver.limits == [(42, 500, 20), (60, 500, 20)]
        second = (Limit(("exit",), per_process=1), Limit(("connect",), per_second=100000))
        session.set_limits(second)
        assert driver.limits == [(60, 0, 1), (42, 100000, 0)]
        with pytest.raises(errors.BadLimit):
            session.set_limits([Limit(("exit",))])
        with pytest.raises(errors.UnknownEvent):
            session.set_limits([Limit(("conect",), 1)])
        for number, message in ((errno.ENOTTY, "knows no limits"), (errno.EIO, "SET_LIMITS")):
            driver.fail[uapi.Ioctl.SET_LIMITS] = number
            with pytest.raises(errors.KsondeError, match=message):
                session.set_limits([first])
        assert session.limits == second
        session.set_limits([])
        assert not driver.limits
    with ksonde.open(["connect"], limits=[first]) as session:
        session.set_limits([])
        assert not session.limits


def test_networks(driver: FakeDriver) -> None:
    rules = [
        Rule("exclude", ("connect",), network="192.0.2.128/25"),
        Rule("include", ("connect",), network="2001:db8::/33"),
    ]
    with ksonde.open(["connect"], rules=rules):
        pass
    four, six = ((r.match, r.family, r.prefix, r.network) for r in driver.rules)
    assert four == (0x100, socket.AF_INET, 25, bytes([192, 0, 2, 128]) + bytes(12))
    assert six == (0x100, socket.AF_INET6, 33, bytes.fromhex("20010db8") + bytes(12))


def test_port_scan(driver: FakeDriver) -> None:
    with ksonde.open(["port_scan"], port_scan=PortScan(ports=5, loopback=False)) as session:
        assert driver.port_scan == (9, 5, 0, 0, 0)
        second = PortScan(hosts=0, window=86400, loopback=True)
        session.set_port_scan(second)
        assert driver.port_scan == (14, 0, 0, 86400, 1)
        with pytest.raises(errors.BadPortScan, match="ports is 1, not from 2 to 32"):
            session.set_port_scan(PortScan(ports=1))
        for number, message in ((errno.ENOTTY, "one port_scan for all"), (errno.EIO, "SET_PORT_SCAN")):
            driver.fail[uapi.Ioctl.SET_PORT_SCAN] = number
            with pytest.raises(errors.KsondeError, match=message):
                session.set_port_scan(PortScan())
        assert session.port_scan == second
    with ksonde.open(["connect"], port_scan=PortScan()) as session:
        assert driver.port_scan == (0, 0, 0, 0, 0)
        with pytest.raises(errors.BadPortScan, match="does not record port_scan"):
            session.set_port_scan(second)
