# SPDX-License-Identifier: GPL-2.0-only
"""Rules: what is refused because it could never do anything, and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fakes import SCHEMA
from ksonde import rules
from ksonde.errors import BadRule
from ksonde.rules import Rule, check


def mine() -> tuple[int, int]:
    """The identity of this process, as far as /proc knows it."""
    ticks = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
    return os.getpid(), ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


EVENTS = ("connect", "exit", "file_read", "file_created_closed", "port_scan")
RIGHT = [
    Rule("exclude"),
    Rule("include", ("connect", "fork")),
    Rule("include", uid=0),
    Rule("exclude", exe="/a/b.c"),
    Rule("exclude", exe_prefix="/"),
    Rule("exclude", exe_prefix="/a/."),
    Rule("exclude", exe="/memfd:a//b (deleted)"),
    Rule("exclude", exe="/" + "a" * 255),
    Rule("exclude", mnt_ns=1, pid_ns=(1 << 32) - 1, cgroup=(1 << 64) - 1),
    Rule("exclude", process=mine()),
    Rule("include", ("file_read",), path_prefix="/"),
    Rule("exclude", ("file_read", "file_created_closed", "file_write"), path_prefix="/a/.", exe="/b"),
    Rule("include", ("file_read",), path_prefix="/" + "a" * 255),
    Rule("exclude", ("port_scan",), network="192.0.2.7"),
    Rule("include", ("port_scan", "connect"), network="192.0.2.0/24", uid=3),
    Rule("include", ("connect",), network="0.0.0.0/0"),
    Rule("exclude", ("connect",), network="2001:db8::/32"),
    Rule("exclude", ("connect",), network="::fffe:0:0/95"),
]


@pytest.mark.parametrize("rule", RIGHT, ids=str)
def test_what_can_match_is_taken(rule: Rule) -> None:
    check([rule], EVENTS, SCHEMA)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"action": "drop"}, "its action is 'drop'"),
        ({"events": ("fork",)}, "the session does not record fork"),
        ({"events": ("connect", "lost")}, "lost always comes"),
        ({"uid": -1}, "-1 is no user id"),
        ({"uid": 0xFFFFFFFF}, "4294967295 is no user id"),
        ({"mnt_ns": 0}, "no mnt_ns has the number 0"),
        ({"pid_ns": 1 << 32}, "no pid_ns has the number 4294967296"),
        ({"cgroup": 1 << 64}, "no cgroup has the number"),
        ({"process": (0, 1)}, "no process has the identity 0, 1"),
        ({"process": (1, 0)}, "no process has the identity 1, 0"),
        ({"process": (4_000_000_000, 1)}, "there is no process 4000000000 any more"),
        ({"process": (os.getpid(), 1)}, "is another one by now"),
        ({"exe": "/a", "exe_prefix": "/a"}, "it has an exe and an exe_prefix"),
        ({"exe": ""}, "the path of an executable begins with /"),
        ({"exe_prefix": "usr"}, "the path of an executable begins with /"),
        ({"exe": "/a\0b"}, "no path has a NUL in it"),
        ({"exe": "/" + "a" * 256}, "only 256 bytes of a path can be compared"),
        ({"exe": "/a/"}, "the kernel has no empty part"),
        ({"exe_prefix": "/a//b"}, "the kernel has no empty part"),
        ({"exe": "/a/.."}, "the kernel has no empty part"),
        ({"exe_prefix": "/a/./b"}, "the kernel has no empty part"),
        ({"path_prefix": "/a"}, "path_prefix is for file_created_closed, file_read, file_write, not for all"),
        ({"path_prefix": "/a", "events": ("file_read", "exit")}, "file_write, not for exit"),
        ({"path_prefix": "a", "events": ("file_read",)}, "the path of a file begins with /, a does not"),
        ({"path_prefix": "", "events": ("file_read",)}, "the path of a file begins with /"),
        ({"path_prefix": "/a/../b", "events": ("file_read",)}, "the kernel has no empty part"),
        ({"path_prefix": "/" + "a" * 256, "events": ("file_read",)}, "only 256 bytes of a path"),
        (
            {"network": "::1"},
            "network is for accept, bind, connect, dns_query, port_scan, not for all events",
        ),
        ({"network": "::1", "events": ("connect", "exit")}, "port_scan, not for exit"),
        ({"network": "here", "events": ("connect",)}, "here is no network and no address"),
        ({"network": "", "events": ("connect",)}, "is no network and no address"),
        ({"network": "192.0.2.1/33", "events": ("connect",)}, "192.0.2.1/33 is no network and no address"),
        ({"network": "192.0.2.1/24", "events": ("connect",)}, "lies within a network: that is 192.0.2.0/24"),
        (
            {"network": "::ffff:192.0.2.0/120", "events": ("connect",)},
            "has IPv4 addresses: that is 192.0.2.0/24",
        ),
        ({"uid": 3, "events": ("port_scan",)}, "no process makes port_scan, and none has its uid"),
    ],
)
def test_what_can_never_match_is_refused(
    values: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_INITIAL_PIDS", Path("/proc/self/ns/pid").stat().st_ino)
    wrong = Rule(**{"action": "exclude", **values})
    with pytest.raises(BadRule) as caught:
        check([Rule("include", uid=5), wrong], EVENTS, SCHEMA)
    assert caught.value.number == 1
    assert caught.value.reason.startswith("it can never match: ")
    assert why in caught.value.reason
    assert str(caught.value) == f"rule 2: {caught.value.reason}"


def test_processes_of_another_namespace_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_INITIAL_PIDS", 1)
    check([Rule("exclude", process=(4_000_000_000, 1))], EVENTS, SCHEMA)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (Rule("exclude"), Rule("include", uid=3)),
        (Rule("exclude", ("connect", "exit")), Rule("include", ("exit",), uid=3)),
        (Rule("exclude", uid=3), Rule("exclude", uid=3, exe="/a")),
        (Rule("exclude", exe_prefix="/a"), Rule("include", exe="/a/b")),
        (Rule("exclude", exe_prefix="/a"), Rule("include", exe_prefix="/a/b", cgroup=3)),
        (Rule("exclude", uid=3), Rule("exclude", uid=3)),
        (
            Rule("exclude", ("file_read",), path_prefix="/a"),
            Rule("include", ("file_read",), path_prefix="/a/b", uid=3),
        ),
        (Rule("exclude"), Rule("include", ("file_read",), path_prefix="/a")),
        (Rule("exclude"), Rule("include", ("connect",), network="::1")),
        (
            Rule("exclude", ("connect",), network="192.0.2.0/24"),
            Rule("include", ("connect",), network="192.0.2.128/25", uid=3),
        ),
    ],
)
def test_what_another_one_excludes(wide: Rule, narrow: Rule) -> None:
    for order in ([wide, narrow], [narrow, wide]):
        number = 1 if wide == narrow else order.index(narrow)
        with pytest.raises(BadRule, match=f"rule {2 - number} excludes all of it") as caught:
            check(order, EVENTS, SCHEMA)
        assert caught.value.number == number


def test_what_another_one_excludes_in_part_only() -> None:
    check(
        [
            Rule("exclude", ("connect",), uid=3),
            Rule("include", uid=3),
            Rule("exclude", exe_prefix="/a/b"),
            Rule("include", exe_prefix="/a"),
            Rule("include", uid=3),
            Rule("exclude", ("file_read",), path_prefix="/a/b"),
            Rule("include", ("file_read",), path_prefix="/a"),
            Rule("include", ("file_read",)),
        ],
        EVENTS,
        SCHEMA,
    )


def test_not_more_than_fit() -> None:
    check([Rule("exclude", uid=number) for number in range(64)], EVENTS, SCHEMA)
    with pytest.raises(BadRule, match="there are 65 rules") as caught:
        check([Rule("exclude", uid=number) for number in range(65)], EVENTS, SCHEMA)
    assert caught.value.number == 64


def test_a_rule_in_words() -> None:
    rule = Rule("exclude", ("connect", "exit"), 3, (7, 8), "/a b", None, 1, 2, 4)
    assert str(rule) == (
        "exclude connect,exit uid 3 process 7 started at 8 exe '/a b' mnt_ns 1 pid_ns 2 cgroup 4"
    )
    assert str(Rule("include", exe_prefix="/a")) == "include all exe /a*"
    rule = Rule("include", ("file_read",), path_prefix="/a b/")
    assert str(rule) == "include file_read path '/a b/'*"


def test_the_id_of_a_cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "CGROUPS", tmp_path)
    assert rules.cgroup_number(7) == 7
    with pytest.raises(ValueError, match="cannot look at"):
        rules.cgroup_number("/no")
    wrong: list[Any] = [1.5, True, None, []]
    for value in wrong:
        for parse in (rules.cgroup_number, rules.user_number, rules.namespace_number):
            with pytest.raises(ValueError, match="it is not "):
                parse(value)
