# SPDX-License-Identifier: GPL-2.0-only
"""Event 59."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import acting
from acting import (
    ACT,
    NASTY,
    REREAD,
    TRUNCATED,
    Done,
    Facts,
    Tap,
    Text,
    Ticks,
    act,
    ancestors_from,
    context_of,
    file_device,
    flags_of,
    waiting,
)

EVENTS = ["execve"]

TMPFS, MEMFD, UPPER, DELETED, OVERLAY = 1, 2, 4, 8, 16
SETUID, SETGID, FILE_CAPS = 1, 2, 4
NET_RAW, SYS_TIME = 1 << 13, 1 << 25
SOCKET = ("family", "local_port", "remote_port", "local_address", "remote_address", "tgid", "start_time")


def texts(argv: Sequence[Text]) -> tuple[str, ...]:
    return tuple(os.fsdecode(os.fsencode(argument)) for argument in argv)


def fields_of(facts: Facts, filename: Text, argv: Sequence[Text], **other: Any) -> dict[str, Any]:
    """What a program that runs knows of how it was executed."""
    file = os.stat(facts["exe"]) if os.path.exists(facts["exe"]) else None
    expected: dict[str, Any] = {
        "filename": os.fsdecode(filename),
        "argv": texts(argv),
        "argc": len(argv),
        "argv_bytes": sum(len(os.fsencode(argument)) + 1 for argument in argv),
        "cwd": facts["cwd"],
        "interpreter": None,
        "stdin_target": facts.get("fd0"),
        "stdout_target": facts.get("fd1"),
        "stderr_target": facts.get("fd2"),
        "ancestors": ancestors_from(facts["parent_tgid"])[:12] if "ancestors" not in other else None,
        **{f"socket_{name}": None for name in SOCKET},
        "ssh_connection": None,
        "ld_preload": None,
        "ld_library_path": None,
        "inode": file.st_ino if file else None,
        "device": file_device(facts["exe"]) if file else None,
        "mtime": file.st_mtime_ns if file else None,
        "file_flags": 0,
        "elevation": 0,
        "result": 0,
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


def refused(
    facts: Facts, filename: Text | None, argv: Sequence[Text], result: int, **other: Any
) -> dict[str, Any]:
    """What a program that was refused an execve knows."""
    nothing = dict.fromkeys(("inode", "device", "mtime", "file_flags", "elevation"))
    data = fields_of(facts, filename or "", argv, result=result, **{**nothing, **other})
    return {**data, "filename": None if filename is None else data["filename"]}


def socket_fields(held: Facts, remote: bool = True) -> dict[str, Any]:
    return {
        "socket_family": 2,
        "socket_local_port": held["local_port"],
        "socket_remote_port": held["peer_port"] if remote else None,
        "socket_local_address": held["local_address"],
        "socket_remote_address": held["peer_address"] if remote else None,
        "socket_tgid": held["tgid"],
        "socket_start_time": Ticks(held["start_ticks"]),
    }


@pytest.fixture
def program(disk: Path, bits: int) -> Path:
    """A copy of the act on a block device."""
    path = disk / f"program{bits}"
    if not path.exists():
        shutil.copy(ACT[bits], path)
    return path


def test_plain(tap: Tap, program: Path, bits: int, place: Path) -> None:
    done = act("facts", program=program, cwd=place)
    facts = done["facts"]
    assert facts["fd0"] == "/dev/null" and facts["fd1"].startswith("pipe:[")
    tap.collect()
    record = tap.one("execve", facts["tgid"])
    data = fields_of(facts, program, [program, "facts"])
    assert data["device"] >> 20 and len(data["ancestors"]) >= 2
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


@pytest.mark.parametrize(("outer", "inner"), [(64, 64), (64, 32), (32, 64), (32, 32)])
def test_by_either(tap: Tap, place: Path, outer: int, inner: int) -> None:
    """The flag tells of what the program is; all else is the same, whoever executes whom."""
    argv = ["other name", "comm=x", "facts"]
    done = act(f"exec={ACT[inner]}", *argv, bits=outer)
    facts = done["facts"]
    assert facts["bits"] == inner
    tap.collect()
    first, record = tap.of("execve", facts["tgid"])
    assert first.seq != record.seq and first.argc == 5
    context = context_of(facts, comm=ACT[inner].name)
    data = fields_of(facts, ACT[inner], argv)
    tap.check(record, context, data, flags=flags_of(inner), within=done)


def test_nasty_bytes(tap: Tap, place: Path, bits: int) -> None:
    """Byte for byte: the program's name, its folder, and every argument."""
    folder = os.fsdecode(os.fsencode(place) + b"/" + os.fsencode(NASTY) + b"1")
    os.mkdir(folder)
    name = folder + "/" + os.fsdecode(os.fsencode(NASTY))
    shutil.copy(ACT[bits], name)
    every = bytes(range(1, 256))
    argv: list[Text] = [name, "facts", "exit=0", os.fsencode(NASTY), every, b"", b" ", b"\n", b""]
    done = act(program=name, argv=argv, cwd=folder)
    facts = done["facts"]
    tap.collect()
    record = tap.one("execve", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, name, argv, file_flags=TMPFS), flags=flags_of(bits))
    assert [os.fsencode(argument) for argument in record.argv] == [os.fsencode(argument) for argument in argv]
    assert os.fsencode(record.cwd) == os.fsencode(folder)


@pytest.mark.parametrize("pieces", [1, 50, 25_000])
def test_long_argv(tap: Tap, bits: int, pieces: int) -> None:
    """100 KiB and more: cut to the first 8 KiB and flagged, with the true counts, never missing."""
    piece = "x" * (102_400 // pieces)
    argv = [str(ACT[bits]), "facts", "exit=0", *[piece] * pieces]
    done = act(program=ACT[bits], argv=argv)
    facts = done["facts"]
    tap.collect()
    record = tap.one("execve", facts["tgid"])
    block = b"".join(os.fsencode(argument) + b"\0" for argument in argv)
    whole = fields_of(facts, ACT[bits], argv)
    assert len(block) > 100_000 and whole["argv_bytes"] == len(block)
    whole["argv"] = texts(block[:8192].removesuffix(b"\0").split(b"\0"))
    tap.check(record, context_of(facts), whole, flags=flags_of(bits) | TRUNCATED, within=done)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_argv_at_the_limit(tap: Tap, extra: int) -> None:
    argv = [str(ACT[64]), "facts", "exit=0"]
    argv.append("y" * (8192 + extra - 1 - sum(len(argument) + 1 for argument in argv)))
    facts = act(program=ACT[64], argv=argv)["facts"]
    tap.collect()
    record = tap.one("execve", facts["tgid"])
    assert record.argv_bytes == 8192 + extra
    assert record.truncated == (extra > 0)
    assert list(record.argv) == argv


def test_no_arguments(tap: Tap, place: Path) -> None:
    """Neither argv nor envp: the kernel makes one empty argument."""
    done = act(f"emptyexec={ACT[64]}")
    facts = done["before"]
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    data = fields_of(facts, ACT[64], [""])
    tap.check(record, context_of(facts, comm="act64"), data)


def test_script(tap: Tap, disk: Path, bits: int) -> None:
    interpreter = disk / f"program{bits}"
    shutil.copy(ACT[bits], interpreter)
    script = disk / f"script{bits}"
    script.write_text(f"#!{interpreter} exit=0\n")
    script.chmod(0o755)
    done = act("two", "three four", program=script)
    facts = done["exit"]
    tap.collect()
    record = tap.one("execve", facts["tgid"])
    assert facts["exe"] == str(interpreter)
    argv = [str(interpreter), "exit=0", str(script), "two", "three four"]
    data = fields_of(facts, script, argv, interpreter=str(interpreter))
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_script_of_a_script(tap: Tap, disk: Path) -> None:
    outer, inner = disk / "outer", disk / "inner"
    inner.write_text(f"#!{ACT[64]} exit=0\n")
    outer.write_text(f"#!{inner} arg\n")
    for path in (inner, outer):
        path.chmod(0o755)
    facts = act(program=outer)["exit"]
    tap.collect()
    argv = [str(ACT[64]), "exit=0", str(inner), "arg", str(outer)]
    data = fields_of(facts, outer, argv, interpreter=str(ACT[64]))
    tap.check(tap.one("execve", facts["tgid"]), context_of(facts), data)


VARIABLES = {
    "SSH_CONNECTION": "198.51.100.1 50000 192.0.2.7 22",
    "LD_PRELOAD": "/tmp/a\nb.so:" + NASTY,
    "LD_LIBRARY_PATH": "/x:/y",
}
PADDING = {f"FILLER_{number:04}": "LD_PRELOAD=no" + "z" * (number % 97) for number in range(1200)}


@pytest.mark.parametrize("names", [["SSH_CONNECTION"], ["LD_PRELOAD"], ["LD_LIBRARY_PATH"], list(VARIABLES)])
def test_environment(tap: Tap, bits: int, names: list[str]) -> None:
    """Found at the end of a large environment, which has its like in other places."""
    chosen = {name: os.fsencode(VARIABLES[name]) for name in names}
    env = {**PADDING, "XLD_PRELOAD": "1", "LD_PRELOAD_": "2", "SSH_CONNECTIO": "3", **chosen}
    assert sum(len(key) + len(value) + 2 for key, value in env.items()) > 60_000
    done = act("facts", bits=bits, env=env)
    facts = done["facts"]
    tap.collect()
    found = {
        "ssh_connection": chosen.get("SSH_CONNECTION"),
        "ld_preload": chosen.get("LD_PRELOAD"),
        "ld_library_path": chosen.get("LD_LIBRARY_PATH"),
    }
    decoded = {name: None if value is None else os.fsdecode(value) for name, value in found.items()}
    data = fields_of(facts, ACT[bits], [ACT[bits], "facts"], **decoded)
    tap.check(tap.one("execve", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


@pytest.mark.parametrize("length", range(4090, 4100))
def test_environment_across_pages(tap: Tap, length: int) -> None:
    """A variable whose name lies across the end of a page, wherever the stack begins."""
    env = {
        "A": "a" * length,
        "LD_PRELOAD": "p",
        "B": "b" * length,
        "SSH_CONNECTION": "s",
        "LD_LIBRARY_PATH": "",
    }
    facts = act("facts", env=env)["facts"]
    tap.collect()
    record = tap.one("execve", facts["tgid"])
    assert (record.ld_preload, record.ssh_connection, record.ld_library_path) == ("p", "s", "")


def test_first_of_two_variables(tap: Tap) -> None:
    done = act(
        "environment=LD_PRELOAD=first", "environment=LD_PRELOAD=second", f"exec={ACT[64]}", "x", "facts"
    )
    tap.collect()
    assert [record.ld_preload for record in tap.of("execve", done["facts"]["tgid"])] == [None, "first"]


def test_descriptors(tap: Tap, place: Path, bits: int) -> None:
    """0: a file of a nasty name; 1: closed; 2: a pipe."""
    name = os.fsencode(place) + b"/" + os.fsencode(NASTY)
    Path(os.fsdecode(name)).touch()
    argv = ["x", "out=9", "facts"]
    done = act(b"redirect=0:" + name, "pipe=2", "close=1", f"exec={ACT[bits]}", *argv, bits=bits, out_fd=9)
    facts = done["facts"]
    assert "fd1" not in facts and facts["fd2"].startswith("pipe:[") and os.fsencode(facts["fd0"]) == name
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    tap.check(record, context_of(facts), fields_of(facts, ACT[bits], argv), flags=flags_of(bits))
    assert record.stdout_target is None


def test_descriptor_of_a_socket(tap: Tap) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        facts = act("facts", stdin=theirs.fileno())["facts"]
        assert facts["fd0"].startswith("socket:[")
        tap.collect()
        data = fields_of(facts, ACT[64], [ACT[64], "facts"])
        tap.check(tap.one("execve", facts["tgid"]), context_of(facts), data)


def test_terminal(tap: Tap, bits: int) -> None:
    master, slave = os.openpty()
    name = os.ttyname(slave)
    try:
        argv = ["x", "facts"]
        done = act("setsid", f"terminal={name}", f"redirect=0:{name}", f"exec={ACT[bits]}", *argv, bits=bits)
        facts = done["facts"]
        tap.collect()
        record = tap.of("execve", facts["tgid"])[1]
        tap.check(record, context_of(facts), fields_of(facts, ACT[bits], argv), flags=flags_of(bits))
        assert record.tty == "pts" + name.rpartition("/")[2] and record.stdin_target == name
    finally:
        os.close(slave)
        os.close(master)


def test_ancestors(tap: Tap, bits: int) -> None:
    """Twelve, the parent first, of more than there are."""
    steps = [step for number in range(15) for step in (f"comm=level {number}", "fork")]
    running = waiting(*steps, f"exec={ACT[bits]}", "x", "ready", bits=bits)
    facts = running.next()
    ancestors = ancestors_from(facts["parent_tgid"])
    data = fields_of(facts, ACT[bits], ["x", "ready"])
    running.go()
    assert len(ancestors) > 14
    assert data["ancestors"] == ancestors[:12]
    assert data["ancestors"][0]["comm"] == "level 14"
    tap.collect()
    record = tap.of("execve", facts["tgid"])[-1]
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_own_socket(tap: Tap, listener: socket.socket, bits: int) -> None:
    port = listener.getsockname()[1]
    argv = ["x", "facts"]
    done = act(f"socket=127.0.0.1:{port}", f"exec={ACT[bits]}", *argv, bits=bits)
    facts, held = done["facts"], done["socket"]
    tap.collect()
    first, record = tap.of("execve", facts["tgid"])
    # This very process, their parent, listens; what one holds oneself comes first.
    assert (first.socket_tgid, first.socket_local_port, first.socket_remote_port) == (os.getpid(), port, None)
    data = fields_of(facts, ACT[bits], argv, **socket_fields(held))
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_socket_of_an_ancestor(tap: Tap, listener: socket.socket, bits: int) -> None:
    port = listener.getsockname()[1]
    argv = ["x", "facts"]
    steps = [f"socket=127.0.0.1:{port}", "fork", "close=3", "fork", f"exec={ACT[bits]}", *argv]
    # Only the first of three keeps it.
    done = act(*steps, bits=bits)
    facts, held = done["facts"], done["socket"]
    assert facts["tgid"] != held["tgid"]
    tap.collect()
    record = tap.one("execve", facts["tgid"])
    data = fields_of(facts, ACT[bits], argv, ancestors=None, **socket_fields(held))
    data["ancestors"] = record.to_dict()["data"]["ancestors"]
    assert data["ancestors"][1]["tgid"] == held["tgid"]
    tap.check(record, context_of(facts), data, flags=flags_of(bits))
    assert record.socket_start_time == record.ancestors[1].start_time


def test_socket_that_is_not_connected(tap: Tap) -> None:
    argv = ["x", "facts"]
    done = act("bind=127.0.0.5", f"exec={ACT[64]}", *argv)
    facts, held = done["facts"], done["bind"]
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    tap.check(record, context_of(facts), fields_of(facts, ACT[64], argv, **socket_fields(held, remote=False)))


def test_tmpfs(tap: Tap, tmpfs: Path, bits: int) -> None:
    program = tmpfs / "program"
    shutil.copy(ACT[bits], program)
    facts = act("facts", program=program)["facts"]
    tap.collect()
    data = fields_of(facts, program, [program, "facts"], file_flags=TMPFS)
    tap.check(tap.one("execve", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_memfd(tap: Tap, bits: int) -> None:
    argv = ["x", "ready"]
    running = waiting("memfd=evil", *argv, bits=bits)
    facts = running.next()
    file = os.stat(f"/proc/{facts['tgid']}/exe")
    assert facts["exe"] == "/memfd:evil (deleted)"
    data = fields_of(
        facts,
        f"/dev/fd/{running.facts['fd']}",
        argv,
        inode=file.st_ino,
        device=os.major(file.st_dev) << 20 | os.minor(file.st_dev),
        mtime=file.st_mtime_ns,
        file_flags=TMPFS | MEMFD,
    )
    running.go()
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_fexecve(tap: Tap, program: Path, bits: int) -> None:
    argv = ["x", "facts"]
    done = act(f"fexecve={program}", *argv, bits=bits)
    facts = done["facts"]
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    data = fields_of(facts, f"/dev/fd/{done['before']['fd']}", argv)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_deleted(tap: Tap, disk: Path, bits: int) -> None:
    program = disk / f"gone{bits}"
    shutil.copy(ACT[bits], program)
    file, device = os.stat(program), file_device(program)
    argv = ["x", "facts"]
    done = act(f"deleted={program}", *argv, bits=bits)
    facts = done["facts"]
    assert facts["exe"] == f"{program} (deleted)"
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    data = fields_of(
        facts,
        f"/dev/fd/{done['before']['fd']}",
        argv,
        inode=file.st_ino,
        device=device,
        mtime=file.st_mtime_ns,
        file_flags=DELETED,
    )
    flags = flags_of(bits) | acting.DELETED
    tap.check(record, context_of(facts, exe=str(program)), data, flags=flags)


@pytest.mark.parametrize("upper", [True, False])
def test_overlay(tap: Tap, overlay: Path, upper: bool, bits: int) -> None:
    program = overlay / "program"
    if upper:
        shutil.copy(ACT[bits], program)
    else:
        shutil.copy(ACT[bits], overlay.parent / "lower" / "program")
        subprocess.run(["mount", "-o", "remount", overlay], check=True)
    facts = act("facts", program=program)["facts"]
    tap.collect()
    flags = OVERLAY | (UPPER if upper else 0)
    data = fields_of(facts, program, [program, "facts"], file_flags=flags)
    record = tap.one("execve", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits) | acting.OVERLAY)


USER = "ids=1000:1000:1000:1000:1000:1000"


def elevated(path: Path, bits: int, mode: int, uid: int = 0, gid: int = 0, caps: int = 0) -> Path:
    shutil.copy(ACT[bits], path)
    os.chown(path, uid, gid)
    path.chmod(mode)
    if caps:
        # struct vfs_cap_data of revision 2, effective.
        data = struct.pack("<5I", 0x02000001, caps & 0xFFFFFFFF, 0, caps >> 32, 0)
        os.setxattr(path, "security.capability", data)
    return path


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "caps", "elevation"),
    [
        (0o4755, 0, 0, 0, SETUID),
        (0o2755, 0, 2000, 0, SETGID),
        (0o6755, 1500, 2000, 0, SETUID | SETGID),
        (0o755, 0, 0, NET_RAW | SYS_TIME, FILE_CAPS),
        (0o4755, 1000, 1000, 0, 0),
        (0o755, 0, 0, 0, 0),
    ],
)
def test_elevation(
    tap: Tap, disk: Path, bits: int, mode: int, uid: int, gid: int, caps: int, elevation: int
) -> None:
    program = elevated(disk / f"elevated{bits}", bits, mode, uid, gid, caps)
    argv = ["x", "facts"]
    done = act("groups=1000", USER, f"exec={program}", *argv, bits=bits)
    facts = done["facts"]
    if elevation & SETUID:
        assert facts["euid"] == uid
    if elevation & SETGID:
        assert facts["egid"] == gid
    assert bool(facts["cap_effective"]) == (elevation == FILE_CAPS or facts["euid"] == 0)
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    data = fields_of(facts, program, argv, elevation=elevation)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_nosuid(tap: Tap, tmpfs: Path) -> None:
    """What a mount option takes back is no elevation."""
    subprocess.run(["mount", "-o", "remount,nosuid", tmpfs], check=True)
    program = elevated(tmpfs / "program", 64, 0o4755)
    facts = act("groups=1000", USER, f"exec={program}", "x", "facts")["facts"]
    assert facts["euid"] == 1000
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    tap.check(record, context_of(facts), fields_of(facts, program, ["x", "facts"], file_flags=TMPFS))


@pytest.mark.parametrize("result", [errno.EACCES, errno.ENOEXEC, errno.EISDIR, errno.ENOTDIR])
def test_refused(tap: Tap, tmpfs: Path, bits: int, result: int) -> None:
    path = tmpfs / os.fsdecode(os.fsencode(NASTY))
    if result == errno.EISDIR:
        path.mkdir()
        result = errno.EACCES
    else:
        path.write_text("neither a script nor a program\n")
        path.chmod(0o755 if result == errno.ENOEXEC else 0o644)
    if result == errno.ENOTDIR:
        path = path / "below"
    argv = [b"x", os.fsencode(NASTY), b"", b"last"]
    env = {"LD_PRELOAD": "/p", "LD_LIBRARY_PATH": "/l", "SSH_CONNECTION": "s"}
    done = act(b"exec=" + os.fsencode(path), *argv, bits=bits, status=1, env=env)
    facts = done["exec"]
    assert facts["result"] == -result
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    data = refused(facts, path, argv, -result, ld_preload="/p", ld_library_path="/l", ssh_connection="s")
    tap.check(record, context_of(facts), data, flags=flags_of(bits) | REREAD, within=done)


def test_refused_long_argv(tap: Tap, bits: int) -> None:
    argv = ["y" * 1000] * 100
    done = act("exec=/etc/passwd", *argv, bits=bits, status=1)
    facts = done["exec"]
    assert facts["result"] == -errno.EACCES
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    block = ("y" * 1000 + "\0") * 100
    data = refused(facts, "/etc/passwd", argv, -errno.EACCES)
    data["argv"] = tuple(block[:8192].split("\0"))
    # The true size would need more reading of user memory than a probe may do.
    data["argv_bytes"] = record.argv_bytes if record.argv_bytes in (None, len(block)) else len(block)
    tap.check(record, context_of(facts), data, flags=flags_of(bits) | REREAD | TRUNCATED)


def test_refused_too_big(tap: Tap) -> None:
    done = act("stack=262144", f"exec={ACT[64]}", *["z" * 100_000] * 3, status=1)
    facts = done["exec"]
    assert facts["result"] == -errno.E2BIG
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    assert (record.result, record.argc, record.truncated) == (-errno.E2BIG, 3, True)


def test_refused_execveat(tap: Tap, tmpfs: Path, bits: int) -> None:
    (tmpfs / "t").write_text("no\n")
    done = act(f"execveat={tmpfs}:t:0", "x", "y", bits=bits, status=1)
    facts = done["execveat"]
    assert facts["result"] == -errno.EACCES
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    data = refused(facts, "t", ["x", "y"], -errno.EACCES)
    tap.check(record, context_of(facts), data, flags=flags_of(bits) | REREAD)


def test_execveat(tap: Tap, disk: Path, bits: int) -> None:
    shutil.copy(ACT[bits], disk / f"at{bits}")
    argv = ["x", "facts"]
    done = act(f"execveat={disk}:at{bits}:0", *argv, bits=bits)
    facts = done["facts"]
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    assert record.filename.endswith(f"/at{bits}") and record.filename.startswith("/dev/fd/")
    tap.check(record, context_of(facts), fields_of(facts, record.filename, argv), flags=flags_of(bits))


def test_search_along_path_is_not_recorded(tap: Tap, bits: int) -> None:
    done = act("exec=/nonexistent/x", "x", bits=bits, status=1)
    assert done["exec"]["result"] == -errno.ENOENT
    tap.collect()
    assert len(tap.of("execve", done["exec"]["tgid"])) == 1


def test_thread(tap: Tap, bits: int) -> None:
    """A thread that executes becomes the first one of its process."""
    argv = ["x", "facts"]
    done = act(f"threadexec={ACT[bits]}", *argv, bits=bits)
    before, facts = done["before"], done["facts"]
    assert before["tid"] != before["tgid"] and facts["tid"] == facts["tgid"] == before["tgid"]
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    tap.check(record, context_of(facts), fields_of(facts, ACT[bits], argv), flags=flags_of(bits), within=done)


def test_refused_thread(tap: Tap) -> None:
    done = act("threadexec=/etc/passwd", "x", status=1)
    facts = done["exec"]
    assert facts["tid"] != facts["tgid"]
    tap.collect()
    record = tap.of("execve", facts["tgid"])[1]
    data = refused(facts, "/etc/passwd", ["x"], -errno.EACCES)
    tap.check(record, context_of(facts), data, flags=REREAD)


def test_identity_stays(tap: Tap) -> None:
    done: Done = act(f"exec={ACT[64]}", "x", "facts")
    tap.collect()
    first, second = tap.of("execve", done["facts"]["tgid"])
    assert (first.start_time, first.parent_start_time) == (second.start_time, second.parent_start_time)
