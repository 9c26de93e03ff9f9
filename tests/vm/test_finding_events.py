# SPDX-License-Identifier: GPL-2.0-only
"""What scans find, as records: once when it comes, once when it goes, and nothing in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

import pytest

import bpf
import ksonde
from acting import Between, assert_fields, fixture, load, unload
from ksonde import integrity, lsm_hooks
from ksonde.encoder import encode
from ksonde.inspection import Finding
from ksonde.record import Record
from ksonde.scanner import EVENTS, Scanner
from tracing import TRACING, probed, traced

KSONDE = [sys.executable, "-m", "ksonde"]
#: Seconds that a finding may take to be told, under emulation and load.
PATIENCE = 120.0
FOUND, ALL_CLEAR, CAME, WENT = 1, 2, 3, 4
ARMED = ("armed", "degraded")


def boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


class Scanned:
    """A session whose scanner looks all the time."""

    def __init__(self, *events: str) -> None:
        with ksonde.Device() as device:
            self.schema = device.schema()
        found = [event.name for event in self.schema.events.values() if event.id in EVENTS]
        self.session = ksonde.open([*found, *events])
        self.scanner = Scanner(self.session, 0.05)

    def __enter__(self) -> Scanned:
        self.scanner.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.scanner.__exit__()
        self.session.close()

    def next(self, count: int = 1) -> list[Record]:
        """The next records; there are no more than these, also after two more scans."""
        records: list[Record] = []

        def enough() -> bool:
            records.extend(self.scanner.take())
            return len(records) >= count

        until(enough)
        self.settle()
        records += self.scanner.take()
        assert len(records) == count, records
        return records

    def mechanisms(self, *names: str) -> list[str]:
        """Those of these by which a hook is armed."""
        return sorted(
            {hook.mechanism for hook in self.session.device.hooks() if hook.state in ARMED} & {*names}
        )

    def settle(self) -> None:
        """Two whole scans."""
        scans = self.scanner.scans
        until(lambda: self.scanner.scans >= scans + 3)


@contextmanager
def attached(hook: str) -> Iterator[None]:
    """A BPF program that allows all is attached to an LSM hook."""
    with bpf.program(bpf.LSM_PROGRAM, bpf.LSM_MAC, f"bpf_lsm_{hook}") as program, bpf.attached(program):
        yield


def test_found_and_all_clear() -> None:
    begin = boottime()
    with Scanned() as scanned:
        scanned.settle()
        assert scanned.scanner.take() == []
        with fixture("syscall", "table=sys_call_table", "number=110"):
            (record,) = scanned.next()
            address = symbol("ksonde_syscall_wrapper")
            expected = {
                "state": FOUND,
                "part": "syscalls",
                "where": "sys_call_table[110]",
                "what": "the slot has no function of a system call",
                "symbol": "ksonde_syscall_wrapper",
                "symbol_offset": 0,
                "module": "ksonde_syscall",
                "in_kernel": 0,
                "address": address,
                "first_seen": Between(begin, boottime()),
            }
            assert (record.event, record.id, record.hook) == ("syscall_table_hook", 701, None)
            assert record.time == Between(record.first_seen, boottime())
            assert_fields(scanned.schema, record, expected)
            assert scanned.scanner.present == 1
        (gone,) = scanned.next()
        assert gone.event == "syscall_table_hook"
        assert_fields(scanned.schema, gone, {**expected, "state": ALL_CLEAR, "first_seen": record.first_seen})
        assert scanned.scanner.present == 0


def symbol(name: str) -> int:
    lines = (line.split() for line in Path("/proc/kallsyms").read_text().splitlines())
    return next(int(address, 16) for address, _kind, found, *_module in lines if found == name)


def test_every_part_becomes_its_event() -> None:
    with Scanned() as scanned:
        with fixture("idt"):
            (record,) = scanned.next()
            assert (record.event, record.where, record.module) == ("idt_hook", "gate 5", "ksonde_idt")
        assert [gone.state for gone in scanned.next()] == [ALL_CLEAR]
        hide = Path("/sys/module/ksonde_hidden/parameters/hide")
        with fixture("hidden"):
            hide.write_text("1")
            try:
                (record,) = scanned.next()
                assert (record.event, record.where) == ("hidden_module", "module ksonde_hidden")
                assert (record.symbol, record.in_kernel, record.address) == (None, None, None)
            finally:
                hide.write_text("0")
            assert [gone.state for gone in scanned.next()] == [ALL_CLEAR]


def test_a_callback_of_a_module() -> None:
    with Scanned() as scanned:
        scanned.settle()
        begin = boottime()
        with fixture("lsm", "lsm=nobody"):
            (record,) = scanned.next()
            expected = {
                "state": FOUND,
                "part": "lsm",
                "where": "task_getscheduler",
                "what": "a callback of module ksonde_lsm, which is no LSM of the kernel",
                "symbol": "ksonde_lsm_callback",
                "symbol_offset": 0,
                "module": "ksonde_lsm",
                "in_kernel": 0,
                "address": symbol("ksonde_lsm_callback"),
                "first_seen": Between(begin, boottime()),
                # The first of a list, or (v6.12) behind the BPF LSM's static call.
                "position": int("static_calls_table" in Path("/proc/kallsyms").read_text()),
                "lsm": "nobody",
            }
            assert record.event == "lsm_hook"
            assert_fields(scanned.schema, record, expected)
        (gone,) = scanned.next()
        assert (gone.event, gone.state, gone.where) == ("lsm_hook", ALL_CLEAR, "task_getscheduler")


def test_a_bpf_program_is_told_and_is_no_finding() -> None:
    if "bpf" not in Path("/sys/kernel/security/lsm").read_text().split(","):
        pytest.skip("cannot run here: this kernel was not booted with the LSM bpf")
    with Scanned() as scanned:
        scanned.settle()
        with attached("task_getscheduler"):
            (record,) = scanned.next()
            assert (record.event, record.state, record.where) == ("lsm_hook", CAME, "task_getscheduler")
            assert record.what == "BPF programs are attached to it, as the kernel lets them"
            assert (record.symbol, record.lsm) == ("bpf_lsm_task_getscheduler", "bpf")
            assert scanned.scanner.present == 0
        (record,) = scanned.next()
        assert (record.event, record.state, record.where) == ("lsm_hook", WENT, "task_getscheduler")


def test_what_was_there_before_the_first_scan() -> None:
    with fixture("lsm"), Scanned() as scanned:
        (record,) = scanned.next()
        assert (record.event, record.state, record.symbol) == ("lsm_hook", FOUND, "ksonde_lsm_callback")


def test_a_record_of_each_event() -> None:
    """The rows are the driver's, the records this side's: both must mean the same bytes."""
    with Scanned() as scanned:
        for event in scanned.schema.events.values():
            if event.id not in EVENTS:
                continue
            values: dict[str, Any] = {
                field.name: f"{field.name} {event.name}" if field.type == "str" else 1 + number
                for number, field in enumerate(event.fields)
            }
            record = scanned.session.decode(encode(event, values, 4711))
            assert (record.event, record.time, record.absent) == (event.name, 4711, 0)
            assert_fields(scanned.schema, record, values)


def test_the_agent(tmp_path: Path) -> None:
    """By the command: what it writes, and who may not see addresses."""
    path = tmp_path / "events.jsonl"
    words = ["agent", "-o", str(path), "--event", "syscall_table_hook,sensor_tamper,setsid", "--scan-every"]
    agent = subprocess.Popen([*KSONDE, *words, "100ms"], stderr=subprocess.PIPE, text=True)

    def found() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in lines if line["event"] == "syscall_table_hook"]

    try:
        with fixture("syscall", "table=sys_call_table", "number=110"), fixture("idt"):
            until(lambda: len(found()) == 1)
        until(lambda: len(found()) > 1)
        time.sleep(2)
    finally:
        agent.send_signal(signal.SIGTERM)
        _out, err = agent.communicate()
    assert agent.returncode == 0, err
    # The gate is not among the events that it was asked for.
    assert [line["data"]["state"] for line in found()] == [FOUND, ALL_CLEAR]
    assert {line["event"] for line in map(json.loads, path.read_text().splitlines())} <= {
        "agent",
        "session_state",
        "syscall_table_hook",
    }


def test_never_means_never() -> None:
    command = [*KSONDE, "watch", "--json", "--event", "idt_hook", "--scan-every", "0", "--for", "3s"]
    with fixture("idt"):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == ""
        command[command.index("0")] = "100ms"
        command[-1] = "20s"
        done = subprocess.run([*command, "--count", "1"], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["data"]["where"] == "gate 5"


# ------------------------------------------------------------- the sensor itself


def sensor(records: list[Record]) -> list[tuple[str, str, int]]:
    assert {record.event for record in records} == {"sensor_tamper"}
    return sorted((record.where, record.what, record.state) for record in records)


@pytest.mark.parametrize(
    ("words", "where", "what"),
    [
        (["what=tracepoint", "target=task_newtask"], "(tracepoint task_newtask)", "it was unregistered"),
        (["what=kprobe", "target=__x64_sys_setsid"], "hook setsid (syscall setsid)", "it was disabled"),
        (["what=ftrace"], "", "it was unregistered"),
    ],
)
def test_a_probe_that_was_disarmed(words: list[str], where: str, what: str) -> None:
    with Scanned("chmod", "setsid", "fork", "create_file") as scanned:
        scanned.settle()
        assert scanned.scanner.take() == []
        with fixture("disarm", *words):
            ((told_where, told_what, state),) = sensor(scanned.next())
            assert told_where.endswith(where)
            assert (told_what, state) == (what, FOUND)
        assert [gone[2] for gone in sensor(scanned.next())] == [ALL_CLEAR]
        assert scanned.scanner.present == 0


@pytest.mark.parametrize("what", ["tracepoint", "kprobe", "ftrace"])
def test_a_session_ends_whose_probe_is_gone(what: str) -> None:
    """Without a warning of the kernel; the next one has all of its probes."""
    target = {"tracepoint": ["target=task_newtask"], "kprobe": ["target=__x64_sys_setsid"]}
    events = ["chmod", "setsid", "fork", "create_file"]
    with ksonde.open(events), fixture("disarm", f"what={what}", "leave=1", *target.get(what, [])):
        pass
    with ksonde.open(events):
        part = next(part for part in integrity.scan(whole=False) if part.name == "sensor")
        assert (part.findings, part.why) == ((), "")


@contextmanager
def switched(path: Path) -> Iterator[None]:
    before = path.read_text()
    try:
        path.write_text("0")
    except OSError as error:
        pytest.skip(
            f"cannot run here: this kernel does not let {path.name} be switched off ({error.strerror})"
        )
    try:
        yield
    finally:
        path.write_text(before)


def test_ftrace_is_switched_off() -> None:
    with Scanned("chmod", "setsid") as scanned:
        scanned.settle()
        with switched(Path("/proc/sys/kernel/ftrace_enabled")):
            # One for all hooks, and one for each mechanism of functions that is used.
            mechanisms = scanned.mechanisms("ftrace", "kretprobe", "syscall", "kprobe", "fexit")
            assert len(mechanisms) > 1
            assert sensor(scanned.next(1 + len(mechanisms))) == [
                ("ftrace", "it was switched off for all", FOUND),
                *((f"mechanism {name}", "its canary was not heard", FOUND) for name in mechanisms),
            ]
        assert {gone[2] for gone in sensor(scanned.next(1 + len(mechanisms)))} == {ALL_CLEAR}


def test_all_kprobes_are_disarmed() -> None:
    debugfs = Path("/sys/kernel/debug")
    if not (debugfs / "kprobes").exists():
        subprocess.run(["mount", "-t", "debugfs", "debugfs", debugfs], check=True)
    with Scanned("setsid") as scanned:
        scanned.settle()
        with switched(debugfs / "kprobes/enabled"):
            assert sensor(scanned.next(2)) == [
                ("kprobes", "all of them were disarmed", FOUND),
                ("mechanism syscall", "its canary was not heard", FOUND),
            ]
        assert [gone[2] for gone in sensor(scanned.next(2))] == [ALL_CLEAR] * 2


def test_the_canary_of_sys_exit() -> None:
    """It is the scans' own calls, so that the second one can tell."""
    assert unload() == 0
    assert load(b"prefer=sys_exit") == 0
    try:
        with ksonde.open(["setsid"]) as session:
            hook = {hook.name: hook for hook in session.device.hooks()}["setsid"]
            assert hook.mechanism == "sys_exit"

            def wrong() -> list[str]:
                part = next(part for part in integrity.scan(whole=False) if part.name == "sensor")
                return [f"{finding.where}: {finding.what}" for finding in part.findings]

            assert [wrong() for _ in range(3)] == [[]] * 3
            with fixture("disarm", "what=tracepoint", "target=sys_exit"):
                # The call of the scan before was heard.
                assert [said for said in wrong() if "canary" in said] == []
                assert wrong() == [
                    "mechanism sys_exit: its canary was not heard",
                    "hook setsid (sys_exit setsid): it was unregistered",
                ]
            wrong()
            assert wrong() == []
    finally:
        assert unload() == 0
        assert load() == 0


def test_all_mechanisms_are_whole() -> None:
    """With all events: each mechanism is asked, and has nothing to say."""
    with ksonde.Device() as device:
        events = list(device.schema().events)
    with ksonde.open([name for name in events if name not in ("lost", "session_state")]) as session:
        armed = sum(hook.state in ARMED for hook in session.device.hooks())
        part = next(part for part in integrity.scan(whole=False) if part.name == "sensor")
        assert (part.findings, part.why) == ((), "")
        assert armed <= part.checked <= armed + 3
    part = next(part for part in integrity.scan(whole=False) if part.name == "sensor")
    assert (part.findings, part.checked) == ((), 0)
    assert part.why == "nothing is armed, as no session is started"


# ------------------------------------------------------------------ no finding


def everything(device: ksonde.Device) -> list[Finding]:
    found = [finding for part in integrity.scan(device, whole=False) for finding in part.findings]
    hooks = lsm_hooks.Hooks.parse(device.inspect(ksonde.uapi.Inspect.LSM))
    return found + hooks.findings(lsm_hooks.booted())


def test_200_scans_under_load() -> None:
    """ftrace on, kprobe events on, files being opened, sessions that come and go."""
    if not (TRACING / "kprobe_events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True)
    end = threading.Event()

    def churn() -> None:
        while not end.is_set():
            for _ in range(50):
                os.close(os.open("/dev/null", os.O_RDONLY))
            with ksonde.open(["setsid", "execve"]):
                subprocess.run(["true"], check=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with traced("do_sys_openat2"), probed(["do_sys_openat2"]), ksonde.open(), ksonde.Device() as device:
            begin = time.monotonic()
            scans = 0
            while scans < 200 and (scans < 20 or time.monotonic() - begin < 60):
                assert everything(device) == []
                scans += 1
        print(f"{scans} scans in {time.monotonic() - begin:.1f} s")
    finally:
        end.set()
        thread.join()
