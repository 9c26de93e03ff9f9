# SPDX-License-Identifier: GPL-2.0-only
"""Events 608, 609 and 613."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import ksonde
from acting import DELETED, NASTY, OVERLAY, Facts, Tap, act, context_of, file_device, flags_of
from ksonde import Rule

EVENTS = ["file_created_closed", "file_write", "file_read"]
WATCHED = ("file_write", "file_read")
#: What the kernel adds for a native program.
LARGE = 0o100000
NEW = os.O_CREAT | os.O_EXCL
EACCES, EEXIST = 13, 17


def watch(*prefixes: Any) -> list[Rule]:
    return [Rule("include", WATCHED, path_prefix=str(prefix)) for prefix in prefixes]


@pytest.fixture
def tap(module_session: ksonde.Session) -> Tap:
    """What is closed below /tmp."""
    module_session.set_rules(watch("/tmp/"))
    tap = Tap(module_session)
    tap.collect()
    return tap


def fields_of(facts: Facts, path: Path, flags: int, bits: int, fs_id: str = "tmpfs") -> dict[str, Any]:
    return {
        "path": str(path),
        "flags": flags | (LARGE if bits == 64 else 0),
        "device": file_device(path.parent),
        "fs_id": fs_id,
        **{name: facts[name] for name in ("mode", "size", "position", "mtime", "inode")},
    }


def kinds(tap: Tap, facts: Facts, *paths: Path) -> list[str]:
    """The events that a process made, of these files."""
    names = [str(path) for path in paths]
    return [one.event for one in tap.all if one.tgid == facts["tgid"] and one.path in names]


@pytest.mark.parametrize("where", ["tmpfs", "disk", "overlay"])
def test_created_and_written(tap: Tap, request: pytest.FixtureRequest, bits: int, where: str) -> None:
    """Both are told."""
    path = request.getfixturevalue(where) / f"{bits}{NASTY}"
    flags = os.O_WRONLY | os.O_APPEND
    facts = act("umask=027", f"used={flags | NEW}:{0o4777}:{path}:0:{NASTY}", bits=bits)["used"]
    assert (facts["size"], facts["mode"]) == (len(os.fsencode(NASTY)), 0o104750)
    assert facts["position"] == facts["size"]
    tap.collect()
    assert sorted(kinds(tap, facts, path)) == ["file_created_closed", "file_write"]
    marks = flags_of(bits) | (OVERLAY if where == "overlay" else 0)
    fs_id = {"tmpfs": "tmpfs", "disk": "loop0", "overlay": "overlay"}[where]
    for event in ("file_created_closed", "file_write"):
        record = tap.one(event, facts["tgid"], path=str(path))
        tap.check(record, context_of(facts), fields_of(facts, path, flags, bits, fs_id), flags=marks)


@pytest.mark.parametrize("where", ["tmpfs", "disk", "overlay"])
def test_read(tap: Tap, request: pytest.FixtureRequest, bits: int, where: str) -> None:
    path = request.getfixturevalue(where) / f"read{bits}"
    path.write_bytes(b"123456789")
    os.utime(path, ns=(1_234_567_890_123_456_789, 1_234_567_890_123_456_789))
    facts = act(f"used={os.O_NOFOLLOW}:0:{path}:4:", bits=bits)["used"]
    assert (facts["size"], facts["position"], facts["mtime"]) == (9, 4, 1_234_567_890_123_456_789)
    tap.collect()
    assert kinds(tap, facts, path) == ["file_read"]
    marks = flags_of(bits) | (OVERLAY if where == "overlay" else 0)
    fs_id = {"tmpfs": "tmpfs", "disk": "loop0", "overlay": "overlay"}[where]
    data = fields_of(facts, path, os.O_NOFOLLOW, bits, fs_id)
    tap.check(tap.one("file_read", facts["tgid"], path=str(path)), context_of(facts), data, flags=marks)


def test_read_and_written(tap: Tap, tmpfs: Path, bits: int) -> None:
    """Told once; O_CREAT of a file that is there creates nothing."""
    path = tmpfs / "both"
    path.write_bytes(b"123456789")
    facts = act(f"used={os.O_RDWR | os.O_CREAT}:0:{path}:4:ab", bits=bits)["used"]
    assert path.read_bytes() == b"1234ab789"
    tap.collect()
    assert kinds(tap, facts, path) == ["file_write"]
    record = tap.one("file_write", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, path, os.O_RDWR, bits), flags=flags_of(bits))


def test_closed_by_the_end_of_the_process(tap: Tap, tmpfs: Path, bits: int) -> None:
    """And not when one of two descriptors is; the name is gone by then, and the task has no namespaces."""
    path = tmpfs / "gone"
    done = act(f"kept={os.O_WRONLY | NEW}:{0o600}:{path}", f"unlink={path}", bits=bits)
    facts = done["kept"]
    tap.collect()
    assert sorted(kinds(tap, facts, path)) == ["file_created_closed", "file_write"]
    context = context_of(facts, mnt_ns=None, net_ns=None, hostname=None)
    data = fields_of(facts, path, os.O_WRONLY, bits)
    for event in ("file_created_closed", "file_write"):
        record = tap.one(event, facts["tgid"])
        tap.check(record, context, data, flags=flags_of(bits) | DELETED, within=done)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    """What is no regular file, was not opened, or is opened by exec."""
    path = tmpfs / "file"
    path.touch(mode=0o600)
    (tmpfs / "folder").mkdir()
    os.mkfifo(tmpfs / "fifo")
    done = act(
        f"used={os.O_WRONLY | NEW}:0:{path}:0:",
        f"kept={os.O_DIRECTORY}:0:{tmpfs}/folder",
        f"kept={os.O_PATH}:0:{path}",
        f"kept={os.O_RDWR}:0:{tmpfs}/fifo",
        "groups=1",
        "ids=1:1:1:1:1:1",
        f"open=0:0:{path}",
        bits=bits,
    ).lines
    assert (done[0]["result"], done[-1]["result"]) == (-EEXIST, -EACCES)
    tap.collect()
    own = {one.path for one in tap.all if one.event in EVENTS and one.tgid == done[0]["tgid"]}
    assert not {path for path in own if path.startswith(str(tmpfs))}
    program = done[0]["exe"]
    tap.session.set_rules(watch("/"))
    facts = act("facts", bits=bits)["facts"]
    tap.collect()
    assert program not in {one.path for one in tap.of("file_read", facts["tgid"])}
    assert tap.of("file_read", facts["tgid"])


def test_only_what_is_watched(tap: Tap, tmpfs: Path) -> None:
    """Byte for byte; of the others nothing is said, nor is anything without a rule that asks for a path."""
    one, two = tmpfs / f"w{NASTY}", tmpfs / "w"
    session = tap.session

    def seen() -> list[list[str]]:
        steps = [f"used={os.O_WRONLY | NEW}:{0o600}:{path}:0:x" for path in (one, two)]
        steps += [f"used=0:0:{path}:1:" for path in (one, two)]
        facts = act(*steps).lines[0]
        for path in (one, two):
            path.unlink()
        tap.collect()
        return [sorted(name[5:] for name in kinds(tap, facts, path)) for path in (one, two)]

    created, everything = ["created_closed"], ["created_closed", "read", "write"]
    session.set_rules(watch(tmpfs / "w"))
    assert seen() == [everything, everything]
    session.set_rules(watch(one))
    assert seen() == [everything, created]
    session.set_rules(watch(f"{tmpfs}/w\n"))
    assert seen() == [created, created]
    before = session.stats().filtered
    for rules in ([], [Rule("include", WATCHED, uid=0)], [Rule("exclude", WATCHED, path_prefix="/x")]):
        session.set_rules(rules)
        assert seen() == [created, created]
    assert session.stats().filtered == before
    session.set_rules([*watch(tmpfs), Rule("exclude", ("file_created_closed",), path_prefix=str(one))])
    assert seen() == [["read", "write"], everything]
    assert [decided.records for decided in session.rule_stats()[:2]] == [4, 1]
    session.set_rules([Rule("include", ("file_write",), path_prefix=str(tmpfs), uid=4242)])
    assert seen() == [created, created]
    session.set_rules([Rule("include", ("file_write",), path_prefix=str(tmpfs), uid=0)])
    assert seen() == [["created_closed", "write"]] * 2


def test_a_session_that_starts_with_rules(tmpfs: Path) -> None:
    """And one beside it that has none."""
    with ksonde.open(WATCHED, rules=watch(tmpfs)) as session, ksonde.open(EVENTS) as other:
        for begin in (None, session.stop, session.start):
            if begin:
                begin()
            facts = act(f"used={os.O_WRONLY | os.O_CREAT}:{0o600}:{tmpfs}/a:0:x")["used"]
            taps = Tap(session), Tap(other)
            for tap in taps:
                tap.collect()
            stopped = begin == session.stop
            assert kinds(taps[0], facts, tmpfs / "a") == ([] if stopped else ["file_write"])
            assert "file_write" not in kinds(taps[1], facts, tmpfs / "a")
