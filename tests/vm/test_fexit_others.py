# SPDX-License-Identifier: GPL-2.0-only
"""One direct call at a function: who comes second is refused, and ksonde then takes its next candidate."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bpf
import ksonde
from acting import TESTS, Tap, act, fixture
from test_fexit import quiet_and_well  # noqa: F401

#: By event: the mechanism behind the first candidate.
NEXT = {"open": "kretprobe", "connect": "kretprobe"}
#: What a direct call, a live patch and a BPF program get where a direct call of ours is.
REFUSED = errno.EBUSY


def hook_of(session: ksonde.Session, event: str) -> ksonde.HookInfo:
    return next(hook for hook in session.device.hooks() if hook.name == event)


def function_of(event: str) -> str:
    """Where its hook is followed by a direct call, when nobody else is there."""
    with ksonde.open([event]) as session:
        hook = hook_of(session, event)
        assert (hook.state, hook.mechanism) == ("armed", "fexit")
        return hook.target


def records(session: ksonde.Session, tmpfs: Path) -> list[tuple[str, int]]:
    """Event and result of what an open, a refused one and a refused connect leave."""
    tap = Tap(session)
    steps = [f"open={os.O_RDWR | os.O_CREAT}:0:{tmpfs}/x", f"open=0:0:{tmpfs}/none", "connects=1:1"]
    pid = act(*steps).pid
    tap.collect()
    own = [
        one
        for one in tap.all
        if one.tgid == pid and not str(getattr(one, "filename", "")).startswith("/proc/")
    ]
    return [(one.event, one.result) for one in own if one.event in NEXT]


def said_by_hooks(*words: str) -> str:
    command = [sys.executable, "-m", "ksonde", "hooks", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("patches", [0, 1])
@pytest.mark.parametrize("event", NEXT)
def test_somebody_else_is_there_first(tmpfs: Path, event: str, patches: int) -> None:
    function = function_of(event)
    with ksonde.open([event]) as session:
        expected = records(session, tmpfs)
    assert expected
    why = f"fexit {function}: somebody else is where only one can be (-16)"
    with fixture("direct", f"function={function}", f"patches={patches}"), ksonde.open([event]) as session:
        hook = hook_of(session, event)
        assert (hook.state, hook.mechanism) == ("armed", NEXT[event])
        assert why in hook.detail
        assert records(session, tmpfs) == expected
        assert why in said_by_hooks("-v")
    # When they have gone it is the first candidate again.
    assert function_of(event) == function


@pytest.mark.parametrize("patches", [0, 1])
@pytest.mark.parametrize("event", [*NEXT, "file_created_closed"])
def test_somebody_else_comes_later(tmpfs: Path, event: str, patches: int) -> None:
    """Refused; what is recorded goes on, and when the session has ended they may."""
    with ksonde.open([event]) as session:
        hook = hook_of(session, event)
        function = hook.target
        words = [f"function={function}", f"patches={patches}"]
        command = ["insmod", str(TESTS / "ksonde_direct.ko"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0 and os.strerror(REFUSED) in done.stderr
        if event in NEXT:
            assert records(session, tmpfs)
    with fixture("direct", *words):
        assert act(f"open={os.O_RDWR | os.O_CREAT}:0:{tmpfs}/x")["open"]["result"] >= 0


def test_files_that_are_closed_without_the_trampoline(tmpfs: Path) -> None:
    """Hooks that ask for bits are called by ftrace instead, which is the same candidate."""
    event = "file_created_closed"
    with ksonde.open([event]) as session:
        function = hook_of(session, event).target
    with fixture("direct", f"function={function}"), ksonde.open([event]) as session:
        tap = Tap(session)
        assert (hook_of(session, event).state, hook_of(session, event).mechanism) == ("armed", "ftrace")
        pid = act(f"open={os.O_RDWR | os.O_CREAT}:{0o600}:{tmpfs}/new").pid
        tap.collect()
        assert tap.one(event, pid).path == f"{tmpfs}/new"


@pytest.mark.parametrize("kind", [bpf.FENTRY, bpf.FEXIT])
@pytest.mark.parametrize("event", NEXT)
def test_a_bpf_program_is_there_first_or_comes_later(tmpfs: Path, event: str, kind: int) -> None:
    function = function_of(event)
    with bpf.program(bpf.TRACING_PROGRAM, kind, function) as program:
        with bpf.attached(program), ksonde.open([event]) as session:
            hook = hook_of(session, event)
            assert (hook.state, hook.mechanism) == ("armed", NEXT[event])
            assert f"fexit {function}: somebody else is where only one can be (-16)" in hook.detail
            assert records(session, tmpfs)
        with ksonde.open([event]) as session:
            assert hook_of(session, event).mechanism == "fexit"
            with pytest.raises(OSError, match=os.strerror(REFUSED)), bpf.attached(program):
                pass
            assert records(session, tmpfs)
        # And when the session has ended it may.
        with bpf.attached(program):
            pass
