# SPDX-License-Identifier: GPL-2.0-only
"""Hooks without which an event would tell lies, or not all; and those that were left out on purpose."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

import acting
import ksonde
from acting import ACT, NASTY, REREAD, Tap, act, anew
from test_reboot import ASKED, EPERM, MAGIC2, NOBODY, RESTART, RESTART2, RETURNED, check, fields_of

ESCALATION = ["escalation_commit", "escalation_exit", "escalation_fork"]
SAID_SO = ["the parameter avoid says so"]


def act_as_the_kernel_allows(program: Path) -> None:
    """Among them a thread with credentials of its own, which takes its leader's place by exec."""
    shutil.copy(ACT[64], program)
    program.chmod(0o4755)
    act("thread", "setresuid=-1:1000:-1", f"exec={program}", "x", "fork", "exit=0")
    act("ids=1000:1001:1002:2000:2001:2002", f"exec={program}", "x", "fork", "exit=0")
    act("unshare=user", "fork", "exit=0")


@pytest.mark.parametrize("lost", [None, *ESCALATION])
def test_all_of_them_or_none(place: Path, lost: str | None) -> None:
    """What one of them has not seen the others would take for an escalation."""
    events = ["privilege_escalation", "fork"]
    with anew(f"avoid={lost}" if lost else ""), ksonde.open(events) as session:
        hooks = {hook.name: hook for hook in session.device.hooks()}
        for name in ESCALATION:
            assert hooks[name].state == ("unavailable" if lost else "armed")
        if lost:
            assert hooks[lost].detail == SAID_SO
            others = [hooks[name].detail[-1] for name in ESCALATION if name != lost]
            assert all(said in (f"useless without {lost}", "preparing it failed (-19)") for said in others)
        tap = Tap(session)
        act_as_the_kernel_allows(place / "suid")
        tap.collect()
        assert tap.of("fork")
        assert not tap.of("privilege_escalation")


def test_some_are_left_out() -> None:
    with anew("avoid=tgkill,kill"), ksonde.open(["kill", "tkill", "tgkill"]) as session:
        states = {hook.name: (hook.state, hook.detail) for hook in session.device.hooks()}
        assert states["kill"] == states["tgkill"] == ("unavailable", SAID_SO)
        assert states["tkill"][0] == "armed"
        assert states["open"][0] == "idle"


@pytest.mark.parametrize("names", ["kil", "kill,", "kill,,tkill", "kill tkill", ","])
def test_one_that_is_none(names: str) -> None:
    """Refused: somebody who means a hook would think that it is left out."""
    assert not acting.unload()
    try:
        wrong = acting.load(f'avoid="{names}"'.encode())
        if not wrong:
            acting.unload()
    finally:
        assert not acting.load()
    assert wrong == (0 if names == "kill," else errno.EINVAL)


@pytest.mark.parametrize("command", [RESTART, RESTART2])
def test_an_end_without_a_return(bits: int, command: int) -> None:
    """Where no entry of reboot(2) is seen the kernel's own notification tells that the machine goes down."""
    argument = NASTY if command == RESTART2 else None
    with anew("prefer=sys_exit"), ksonde.open(["reboot"]) as session:
        hooks = {hook.name: hook for hook in session.device.hooks()}
        assert (hooks["reboot"].state, hooks["reboot"].mechanism) == ("degraded", "sys_exit")
        asked = hooks["reboot_asked"]
        assert (asked.state, asked.mechanism, asked.target) == ("armed", "notifier", "reboot")
        tap = Tap(session)
        # It keeps the machine up; so there is a return, too.
        with acting.fixture("reboot"):
            facts = act(f"reboot={command}:{MAGIC2}:{NASTY}", bits=bits)["reboot"]
        # The call counts the text's bytes, and goes on to return that.
        assert facts["result"] == len(os.fsencode(argument or ""))
        expected = [fields_of(facts, stage, command, argument=argument) for stage in (ASKED, RETURNED)]
        check(tap, facts, bits, *expected, marks=REREAD if argument else 0)
        # What is refused is no end.
        facts = act(NOBODY, f"reboot={RESTART}:{MAGIC2}:", bits=bits)["reboot"]
        assert facts["result"] == -EPERM
        check(tap, facts, bits, fields_of(facts, RETURNED, RESTART))
