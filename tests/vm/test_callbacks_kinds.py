# SPDX-License-Identifier: GPL-2.0-only
"""The rest of the inventory's kinds: those of modules, of BPF, of packets that are not of IP."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ksonde
from acting import fixture
from ksonde.inventory import Entry, inventory

TRACING = Path("/sys/kernel/tracing")
BTF = Path("/sys/kernel/btf/vmlinux")
SYS_BPF, PROG_LOAD, RAW_TRACEPOINT_OPEN = 321, 5, 17
TRACING_PROGRAM, LSM_PROGRAM, FENTRY, LSM_MAC = 26, 29, 24, 27
#: Bytes behind a type of BTF, by its kind: fixed ones, and for each member.
BEHIND = {1: (4, 0), 3: (12, 0), 4: (0, 12), 5: (0, 12), 6: (0, 8), 13: (0, 8), 14: (4, 0), 15: (0, 12)}
BEHIND |= {17: (4, 0), 19: (0, 12)}
FUNCTION = 12


def entries(kind: str) -> list[Entry]:
    (found,) = (one for one in inventory() if one.name == kind)
    return list(found.entries)


def of(kind: str, module: str) -> list[Entry]:
    return [
        entry for entry in entries(kind) if entry.function is not None and entry.function.module == module
    ]


def number_of(function: str) -> int:
    """Of a function in the kernel's description of its types."""
    data = BTF.read_bytes()
    size, types, types_size, strings, _ = struct.unpack_from("<IIIII", data, 4)
    name = data.index(b"\0" + function.encode() + b"\0", size + strings) + 1 - size - strings
    at, number = size + types, 1
    while at < size + types + types_size:
        text, info, _ = struct.unpack_from("<III", data, at)
        kind = info >> 24 & 0x1F
        if kind == FUNCTION and text == name:
            return number
        fixed, each = BEHIND.get(kind, (0, 0))
        at += 12 + fixed + each * (info & 0xFFFF)
        number += 1
    raise LookupError(function)


def bpf(command: int, attributes: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(SYS_BPF, command, attributes, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@contextmanager
def program(kind: int, attach: int, function: str, name: str, *, attached: bool = False) -> Iterator[None]:
    """A program that returns 0, for a function."""
    if not BTF.exists():
        pytest.skip("cannot run here: the kernel does not describe its types")
    code = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0), 16)
    license_ = ctypes.create_string_buffer(b"GPL")
    words = struct.pack(
        "<IIQQIIQII", kind, 2, ctypes.addressof(code), ctypes.addressof(license_), 0, 0, 0, 0, 0
    )
    words += struct.pack(
        "<16sIIIIQIIQIII", name.encode(), 0, attach, 0, 0, 0, 0, 0, 0, 0, number_of(function), 0
    )
    loaded = bpf(PROG_LOAD, words)
    try:
        link = bpf(RAW_TRACEPOINT_OPEN, struct.pack("<QII", 0, loaded, 0)) if attached else -1
        try:
            yield
        finally:
            if attached:
                os.close(link)
    finally:
        os.close(loaded)


def test_a_tracepoint_of_a_module() -> None:
    subprocess.run(["modprobe", "ext4"], check=True)
    event = TRACING / "events/ext4/ext4_sync_file_enter/enable"
    event.write_text("1")
    try:
        (entry,) = of("tracepoints", "ext4")
        assert entry.function is not None
        assert (entry.name, entry.owner) == ("ext4_sync_file_enter", "known")
        assert entry.function.symbol == "trace_event_raw_event_ext4_sync_file_enter"
    finally:
        event.write_text("0")
    assert of("tracepoints", "ext4") == []


def test_hooks_of_arp_bridges_and_devices() -> None:
    with fixture("callbacks", "families=1"):
        number = os.readlink("/proc/self/ns/net").strip("net:[]")
        assert sorted((entry.name, entry.detail) for entry in of("netfilter", "ksonde_callbacks")) == [
            ("arp output", f"netns {number}, priority 4712"),
            ("bridge forward", f"netns {number}, priority 4713"),
            ("netdev lo ingress", f"netns {number}, priority 4714"),
        ]
    assert of("netfilter", "ksonde_callbacks") == []


@pytest.mark.parametrize(
    ("kind", "attach", "function"),
    [(LSM_PROGRAM, LSM_MAC, "bpf_lsm_file_open"), (TRACING_PROGRAM, FENTRY, "vfs_fsync")],
)
def test_programs_that_are_for_functions(kind: int, attach: int, function: str) -> None:
    with program(kind, attach, function, "ksonde_for"):
        (entry,) = (entry for entry in entries("bpf") if entry.name == "ksonde_for")
        assert entry.function is not None
        assert entry.detail.startswith(f"type {kind}, attach type {attach}, id ")
        assert entry.detail.endswith(f", to {function}")
        assert (entry.owner, entry.function.module) == ("known", "bpf")
    assert [entry for entry in entries("bpf") if entry.name == "ksonde_for"] == []


def direct(function: str) -> list[Entry]:
    return [
        entry
        for entry in entries("ftrace")
        if entry.name == "direct" and [place.symbol for place in entry.at] == [function]
    ]


def test_a_direct_call() -> None:
    """Of a program of BPF: its trampoline is called by the function itself."""
    with program(TRACING_PROGRAM, FENTRY, "vfs_fsync", "ksonde_direct", attached=True):
        (entry,) = direct("vfs_fsync")
        assert entry.function is not None
        assert (entry.owner, entry.function.module, entry.own) == ("known", "bpf", False)
    assert direct("vfs_fsync") == []


def test_our_own_direct_calls() -> None:
    with ksonde.open(["open"]) as session:
        # An idle one says what it had when it was armed.
        armed = [hook for hook in session.device.hooks() if hook.state == "armed"]
        followed = [hook.target for hook in armed if hook.mechanism == "fexit"]
        if not followed:
            pytest.skip("cannot run here: the kernel calls nobody directly")
        for function in followed:
            (entry,) = direct(function)
            assert (entry.owner, entry.own) == ("known", True)
