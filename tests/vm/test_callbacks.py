# SPDX-License-Identifier: GPL-2.0-only
"""Who has asked the kernel to be called: ksonde inventory, against what the kernel itself lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ksonde
from acting import NO_IMAGE, TESTS, waiting
from ksonde.inventory import KINDS, Entry, Kind, inventory

KSONDE = [sys.executable, "-m", "ksonde"]
MODULE = TESTS / "ksonde_callbacks.ko"
OURS = "ksonde_callbacks"
TRACEFS = Path("/sys/kernel/tracing")
DEBUGFS = Path("/sys/kernel/debug")
#: Only where the kernel translates programs; it interprets them otherwise.
JIT = Path("/proc/sys/net/core/bpf_jit_enable")
KPROBE, RAW_TRACEPOINT = 2, 17


@pytest.fixture(autouse=True)
def tracefs() -> None:
    if not (TRACEFS / "kprobe_events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], check=True)
    if not (DEBUGFS / "kprobes").exists():
        subprocess.run(["mount", "-t", "debugfs", "debugfs", DEBUGFS], check=True)


@contextmanager
def fixture(*words: str) -> Iterator[None]:
    subprocess.run(["insmod", MODULE, *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["rmmod", OURS], check=True)


def kinds() -> dict[str, Kind]:
    return {kind.name: kind for kind in inventory()}


def of(kind: str, module: str = OURS) -> list[Entry]:
    """Entries of a module."""
    return [
        entry
        for entry in kinds()[kind].entries
        if entry.function is not None and entry.function.module == module
    ]


def called(kind: str, function: str) -> list[Entry]:
    return [
        entry
        for entry in kinds()[kind].entries
        if entry.function is not None and entry.function.symbol == function
    ]


def run(*words: str) -> tuple[int, str, str]:
    done = subprocess.run([*KSONDE, "inventory", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def symbols() -> dict[str, set[int]]:
    """All symbols, read independently."""
    names: dict[str, set[int]] = {}
    for line in Path("/proc/kallsyms").read_text().splitlines():
        address, _kind, name, *_module = line.split()
        names.setdefault(name, set()).add(int(address, 16))
    return names


def write(file: str, text: str) -> None:
    # What Python opens to append it also seeks the end of.
    with open(os.open(TRACEFS / file, os.O_WRONLY | os.O_APPEND), "w") as opened:
        opened.write(text)


def listed() -> set[tuple[int, str, bool]]:
    """Kprobes, as the kernel itself lists them: address, kind, disabled."""
    found = set()
    for line in (DEBUGFS / "kprobes/list").read_text().splitlines():
        address, kind, rest = line.split(None, 2)
        found.add((int(address, 16), {"k": "kprobe", "r": "kretprobe"}[kind], "[DISABLED]" in rest))
    return found


def known() -> set[tuple[int, str, bool]]:
    """The same, as the inventory has it."""
    found = set()
    for entry in kinds()["kprobes"].entries:
        (place,) = entry.at
        words = entry.detail.split()
        found.add((int(place.address or "0", 16), words[0], "disabled" in words))
    return found


def test_a_clean_kernel() -> None:
    known_symbols = symbols()
    found = kinds()
    assert tuple(found) == KINDS
    for kind in found.values():
        assert kind.whole, kind.why
        for entry in kind.entries:
            assert entry.owner == "known"
            assert entry.function is not None
            if kind.name != "bpf":
                assert int(entry.function.address or "0", 16) in known_symbols[entry.function.symbol]
                assert entry.function.offset == 0
    assert {entry.name for entry in found["binfmts"].entries} >= {"elf_format", "script_format"}
    chains = {entry.name for entry in found["notifiers"].entries}
    assert chains >= {"module_notify_list", "panic_notifier_list", "die_chain", "netdev_chain"}
    assert run()[0] == 0


def test_kprobes_are_those_that_the_kernel_lists() -> None:
    assert known() == listed()
    with fixture("disabled=1"), ksonde.open(["execve", "connect", "update_cred"]):
        write("kprobe_events", "p:ksonde_test vfs_read\nr:ksonde_back vfs_read\n")
        try:
            assert known() == listed()
            assert any(disabled for _address, _kind, disabled in known())
            write("events/kprobes/ksonde_test/enable", "1")
            assert known() == listed()
        finally:
            write("events/kprobes/ksonde_test/enable", "0")
            write("kprobe_events", "-:ksonde_test\n-:ksonde_back\n")
    assert known() == listed()


def test_a_kprobe_and_a_kretprobe() -> None:
    with fixture():
        entries = {entry.function.symbol: entry for entry in of("kprobes") if entry.function}
        assert set(entries) == {f"{OURS}_{name}" for name in ("pre", "post", "returns")}
        for name, symbol, kind in (
            ("pre", "do_sys_openat2", "kprobe"),
            ("post", "do_sys_openat2", "kprobe"),
            ("returns", "vfs_read", "kretprobe"),
        ):
            entry = entries[f"{OURS}_{name}"]
            assert entry.at[0].symbol == symbol
            assert entry.detail.split()[0] == kind
            assert "disabled" not in entry.detail
            assert (entry.owner, entry.own) == ("known", False)
    assert not of("kprobes")
    with fixture("disabled=1"):
        states = {entry.function.symbol: entry.detail for entry in of("kprobes") if entry.function}
        assert "disabled" in states[f"{OURS}_pre"]
        assert "disabled" not in states[f"{OURS}_returns"]


def test_an_event_of_tracefs() -> None:
    write("kprobe_events", "p:ksonde_test vfs_write\n")
    try:
        (event,) = [entry for entry in kinds()["events"].entries if entry.name == "kprobes:ksonde_test"]
        assert event.detail == "kprobe, 0 of perf"
        (probe,) = called("kprobes", "kprobe_dispatcher")
        assert probe.at[0].symbol == "vfs_write"
        assert "disabled" in probe.detail
        write("events/kprobes/ksonde_test/enable", "1")
        (probe,) = called("kprobes", "kprobe_dispatcher")
        assert "disabled" not in probe.detail
    finally:
        write("events/kprobes/ksonde_test/enable", "0")
        write("kprobe_events", "-:ksonde_test\n")
    assert not [entry for entry in kinds()["events"].entries if entry.name == "kprobes:ksonde_test"]


def test_ftrace() -> None:
    with fixture():
        (entry,) = of("ftrace")
        assert (entry.name, entry.detail) == ("ops", "1 functions")
        assert [place.symbol for place in entry.at] == ["vfs_write"]
        assert "vfs_write " in (TRACEFS / "enabled_functions").read_text()
    assert not of("ftrace")


def test_the_tracer_of_functions() -> None:
    (TRACEFS / "set_ftrace_filter").write_text("vfs_read vfs_write do_exit\n")
    (TRACEFS / "current_tracer").write_text("function")
    try:
        entries = [entry for entry in kinds()["ftrace"].entries if entry.detail.startswith("3 functions")]
        assert len(entries) == 1
        assert {place.symbol for place in entries[0].at} == {"vfs_read", "vfs_write", "do_exit"}
        assert entries[0].function is not None
        assert entries[0].function.kernel
    finally:
        (TRACEFS / "current_tracer").write_text("nop")
        (TRACEFS / "set_ftrace_filter").write_text("")


def test_the_tracer_of_calls_and_returns() -> None:
    (TRACEFS / "set_graph_function").write_text("do_exit\n")
    (TRACEFS / "current_tracer").write_text("function_graph")
    try:
        names = {entry.name: entry.function for entry in kinds()["ftrace"].entries}
        for name, function in (
            ("graph, calls", "trace_graph_entry"),
            ("graph, returns", "trace_graph_return"),
        ):
            place = names[name]
            assert place is not None
            assert place.symbol == function
    finally:
        (TRACEFS / "current_tracer").write_text("nop")
        (TRACEFS / "set_graph_function").write_text("")
    assert not [entry for entry in kinds()["ftrace"].entries if entry.name.startswith("graph")]


def test_a_tracepoint() -> None:
    event = TRACEFS / "events/sched/sched_process_exec/enable"
    with fixture():
        (entry,) = of("tracepoints")
        assert (entry.name, entry.detail) == ("sched_process_fork", "priority 3")
    event.write_text("1")
    try:
        (entry,) = called("tracepoints", "trace_event_raw_event_sched_process_exec")
        assert entry.name == "sched_process_exec"
    finally:
        event.write_text("0")
    assert not called("tracepoints", "trace_event_raw_event_sched_process_exec")


def test_a_hook_of_netfilter_in_a_namespace() -> None:
    script = 'readlink /proc/self/ns/net && insmod "$0"'
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, MODULE], capture_output=True, text=True, check=True
    )
    try:
        number = done.stdout.strip().strip("net:[]")
        (entry,) = of("netfilter")
        assert (entry.name, entry.detail) == ("ipv4 output", f"netns {number}, priority 4711")
        assert number != os.readlink("/proc/self/ns/net").strip("net:[]")
    finally:
        subprocess.run(["rmmod", OURS], check=True)
    assert not of("netfilter")


def test_notifiers_and_a_format() -> None:
    with fixture():
        found = {entry.name: entry for entry in of("notifiers")}
        # A kernel without CONFIG_VT has no keyboard's.
        if " keyboard_notifier_list\n" in Path("/proc/kallsyms").read_text():
            assert found.pop("keyboard_notifier_list").detail == "priority 17"
        assert set(found) == {"netdev_chain"}
        (entry,) = of("binfmts")
        assert entry.function is not None
        assert (entry.name, entry.function.symbol) == ("binfmt", f"{OURS}_load")
    assert not of("notifiers") and not of("binfmts")


def test_programs_of_bpf() -> None:
    programs = waiting(
        f"bpfload={KPROBE}:0:ksonde_inv_k", f"bpfload={RAW_TRACEPOINT}:0:ksonde_inv_r", "ready"
    )
    found = {entry.name: entry for entry in kinds()["bpf"].entries}
    try:
        for name, number in (("ksonde_inv_k", KPROBE), ("ksonde_inv_r", RAW_TRACEPOINT)):
            entry = found[name]
            assert entry.detail.startswith(f"type {number}, attach type 0, id ")
            assert entry.function is not None
            assert entry.owner == "known"
            if JIT.exists():
                assert entry.function.module == "bpf"
                assert entry.function.symbol.endswith(name)
            else:
                assert entry.function.kernel
                assert entry.function.symbol.startswith("__bpf_prog_run")
    finally:
        programs.go()


def test_what_is_ours_is_marked() -> None:
    with ksonde.open(["execve", "connect", "update_cred", "port_scan", "load_module"]):
        own = {kind.name: [entry for entry in kind.entries if entry.own] for kind in inventory()}
        assert own["tracepoints"]
        assert own["netfilter"]
        assert own["ftrace"] or own["kprobes"]
        code, out, err = run()
        assert (code, err) == (0, "")
        assert "*ksonde*" in out
    assert "*ksonde*" not in run()[1]


def test_memory_that_nobody_owns() -> None:
    with fixture("nobody=1"):
        code, out, err = run("--json", "--unowned")
        assert (code, err) == (3, "")
        found = {kind["name"]: kind["entries"] for kind in json.loads(out)["kinds"]}
        assert [name for name, entries in found.items() if entries] == ["notifiers"]
        (entry,) = found["notifiers"]
        assert (entry["name"], entry["detail"], entry["owner"]) == (
            "reboot_notifier_list",
            "priority -17",
            "nobody",
        )
        assert (entry["function"]["module"], entry["function"]["kernel"]) == ("", False)
        done = subprocess.run(
            [*KSONDE, "scan", "--image", NO_IMAGE, "--json"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 3
        parts = {part["name"]: part for part in json.loads(done.stdout)["parts"]}
        (finding,) = parts["inventory"]["findings"]
        assert (finding["event"], finding["where"]) == (706, "notifiers reboot_notifier_list")
        assert finding["place"]["address"] == entry["function"]["address"]
        assert "NO OWNER" in run("--kind", "notifiers")[1]
        assert run("--kind", "bpf")[0] == 0
    assert run("--unowned")[0] == 0


def test_command() -> None:
    code, out, err = run("--kind", "binfmts,bpf")
    assert (code, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines() if line and line[0].isalpha()] == [
        "binfmts",
        "bpf",
    ]
    assert "elf_format" in out
    code, out, err = run("--kind", "nonsense")
    assert (code, out) == (1, "")
    assert "there is no kind 'nonsense'" in err


def test_addresses_are_for_who_may_see_them() -> None:
    command = ["setpriv", "--bounding-set=-all,+audit_read,+dac_override", "--inh-caps=-all"]
    done = subprocess.run(
        [*command, *KSONDE, "inventory", "--json"], capture_output=True, text=True, check=True
    )
    assert "0xffff" not in done.stdout
    assert "ffffffff" not in done.stdout
    names = [entry["name"] for kind in json.loads(done.stdout)["kinds"] for entry in kind["entries"]]
    assert "elf_format" in names
