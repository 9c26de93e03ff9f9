# SPDX-License-Identifier: GPL-2.0-only
"""The rest of the inventory's kinds: those of modules, of BPF, of packets that are not of IP."""

from __future__ import annotations

import os
import subprocess

import pytest

import bpf
import ksonde
from acting import fixture
from ksonde.inventory import Entry, inventory
from tracing import TRACING


def entries(kind: str) -> list[Entry]:
    (found,) = (one for one in inventory() if one.name == kind)
    return list(found.entries)


def of(kind: str, module: str) -> list[Entry]:
    return [
        entry for entry in entries(kind) if entry.function is not None and entry.function.module == module
    ]


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
    [(bpf.LSM_PROGRAM, bpf.LSM_MAC, "bpf_lsm_file_open"), (bpf.TRACING_PROGRAM, bpf.FENTRY, "vfs_fsync")],
)
def test_programs_that_are_for_functions(kind: int, attach: int, function: str) -> None:
    with bpf.program(kind, attach, function, "ksonde_for"):
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
    with bpf.program(bpf.TRACING_PROGRAM, bpf.FENTRY, "vfs_fsync") as loaded, bpf.attached(loaded):
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
