# SPDX-License-Identifier: GPL-2.0-only
"""Is this kernel still the one that was booted: ksonde scan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import ksonde
from acting import NO_IMAGE, TESTS, fixture
from ksonde import integrity

SCAN = [sys.executable, "-m", "ksonde", "scan", "--image", NO_IMAGE]
KALLSYMS = Path("/proc/kallsyms")
#: Tables that this kernel has; a switch has taken the place of the compat ones in newer ones.
TABLES = [
    table
    for table in ("sys_call_table", "ia32_sys_call_table")
    if os.geteuid() == 0 and f" {table}\n" in KALLSYMS.read_text()
]
PARTS = [
    "syscalls",
    "idt",
    "modules",
    "entries",
    "baseline",
    "registers",
    "processes",
    "fops",
    "inventory",
    "sensor",
    "shown_processes",
    "shown_modules",
    "shown_sockets",
    "text",
    "module_text",
]
#: getppid
NUMBERS = {"sys_call_table": 110, "ia32_sys_call_table": 64}


def scan() -> tuple[int, dict[str, Any]]:
    done = subprocess.run([*SCAN, "--json"], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, {part["name"]: part for part in json.loads(done.stdout)["parts"]}


def findings() -> list[Any]:
    """Findings of all parts."""
    return [finding for part in integrity.scan(image=NO_IMAGE) for finding in part.findings]


def only(parts: dict[str, Any], name: str) -> dict[str, Any]:
    """The only finding, in that part."""
    (finding,) = parts[name]["findings"]
    # What user space is not shown is told once more.
    others = [part["name"] for part in parts.values() if part["findings"] and part["name"] != name]
    assert others in ([], [f"shown_{name}"])
    assert isinstance(finding, dict)
    return finding


def symbols() -> dict[str, int]:
    lines = (line.split() for line in KALLSYMS.read_text().splitlines())
    return {name: int(address, 16) for address, _kind, name, *_module in lines}


def test_a_clean_kernel_has_no_finding() -> None:
    # The kernel loads modules for who asks it for sockets the first time.
    scan()
    code, parts = scan()
    assert (code, sorted(parts)) == (0, sorted(PARTS))
    # Nobody has a session.
    assert parts.pop("sensor")["checked"] == 0
    for name, part in parts.items():
        # No image is looked at here: test_scan_text.py.
        said = part["why"] if name not in ("text", "module_text", "baseline") else ""
        assert (part["findings"], said) == ([], "")
    assert parts["syscalls"]["checked"] > 400
    assert parts["idt"]["checked"] > 100
    listed = len(Path("/proc/modules").read_text().splitlines())
    assert parts["modules"]["checked"] == listed


def test_command() -> None:
    done = subprocess.run(SCAN, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == PARTS
    assert done.stdout.count("nothing found") == len(PARTS)


@pytest.mark.parametrize("table", TABLES)
def test_a_slot_of_a_table_of_system_calls(table: str) -> None:
    with fixture("syscall", f"table={table}", f"number={NUMBERS[table]}"):
        assert os.getppid() > 0
        code, parts = scan()
        assert code == 3
        finding = only(parts, "syscalls")
        assert (finding["event"], finding["where"]) == (701, f"{table}[{NUMBERS[table]}]")
        place = finding["place"]
        assert int(place["address"], 16) == symbols()["ksonde_syscall_wrapper"]
        assert (place["symbol"], place["offset"]) == ("ksonde_syscall_wrapper", 0)
        assert (place["module"], place["kernel"]) == ("ksonde_syscall", False)
    assert scan()[0] == 0


def test_a_gate() -> None:
    with fixture("idt"):
        code, parts = scan()
        assert code == 3
        finding = only(parts, "idt")
        assert (finding["event"], finding["where"]) == (703, "gate 5")
        place = finding["place"]
        assert int(place["address"], 16) == symbols()["ksonde_idt_handler"]
        assert (place["symbol"], place["module"]) == ("ksonde_idt_handler", "ksonde_idt")
    assert scan()[0] == 0


def test_a_module_that_hides() -> None:
    hide = Path("/sys/module/ksonde_hidden/parameters/hide")
    with fixture("hidden"):
        assert scan()[0] == 0
        hide.write_text("1")
        try:
            assert "ksonde_hidden" not in Path("/proc/modules").read_text()
            code, parts = scan()
        finally:
            hide.write_text("0")
        assert code == 3
        finding = only(parts, "modules")
        assert (finding["event"], finding["where"]) == (702, "module ksonde_hidden")
        assert finding["what"] == "a module has memory, but is not in the list of modules"
        assert scan()[0] == 0


def test_a_module_that_hides_in_sysfs_too() -> None:
    """Its memory is all that is left of it."""
    folder = Path("/sys/module/ksonde_hidden")
    with fixture("hidden", "deep=1"):
        assert scan()[0] == 0
        with (folder / "parameters/hide").open("w", buffering=1) as hide:
            hide.write("1\n")
            try:
                assert "ksonde_hidden" not in Path("/proc/modules").read_text()
                assert folder.name not in os.listdir(folder.parent)
                code, parts = scan()
            finally:
                hide.write("0\n")
        assert folder.name in os.listdir(folder.parent)
        assert code == 3
        finding = only(parts, "modules")
        assert (finding["event"], finding["where"]) == (702, "module ksonde_hidden")
        assert finding["what"] == "a module has memory, but is not in the list of modules"
        assert scan()[0] == 0
    assert scan()[0] == 0


@pytest.fixture
def tracefs() -> Path:
    where = Path("/sys/kernel/tracing")
    if not (where / "kprobe_events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", where], check=True)
    return where


def probed(tracefs: Path, offset: int) -> bool:
    """A kprobe in the switch of system calls; False: the kernel refuses it, no instruction begins there."""
    try:
        # What Python opens to append it also seeks the end of.
        events = os.open(tracefs / "kprobe_events", os.O_WRONLY | os.O_APPEND)
        with open(events, "w") as file:
            file.write(f"p:ksonde/at{offset} x64_sys_call+{offset}\n")
        (tracefs / f"events/ksonde/at{offset}/enable").write_text("1")
    except OSError:
        return False
    return True


@pytest.mark.skipif(" x64_sys_call\n" not in KALLSYMS.read_text(), reason="the calls are in a table only")
def test_no_finding_where_ftrace_and_kprobes_sit(tracefs: Path) -> None:
    """In the switch of system calls itself: a trampoline at its entry, kprobes behind it."""
    try:
        (tracefs / "set_ftrace_filter").write_text("x64_sys_call\n")
    except OSError:
        pytest.skip("cannot run here: this kernel lets nobody trace x64_sys_call")
    (tracefs / "current_tracer").write_text("function")
    try:
        assert findings() == []
        placed = sum(probed(tracefs, offset) for offset in range(5, 400))
        assert placed > 20
        for _ in range(5):
            assert findings() == []
            assert scan()[0] == 0
    finally:
        (tracefs / "current_tracer").write_text("nop")
        (tracefs / "set_ftrace_filter").write_text("")
        if (tracefs / "events/ksonde").exists():
            (tracefs / "events/ksonde/enable").write_text("0")
            (tracefs / "kprobe_events").write_text("")
    assert findings() == []


def test_no_finding_while_modules_come_and_go_and_hooks_are_armed() -> None:
    end = threading.Event()

    def churn() -> None:
        while not end.is_set():
            subprocess.run(["insmod", TESTS / "ksonde_hello.ko"], check=True)
            subprocess.run(["rmmod", "ksonde_hello"], check=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with ksonde.open(["execve", "connect", "open"]):
            assert [findings() for _ in range(20)] == [[]] * 20
    finally:
        end.set()
        thread.join()
