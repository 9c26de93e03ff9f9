# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import time

import pytest

from fakes import SCHEMA, FakeUsers
from ksonde import values


@pytest.fixture(name="names")
def _names() -> values.Names:
    return values.Names({42: "connect"}, FakeUsers())


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (None, "uid", "-"),
        (0, "uid", "root"),
        (4_000_000_123, "uid", "4000000123"),
        (0, "gid", "root"),
        (2, "af", "inet"),
        (10, "af", "inet6"),
        (999, "af", "family-999"),
        (1, "socktype", "stream"),
        (6, "ipproto", "tcp"),
        (77, "ipproto", "77"),
        (1, "bool", "yes"),
        (0, "caps", "none"),
        ((1 << 41) - 1, "caps", "all"),
        ((1 << 41) - 2, "caps", "all-chown"),
        (1 << 12 | 1 << 21, "caps", "net_admin+sys_admin"),
        (1 << 50, "caps", "0x4000000000000"),
        (-13, "errno", "EACCES (Permission denied)"),
        (0, "errno", "ok"),
        (-4001, "errno", "error 4001"),
        (0o100644, "oct", "0o100644"),
        (255, "hex", "0xff"),
        (9, "signal", "SIGKILL"),
        (35, "signal", "signal 35"),
        (8 << 20 | 1, "dev", "8:1"),
        (4096, "bytes", "4 KiB"),
        (2 | 8, "exe_flags", "memfd,deleted"),
        (0, "elevation", "none"),
        (1 | 64, "elevation", "set-user-ID,0x40"),
        (0x20000 | 0x100, "clone_flags", "VM,NEWNS"),
        (2, "connect_stage", "outcome"),
        (2, "module_stage", "failed"),
        (42, "event", "connect"),
        (43, "event", "43"),
        (0, "drop_reason", "full"),
        (4, "session_change", "hook unavailable"),
        (8, "session_change", "hook disarmed"),
        (5, "drop_reason", "governor"),
        (6, "mechanism", "sys_exit"),
        (7, "mechanism", "notifier"),
        (7, "of the future", "7"),
        (7, "", "7"),
        ("a b\n", "path", "$'a b\\n'"),
        (("a", "b c"), "", "[a 'b c']"),
        (b"\xff\x00", "", "ff00"),
        (1.5, "", "1.5"),
    ],
)
def test_values(names: values.Names, value: object, form: str, shown: str) -> None:
    assert names.value(value, form) == shown


def test_every_format_of_the_schema_is_known() -> None:
    plain = {"", "path", "ip", "ns"}
    forms = {field.format for event in SCHEMA.events.values() for field in event.fields}
    forms |= {field.format for field in SCHEMA.context}
    names = values.Names()
    known = names._converters().keys() | values._ENUMS.keys() | values._BITS.keys()
    assert forms <= known | plain


def test_moments_are_local_wall_clock(names: values.Names) -> None:
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert abs(names.wall(now) - time.time()) < 1
    shown = names.clock(now)
    wall = time.localtime(names.wall(now))
    assert shown[:8] == time.strftime("%H:%M:%S", wall)
    assert len(shown) == 12


def test_a_date_that_cannot_be_is_a_number(names: values.Names) -> None:
    assert names.date(0) == time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(0))
    assert names.date(2**63 - 1).startswith("2262")


def test_taints() -> None:
    assert values.taints(1 << 12 | 1 << 13) == ["out of tree", "unsigned"]
