# SPDX-License-Identifier: GPL-2.0-only
"""Event 607."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acting import COMPAT, HELPER, TRUNCATED, Between, Facts, Tap, act, context_of, flags_of

EVENTS = ["call_usermodehelper"]

WAIT_EXEC, WAIT_PROC, KILLABLE = 1, 2, 4
KERNEL = 1 << 63
#: As the fixture has it, and as these files are called: a setting of the kernel ends at a newline.
ODD = b"a\nb\"c'd\\e\x1ef\x17g\xff\xc3h".decode("utf-8", "surrogateescape")
NAME = ODD.replace("\n", " ")
X25 = 9


@pytest.fixture
def program(place: Path) -> Path:
    path = place / NAME
    path.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def setting(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A setting of the kernel, which is put back."""
    path = Path("/proc/sys/kernel") / request.param
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def check(tap: Tap, facts: Facts, flags: int, callers: tuple[str, ...], **data: Any) -> None:
    tap.collect()
    record = tap.one("call_usermodehelper", facts["tgid"])
    assert record.caller in callers
    usual = {"caller": record.caller, "caller_module": None, "caller_address": Between(KERNEL, 1 << 64)}
    tap.check(record, context_of(facts), {**usual, **data}, flags=flags)


@pytest.mark.parametrize("setting", ["modprobe"], indirect=True)
def test_module_is_asked_for(tap: Tap, bits: int, setting: Path, program: Path) -> None:
    """A socket of a family that nobody has loaded."""
    setting.write_bytes(os.fsencode(program))
    facts = act(f"family={X25}", bits=bits)["family"]
    assert facts["result"] == -errno.EAFNOSUPPORT
    argv = (str(program), "-q", "--", f"net-pf-{X25}")
    check(
        tap, facts, flags_of(bits), ("__request_module", "call_modprobe", "call_modprobe.constprop.0"),
        path=str(program), argv=argv, argc=4, wait=WAIT_PROC | KILLABLE,
    )  # fmt: skip


@pytest.mark.parametrize("setting", ["core_pattern"], indirect=True)
def test_core_dump(tap: Tap, bits: int, setting: Path, program: Path) -> None:
    """Spaces part the arguments there."""
    path = program.with_name("dumped")
    program.rename(path)
    setting.write_text(f"|{path} %P x")
    done = act("crash", bits=bits, status=-signal.SIGSEGV)
    facts = done["crash"]
    tap.collect()
    flags = tap.one("call_usermodehelper", facts["tgid"]).flags & COMPAT if bits == 32 else 0
    argv = (str(path), str(facts["tgid"]), "x")
    callers = ("do_coredump", "vfs_coredump", "coredump_pipe")
    record = tap.one("call_usermodehelper", facts["tgid"])
    assert record.caller in callers
    expected = {
        "path": str(path), "argv": argv, "argc": 3, "wait": WAIT_EXEC, "caller": record.caller,
        "caller_module": None, "caller_address": Between(KERNEL, 1 << 64),
    }  # fmt: skip
    tap.check(record, context_of(facts), expected, flags=flags, within=done)


def test_by_a_module(tap: Tap, bits: int, program: Path) -> None:
    """Its function and itself, which is gone when anybody reads this."""
    path = program.with_name("plain")
    program.rename(path)
    facts = act(f"finit={HELPER}:path={path} wait={WAIT_PROC}", bits=bits)["finit"]
    assert facts["result"] == -errno.ECANCELED
    check(
        tap, facts, flags_of(bits), ("ksonde_helper_run",), caller_module="ksonde_helper",
        path=str(path), argv=(str(path), "", ODD), argc=3, wait=WAIT_PROC,
    )  # fmt: skip


def test_many_arguments(tap: Tap) -> None:
    """The first 8 KiB of them, and how many there were."""
    facts = act(f"finit={HELPER}:path=/no/such/program count=200 wait={WAIT_EXEC}")["finit"]
    assert facts["result"] == -errno.ENOENT
    argv = ("x" * 99,) * 81 + ("x" * 92,)
    check(
        tap, facts, TRUNCATED, ("ksonde_helper_run",), caller_module="ksonde_helper",
        path="/no/such/program", argv=argv, argc=200, wait=WAIT_EXEC,
    )  # fmt: skip


def test_not_recorded(tap: Tap, bits: int) -> None:
    """What programs run, and a helper without a path."""
    done = act(f"finit={HELPER}:path=", bits=bits)
    assert done["finit"]["result"] == -errno.ECANCELED
    tap.collect()
    assert not tap.of("call_usermodehelper", done["finit"]["tgid"])
