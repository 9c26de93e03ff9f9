# SPDX-License-Identifier: GPL-2.0-only
"""Event 603."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acting import HELLO, NASTY, Between, Facts, Tap, act, ancestors_from, context_of, flags_of

EVENTS = ["load_module"]

NAME = "ksonde_hello"
MODULE = Path(f"/sys/module/{NAME}")
TAINTS = {"P": 0, "F": 1, "C": 10, "O": 12, "E": 13, "K": 15, "X": 16, "T": 17}


@pytest.fixture(autouse=True)
def unloaded() -> Iterator[None]:
    yield
    if MODULE.exists():
        subprocess.run(["rmmod", NAME], check=True)


def loading(facts: Facts, file: str | None, **other: Any) -> dict[str, Any]:
    """Stage 1; the module itself says how large it is."""
    expected: dict[str, Any] = {
        "stage": 1,
        "name": NAME,
        "file": file,
        "size": None,
        "taints": None,
        "signature": 0,
        "cwd": facts["cwd"],
        "ancestors": ancestors_from(facts["parent_tgid"])[:12],
        "result": None,
    }
    if MODULE.exists():
        sizes = [int((MODULE / "parameters" / name).read_text()) for name in ("core_size", "init_size")]
        assert all(sizes)
        expected["size"] = sum(sizes)
        expected["taints"] = sum(1 << TAINTS[letter] for letter in (MODULE / "taint").read_text().strip())
        assert expected["taints"]
    assert set(other) <= set(expected)
    return {**expected, **other}


def failed(facts: Facts, result: int, file: str | None, name: str | None) -> dict[str, Any]:
    nothing = dict.fromkeys(("size", "taints", "signature"))
    return loading(facts, file, **nothing, stage=2, name=name, result=result)


@pytest.mark.parametrize("call", ["finit", "init"])
def test_loaded(tap: Tap, place: Path, bits: int, call: str) -> None:
    file = os.fsdecode(os.fsencode(place) + b"/" + os.fsencode(NASTY))
    shutil.copy(HELLO, file)
    done = act(f"{call}={file}", bits=bits, cwd=place)
    facts = done[call]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("load_module", facts["tgid"])
    data = loading(facts, file if call == "finit" else None)
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


@pytest.mark.parametrize("call", ["finit", "init"])
def test_init_function_fails(tap: Tap, bits: int, call: str) -> None:
    """Accepted, and then failed: two records."""
    done = act(f"{call}={HELLO}:fail={errno.ENODEV}", bits=bits)
    facts = done[call]
    assert facts["result"] == -errno.ENODEV
    tap.collect()
    first, second = tap.of("load_module", facts["tgid"])
    file = str(HELLO) if call == "finit" else None
    sizes = {"size": first.size, "taints": 1 << TAINTS["O"] | 1 << TAINTS["E"]}
    tap.check(first, context_of(facts), loading(facts, file, **sizes), flags=flags_of(bits), within=done)
    assert first.size >= 8192
    data = failed(facts, -errno.ENODEV, file, second.name)
    assert second.name in (None, NAME)
    tap.check(second, context_of(facts), data, flags=flags_of(bits), within=done)


def test_bad_image(tap: Tap, bits: int) -> None:
    facts = act("garbage", bits=bits)["garbage"]
    assert facts["result"] == -errno.ENOEXEC
    tap.collect()
    record = tap.one("load_module", facts["tgid"])
    tap.check(record, context_of(facts), failed(facts, -errno.ENOEXEC, None, None), flags=flags_of(bits))


def test_bad_file(tap: Tap, place: Path, bits: int) -> None:
    file = place / "no module"
    file.write_bytes(b"x" * 10_000)
    facts = act(f"finit={file}", bits=bits)["finit"]
    assert facts["result"] == -errno.ENOEXEC
    tap.collect()
    record = tap.one("load_module", facts["tgid"])
    tap.check(record, context_of(facts), failed(facts, -errno.ENOEXEC, str(file), None), flags=flags_of(bits))


@pytest.mark.parametrize("call", ["finit", "init"])
def test_unprivileged(tap: Tap, place: Path, bits: int, call: str) -> None:
    file = place / "hello.ko"
    shutil.copy(HELLO, file)
    facts = act("ids=1000:1000:1000:1000:1000:1000", f"{call}={file}", bits=bits)[call]
    assert facts["result"] == -errno.EPERM
    tap.collect()
    record = tap.one("load_module", facts["tgid"])
    data = failed(facts, -errno.EPERM, str(file) if call == "finit" else None, None)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_loaded_twice(tap: Tap) -> None:
    done = act(f"finit={HELLO}", f"init={HELLO}")
    assert done["init"]["result"] == -errno.EEXIST
    tap.collect()
    first, second = tap.of("load_module", done["init"]["tgid"])
    assert (first.stage, first.name) == (1, NAME)
    assert (second.stage, second.result, second.file) == (2, -errno.EEXIST, None)


def test_signed(tap: Tap) -> None:
    """A module of the system's own."""
    subprocess.run(["modprobe", "-r", "dummy"], check=True)
    found = subprocess.run(["modinfo", "-n", "dummy"], capture_output=True, text=True, check=True)
    file = str(Path(found.stdout.strip()).resolve())
    facts = act(f"finit={file}:numdummies=0")["finit"]
    assert facts["result"] == 0
    tap.collect()
    core = int(Path("/sys/module/dummy/coresize").read_text())
    data = loading(facts, file, name="dummy", size=Between(core + 1, core + 65536), taints=0, signature=1)
    subprocess.run(["modprobe", "-r", "dummy"], check=True)
    tap.check(tap.one("load_module", facts["tgid"]), context_of(facts), data)


def test_by_modprobe(tap: Tap) -> None:
    subprocess.run(["modprobe", "-r", "dummy"], check=True)
    subprocess.run(["modprobe", "dummy", "numdummies=0"], check=True)
    subprocess.run(["modprobe", "-r", "dummy"], check=True)
    tap.collect()
    record = next(record for record in tap.of("load_module") if record.name == "dummy")
    assert (record.stage, record.taints, record.comm) == (1, 0, "modprobe")
    assert record.ancestors[0].tgid == os.getpid()
