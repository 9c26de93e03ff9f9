# SPDX-License-Identifier: GPL-2.0-only
"""Event 602."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from acting import NASTY, OVERLAY, Facts, Tap, act, context_of, flags_of

EVENTS = ["create_file"]


def fields_of(facts: Facts, path: str, **other: Any) -> dict[str, Any]:
    expected = {
        "path": path,
        "mode": facts["mode"],
        "device": facts["device"],
        "fs_id": "tmpfs",
        "mount_known": 1,
        "socket_family": None,
        "socket_local_port": None,
        "socket_remote_port": None,
        "socket_local_address": None,
        "socket_remote_address": None,
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


@pytest.mark.parametrize("call", ["create", "creat", "mknod"])
def test_file(tap: Tap, tmpfs: Path, bits: int, call: str) -> None:
    path = os.fsdecode(os.fsencode(tmpfs) + b"/" + os.fsencode(NASTY))
    done = act("umask=027", f"{call}=666:{path}", bits=bits, cwd=tmpfs)
    facts = done[call]
    assert facts["result"] >= 0 and facts["mode"] == 0o100640
    tap.collect()
    record = tap.one("create_file", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, path), flags=flags_of(bits), within=done)


def test_special_bits(tap: Tap, tmpfs: Path) -> None:
    facts = act("umask=0", f"create=6751:{tmpfs}/s")["create"]
    assert facts["mode"] == 0o106751
    tap.collect()
    record = tap.one("create_file", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, f"{tmpfs}/s"))


def test_openat(tap: Tap, tmpfs: Path, bits: int) -> None:
    """Relative to a descriptor, from elsewhere."""
    folder = tmpfs / "a" / "b"
    folder.mkdir(parents=True)
    facts = act("chdir=/", f"openat=600:../c:{folder}", bits=bits)["openat"]
    assert (tmpfs / "a" / "c").exists()
    tap.collect()
    record = tap.one("create_file", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, f"{tmpfs}/a/c"), flags=flags_of(bits))


def test_relative(tap: Tap, tmpfs: Path) -> None:
    facts = act(f"chdir={tmpfs}", "create=600:here")["create"]
    tap.collect()
    record = tap.one("create_file", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, f"{tmpfs}/here"))


def test_bind_mount(tap: Tap, tmpfs: Path, place: Path, bits: int) -> None:
    """The path is that of the mount that was used."""
    inner = tmpfs / "inner"
    inner.mkdir()
    bound = place / "bound"
    bound.mkdir()
    subprocess.run(["mount", "--bind", inner, bound], check=True)
    try:
        done = act(f"create=600:{bound}/x", f"creat=600:{inner}/y", bits=bits)
        tap.collect()
        made = tap.of("create_file", done["create"]["tgid"])
        assert len(made) == 2
        for record, step, path in zip(made, ("create", "creat"), (f"{bound}/x", f"{inner}/y")):
            facts = done[step]
            tap.check(record, context_of(facts), fields_of(facts, path), flags=flags_of(bits))
    finally:
        subprocess.run(["umount", bound], check=True)


def test_mknod_elsewhere(tap: Tap, tmpfs: Path, bits: int) -> None:
    """mknod(2) beyond the mount of the current directory: no mount is known, and the record says so."""
    facts = act("chdir=/", f"mknod=600:{tmpfs}/n", bits=bits)["mknod"]
    tap.collect()
    data = fields_of(facts, f"{tmpfs}/n")
    record = tap.one("create_file", facts["tgid"])
    if not record.mount_known:
        data = {**data, "path": "/n", "mount_known": 0}
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_disk(tap: Tap, disk: Path, bits: int) -> None:
    """A block device has a number and a name."""
    facts = act("umask=022", f"create=644:{disk}/d{bits}", bits=bits)["create"]
    assert facts["device"] >> 20
    tap.collect()
    source = subprocess.run(["findmnt", "-no", "SOURCE", disk], capture_output=True, text=True, check=True)
    data = fields_of(facts, f"{disk}/d{bits}", fs_id=Path(source.stdout.strip()).name)
    tap.check(tap.one("create_file", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_overlay(tap: Tap, overlay: Path, bits: int) -> None:
    """One record, of the overlay, and none of its upper layer."""
    facts = act("umask=022", f"create=644:{overlay}/o", bits=bits)["create"]
    assert (overlay.parent / "upper" / "o").exists()
    tap.collect()
    data = fields_of(facts, f"{overlay}/o", fs_id="overlay")
    tap.check(tap.one("create_file", facts["tgid"]), context_of(facts), data, flags=flags_of(bits) | OVERLAY)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    there = tmpfs / "there"
    there.touch()
    tap.collect()
    done = act(f"create=600:{there}", f"mkdir={tmpfs}/d", f"fifo={tmpfs}/f", bits=bits)
    tgid = done["create"]["tgid"]
    refused = act(f"openat=600:there:{tmpfs}", bits=bits)["openat"]
    assert refused["result"] == -17
    denied = act("groups=1", "ids=1:1:1:1:1:1", f"create=600:{tmpfs}/denied", bits=bits)["create"]
    assert denied["result"] == -13
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    frozen = act(f"create=600:{tmpfs}/frozen", f"mknod=600:{tmpfs}/frozen2", bits=bits)
    subprocess.run(["mount", "-o", "remount,rw", tmpfs], check=True)
    assert frozen["create"]["result"] == -30 and frozen["mknod"]["result"] == -30
    tap.collect()
    for pid in (tgid, refused["tgid"], denied["tgid"], frozen["create"]["tgid"]):
        assert not tap.of("create_file", pid)


def test_socket_of_the_process(tap: Tap, tmpfs: Path, listener: socket.socket, bits: int) -> None:
    port = listener.getsockname()[1]
    done = act(f"socket=127.0.0.1:{port}", f"create=600:{tmpfs}/x", bits=bits)
    held, facts = done["socket"], done["create"]
    tap.collect()
    data = fields_of(
        facts,
        f"{tmpfs}/x",
        socket_family=2,
        socket_local_port=held["local_port"],
        socket_remote_port=port,
        socket_local_address="127.0.0.1",
        socket_remote_address="127.0.0.1",
    )
    tap.check(tap.one("create_file", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_socket_that_is_not_connected(tap: Tap, tmpfs: Path) -> None:
    done = act("bind=127.0.0.3", f"create=600:{tmpfs}/x")
    held, facts = done["bind"], done["create"]
    tap.collect()
    data = fields_of(
        facts,
        f"{tmpfs}/x",
        socket_family=2,
        socket_local_port=held["local_port"],
        socket_local_address="127.0.0.3",
    )
    tap.check(tap.one("create_file", facts["tgid"]), context_of(facts), data)


def test_longest_path(tap: Tap, tmpfs: Path) -> None:
    """A path beyond PATH_MAX, made by relative steps: whole, or cut and flagged, never missing."""
    part = "p" * 250
    here = os.open(tmpfs, os.O_RDONLY)
    for _ in range(18):
        os.mkdir(part, dir_fd=here)
        new = os.open(part, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = new
    try:
        facts = act("create=600:deep", prepare=lambda: os.fchdir(here))["create"]
    finally:
        os.close(here)
    assert facts["result"] >= 0
    tap.collect()
    record = tap.one("create_file", facts["tgid"])
    assert record.truncated or (record.path or "").endswith(f"{part}/deep")
