# SPDX-License-Identifier: GPL-2.0-only
"""A container made of its parts: namespaces, an overlay as its root, a cgroup as a runtime names it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acting import (
    ACT,
    CGROUPS,
    DELETED,
    NASTY,
    OUTSIDE,
    OVERLAY,
    Done,
    Facts,
    Tap,
    act,
    ancestors_from,
    context_of,
    file_device,
    flags_of,
    waiting,
)
from ksonde.enrich.container import UNKNOWN, Container
from ksonde.enrich.containers import Containers
from test_create_file import fields_of as created
from test_execve import OVERLAY as ON_OVERLAY
from test_execve import UPPER
from test_execve import fields_of as executed
from test_open import LARGE

EVENTS = ["execve", "create_file", "open", "rename", "chmod", "exit"]

ID = "3f2a9c0d1e4b5a6978877665544332211000ffeeddccbbaa9988776655443322"
POD = "6f1b2c3d-0a1b-4c2d-8e3f-00112233445a"
DOCKER = f"docker/{ID}"
SLICES = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice"
#: Paths as the runtimes make them, and what they mean.
CGROUP_NAMES = [
    (DOCKER, Container(ID, "docker")),
    (f"system.slice/docker-{ID}.scope/init", Container(ID, "docker")),
    (f"{SLICES}/cri-containerd-{ID}.scope", Container(ID, "containerd", POD)),
    (f"kubepods/besteffort/pod{POD}/crio-{ID}", Container(ID, "cri-o", POD)),
    (f"machine.slice/libpod-{ID}.scope/container", Container(ID, "podman")),
    ("machine.slice/systemd-nspawn@my\\x2dweb.service/payload", Container("my-web", "systemd-nspawn")),
    ("lxc.payload.web", Container("web", "lxc")),
    (f"machine.slice/libpod-conmon-{ID}.scope", None),
    (f"elsewhere/{NASTY[3:]}", None),
]


@contextmanager
def cgroup(path: str) -> Iterator[Path]:
    """A cgroup, with those above it; nothing is left of them."""
    made = []
    for part in reversed([Path(path), *Path(path).parents][:-1]):
        folder = CGROUPS / part
        if not folder.exists():
            folder.mkdir()
            made.append(folder)
    try:
        yield CGROUPS / path
    finally:
        for folder in reversed(made):
            if folder.exists():
                folder.rmdir()


@dataclass
class Box:
    """What containers are made of."""

    root: Path
    cgroup: Path

    def steps(self, bits: int, *steps: str, namespaces: str = "mnt:uts:net:ipc") -> list[str]:
        """How one is made, and what its program does then."""
        return [
            f"cgroup={self.cgroup}",
            f"unshare={namespaces}",
            *(["fork"] if "pid" in namespaces else []),
            "hostname=web-1",
            f"newroot={self.root}",
            f"exec=/bin/act{bits}",
            f"act{bits}",
            *steps,
        ]

    def run(self, bits: int, *steps: str, **options: Any) -> Done:
        return act(*self.steps(bits, *steps), bits=bits, **options)


@pytest.fixture
def box(place: Path) -> Iterator[Box]:
    """An image in the lower layer, with programs, /data/old and places for /proc and more."""
    subprocess.run(["modprobe", "overlay"], check=True)
    base, root = place / "layers", place / "layers/root"
    base.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", base], check=True)
    for name in ("image/bin", "image/data", "image/proc", "image/tmp", "upper", "work", "root"):
        (base / name).mkdir(parents=True)
    for bits, program in ACT.items():
        shutil.copy(program, base / f"image/bin/act{bits}")
    (base / "image/data/old").touch(mode=0o644)
    options = f"lowerdir={base}/image,upperdir={base}/upper,workdir={base}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", root], check=True)
    with cgroup(DOCKER) as where:
        yield Box(root, where)
    subprocess.run(["umount", "-l", root], check=True)
    subprocess.run(["umount", "-l", base], check=True)


def check_inside(facts: Facts) -> dict[str, Any]:
    """The context of what runs in a container, whose namespaces are all others than ours."""
    for name in ("mnt", "net"):
        assert facts[f"{name}_ns"] != os.stat(f"/proc/self/ns/{name}").st_ino
    assert facts["hostname"] == "web-1" and facts["cgroup_path"] == f"/{DOCKER}"
    return context_of(facts)


def test_program(tap: Tap, box: Box, bits: int) -> None:
    """The program, by the paths that it has inside."""
    ancestors = ancestors_from(os.getpid())[:12]
    done = box.run(bits, "facts")
    facts = done["facts"]
    assert facts["exe"] == f"/bin/act{bits}" and facts["cwd"] == "/"
    tap.collect()
    record = tap.one("execve", facts["tgid"], filename=f"/bin/act{bits}")
    image = box.root / f"bin/act{bits}"
    data = executed(
        facts,
        f"/bin/act{bits}",
        [f"act{bits}", "facts"],
        ancestors=ancestors,
        inode=image.stat().st_ino,
        mtime=image.stat().st_mtime_ns,
        device=file_device(image),
        file_flags=ON_OVERLAY,
    )
    tap.check(record, check_inside(facts), data, flags=flags_of(bits) | OVERLAY, within=done)
    assert Containers().of(record) == Container(ID, "docker")


def test_program_of_its_own_making(tap: Tap, box: Box, bits: int) -> None:
    """What was put there after the start lies in the upper layer."""
    shutil.copy(ACT[bits], box.root / "tmp/new")
    facts = box.run(bits, "exec=/tmp/new", "new", "facts")["facts"]
    tap.collect()
    record = tap.one("execve", facts["tgid"], filename="/tmp/new")
    assert (record.exe, record.file_flags) == ("/tmp/new", ON_OVERLAY | UPPER)


def test_files(tap: Tap, box: Box, bits: int) -> None:
    """Absolute paths, as those inside see them, by names that are relative and go around."""
    done = box.run(
        bits,
        "umask=022",
        "chdir=/data",
        "create=644:../data/new",
        "open=0:0:old",
        "rename=new:./newer",
        "chmod=4755:newer",
    )
    facts = done["create"]
    context = check_inside(facts)
    tap.collect()
    made = tap.one("create_file", facts["tgid"])
    flags = flags_of(bits) | OVERLAY
    tap.check(made, context, created(facts, "/data/new", fs_id="overlay"), flags=flags, within=done)
    opened = tap.one("open", facts["tgid"], filename="old")
    assert opened.path == "/data/old"
    assert opened.flags_ == (LARGE if bits == 64 else 0)
    renamed = tap.one("rename", facts["tgid"])
    assert (renamed.old_path, renamed.new_path) == ("/data/new", "/data/newer")
    changed = tap.one("chmod", facts["tgid"])
    assert (changed.path, changed.mode) == ("/data/newer", 0o4755)
    ended = tap.one("exit", facts["tgid"])
    containers = Containers()
    for record in (made, opened, renamed, changed, ended):
        assert record.to_dict()["process"] == context
        assert record.flags == (flags if record is not ended else flags_of(bits) & record.flags)
        assert containers.of(record) == Container(ID, "docker")


def test_first_process(tap: Tap, box: Box, bits: int) -> None:
    """In a pid namespace of its own, where it is process 1."""
    done = act(*box.steps(bits, f"create=600:/{NASTY}", namespaces="mnt:uts:net:ipc:pid"), bits=bits)
    facts = done["create"]
    assert facts["ns_pid"] == 1 and facts["pid_ns"] != os.stat("/proc/self/ns/pid").st_ino
    tap.collect()
    record = tap.one("create_file", facts["tgid"])
    data = created(facts, f"/{NASTY}", fs_id="overlay")
    tap.check(record, check_inside(facts), data, flags=flags_of(bits) | OVERLAY)
    assert Containers().of(record) == Container(ID, "docker")


def test_outside(tap: Tap, box: Box, tmpfs: Path, bits: int) -> None:
    """What was left open by whoever made the container leads out of it: the path is that of the host."""
    shutil.copy(ACT[bits], tmpfs)
    held = os.open(tmpfs, os.O_RDONLY | os.O_DIRECTORY)
    try:
        done = box.run(
            bits,
            "umask=022",
            "create=640:/proc/self/fd/0/x",
            "chmod=4755:/proc/self/fd/0/x",
            "fork",
            f"exec=/proc/self/fd/0/act{bits}",
            "stolen",
            "create=600:/tmp/after",
            stdin=held,
        )
    finally:
        os.close(held)
    made = [line for line in done.lines if line["act"] == "create"]
    tap.collect()
    record = tap.one("create_file", made[0]["tgid"])
    data = created(made[0], f"{tmpfs}/x")
    tap.check(record, check_inside(made[0]), data, flags=flags_of(bits) | OUTSIDE)
    changed = tap.one("chmod", made[0]["tgid"])
    assert (changed.path, changed.flags) == (f"{tmpfs}/x", flags_of(bits) | OUTSIDE)
    stolen = tap.one("execve", made[1]["tgid"])
    assert (stolen.exe, stolen.flags) == (f"{tmpfs}/act{bits}", flags_of(bits) | OUTSIDE)
    after = tap.one("create_file", made[1]["tgid"])
    assert (after.path, after.exe) == ("/tmp/after", f"{tmpfs}/act{bits}")
    assert after.flags == flags_of(bits) | OVERLAY


def test_deleted(tap: Tap, tmpfs: Path, bits: int) -> None:
    """The path that it had, byte for byte, and a flag for what d_path() would append."""
    name = tmpfs / f"{NASTY} (deleted)"
    name.touch(mode=0o644)
    held = os.open(name, os.O_RDWR)
    try:
        kept = act("chmod=4755:/proc/self/fd/0", "open=0:0:/proc/self/fd/0", bits=bits, stdin=held)
        name.unlink()
        gone = act("chmod=2755:/proc/self/fd/0", "open=0:0:/proc/self/fd/0", bits=bits, stdin=held)
    finally:
        os.close(held)
    tap.collect()
    for done, mode, flag in ((kept, 0o4755, 0), (gone, 0o2755, DELETED)):
        changed = tap.one("chmod", done["chmod"]["tgid"])
        assert (changed.path, changed.mode, changed.flags) == (str(name), mode, flags_of(bits) | flag)
        opened = tap.one("open", done["open"]["tgid"], filename="/proc/self/fd/0")
        assert (opened.path, opened.flags) == (str(name), flags_of(bits) | flag)


def test_changed_root(tap: Tap, box: Box, tmpfs: Path, bits: int) -> None:
    """A chroot is no namespace: its paths are those of the namespace, and it can look out of it."""

    def enter() -> None:
        os.chroot(box.root)
        os.chdir("/")

    subprocess.run(["mount", "--bind", "/proc", box.root / "proc"], check=True)
    held = os.open(tmpfs, os.O_RDONLY | os.O_DIRECTORY)
    try:
        done = act(
            "create=600:/data/inside",
            "creat=600:/proc/self/fd/0/outside",
            bits=bits,
            program=f"/bin/act{bits}",
            prepare=enter,
            stdin=held,
        )
    finally:
        os.close(held)
        subprocess.run(["umount", box.root / "proc"], check=True)
    tap.collect()
    inside, outside = tap.of("create_file", done["create"]["tgid"])
    context = context_of(done["create"], exe=f"{box.root}/bin/act{bits}")
    data = created(done["create"], f"{box.root}/data/inside", fs_id="overlay")
    tap.check(inside, context, data, flags=flags_of(bits) | OVERLAY)
    tap.check(outside, context, created(done["creat"], f"{tmpfs}/outside"), flags=flags_of(bits) | OUTSIDE)
    assert Containers().of(inside) is None


@pytest.mark.parametrize(("path", "container"), CGROUP_NAMES)
def test_cgroups(tap: Tap, tmpfs: Path, path: str, container: Container | None) -> None:
    """While the process lives it is asked; when it is gone its cgroup is searched for."""
    with cgroup(path) as where:
        living = waiting(f"cgroup={where}", f"create=600:{tmpfs}/x", "ready")
        tap.collect()
        record = tap.one("create_file", living.process.pid)
        asked = Containers()
        assert asked.of(record) == container
        living.next()
        living.go()
        searched = Containers()
        assert searched.of(record) == container
    for known in (asked, searched):
        assert known.of(record) == container
    assert Containers().of(record) is UNKNOWN


def cli(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "ksonde", *map(str, arguments)]


def test_watch(box: Box) -> None:
    command = [str(ACT[64]), *box.steps(64, "create=600:/data/x")]
    watch = cli("watch", "--json", "--event", "create_file,execve", "--", *command)
    done = subprocess.run(watch, capture_output=True, text=True, check=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    outside, *inside = [line for line in lines if line["process"]["comm"].startswith("act")]
    assert "container" not in outside["process"] and outside["process"]["exe"] == str(ACT[64])
    assert [line["event"] for line in inside] == ["execve", "create_file"]
    for line in inside:
        assert line["process"]["container"] == {"uid": ID, "runtime": "docker", "pod_uuid": None}
    command = [str(ACT[64]), *box.steps(64, "create=600:/data/y")]
    done = subprocess.run(
        cli("watch", "--event", "create_file", "--", *command),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert "/data/y (" in done.stdout and "(in docker 3f2a9c0d1e4b)" in done.stdout


def test_agent(box: Box, place: Path) -> None:
    log = place / "events.jsonl"
    with subprocess.Popen(cli("agent", "--event", "create_file", "--output", log)) as agent:
        end = time.monotonic() + 60
        while not (log.exists() and log.stat().st_size):
            assert time.monotonic() < end and agent.poll() is None
            time.sleep(0.1)
        facts = box.run(64, "create=600:/data/x")["create"]
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(60) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    mine = [line for line in lines if line.get("process", {}).get("tgid") == facts["tgid"]]
    assert [line["data"]["path"] for line in mine] == ["/data/x"]
    assert mine[0]["process"]["container"]["uid"] == ID
