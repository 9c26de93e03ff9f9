# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from ksonde_tools import check, common, host, initramfs, kernel, machine, module, watch


@pytest.mark.parametrize(
    "line",
    [
        "[    5.4] WARNING: CPU: 0 PID: 1 at kernel/softirq.c:362 x+0x1/0x2 [ksonde]",
        "[    5.4] BUG: unable to handle page fault for address: 0000000000000010",
        "[    5.4] BUG: KASAN: use-after-free in ring_reserve+0x12/0x40 [ksonde]",
        "[    5.4] Oops: 0002 [#1] PREEMPT SMP",
        "[    5.4] WARNING: possible recursive locking detected",
        "[    5.4] INFO: task insmod:123 blocked for more than 120 seconds.",
        "[    5.4] rcu: INFO: rcu_preempt self-detected stall on CPU",
        "[    5.4] general protection fault, probably for non-canonical address 0xdead000000000122",
        "[    5.4] Kernel panic - not syncing: Attempted to kill init!",
        "[    5.4] refcount_t: underflow; use-after-free.",
        "[    5.4] lockdep: fixing up alternatives went wrong",
    ],
)
def test_bad_lines(tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(f"[    5.3] fine\n{line}\n[    5.5] ksonde: loading out-of-tree module taints kernel.\n")
    assert machine.bad_lines(log) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "[    1.0] Unstable clock detected, switching default tracing clock to global",
        "[    1.0] ksonde: module verification failed: signature missing - tainting kernel",
        "[    1.0] DEBUG: nothing",
        "[    1.0] rcu: RCU lockdep checking is enabled.",
        "[    1.0] sysrq: Resetting",
        "[  542.113423]  ? lockdep_hardirqs_on+0x7e/0x100",
        "[  542.113423]  lockdep_init_map_type+0x7e/0x100",
    ],
)
def test_harmless_lines(tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(line + "\n")
    assert machine.bad_lines(log) == []


PANIC = (
    "[ 9.9] Kernel panic - not syncing: a fixture\n[ 9.9] ---[ end Kernel panic - not syncing: a fixture ]---"
)
OTHER = "[    9.8] BUG: unable to handle page fault for address: 0000000000000010"


@pytest.mark.parametrize(
    ("log", "code", "expected"),
    [
        (PANIC, common.EXIT_GUEST_DIED, (0, [])),
        (f"{OTHER}\n{PANIC}", common.EXIT_GUEST_DIED, (0, [OTHER])),
        (PANIC.replace("a fixture", "another"), common.EXIT_GUEST_DIED, (common.EXIT_GUEST_DIED, None)),
        ("fine", common.EXIT_GUEST_DIED, (common.EXIT_GUEST_DIED, None)),
        ("fine", 7, (7, None)),
        ("fine", 0, (common.EXIT_TOOL, None)),
    ],
)
def test_a_panic_that_is_asked_for(
    tmp_path: Path, log: str, code: int, expected: tuple[int, list[str] | None]
) -> None:
    """That panic is the good end; no other, and no life."""
    path = tmp_path / "log"
    path.write_text(f"{log}\n")
    bad = machine.bad_lines(path)
    wanted = expected[0], bad if expected[1] is None else expected[1]
    assert machine._panicked("a fixture", code, path, bad) == wanted


def test_newest_is_by_number() -> None:
    versions = ["6.1.0-9-amd64", "6.1.0-56-amd64", "6.1.0-10-amd64"]
    assert kernel._newest(versions) == "6.1.0-56-amd64"
    assert kernel._newest([]) is None


@pytest.mark.parametrize("name", ["six", "6", "6.1.0", "6.1/..", ""])
def test_a_name_that_is_no_kernel(name: str) -> None:
    with pytest.raises(common.ToolError, match="no kernel's version"):
        kernel._full_version(name)


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_image_is_unpacked(pack: object) -> None:
    elf = b"\x7fELF" + bytes(range(256)) * 8
    assert callable(pack)
    assert kernel._unpack_image(b"MZ" + bytes(100) + pack(elf) + b"tail") == elf


def test_image_of_an_unknown_kind_stays() -> None:
    assert kernel._unpack_image(b"MZ no kernel \xfd7zXZ\x00 broken") == b"MZ no kernel \xfd7zXZ\x00 broken"


def test_archive_is_what_cpio_reads() -> None:
    archive = initramfs._Archive()
    archive.add("d", 0o040755)
    archive.add("d/file", 0o100644, b"odd")
    archive.add("d/other", 0o100755, b"four")
    data = archive.close()
    names = []
    stream = io.BytesIO(data)
    while True:
        head = stream.read(110)
        size, length = int(head[54:62], 16), int(head[94:102], 16)
        name = stream.read(length).rstrip(b"\0").decode()
        stream.read(-(110 + length) % 4)
        if name == "TRAILER!!!":
            break
        names.append((name, int(head[14:22], 16), stream.read(size)))
        stream.read(-size % 4)
    assert names == [("d", 0o040755, b""), ("d/file", 0o100644, b"odd"), ("d/other", 0o100755, b"four")]


def test_modules_may_be_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.ko").write_bytes(b"plain")
    (tmp_path / "b.ko.xz").write_bytes(lzma.compress(b"packed"))
    assert [initramfs._module(tmp_path / f"{name}.ko") for name in "abc"] == [b"plain", b"packed", None]


def test_only_what_differs_is_copied(tmp_path: Path) -> None:
    module._copy({"Kbuild": b"1", "a/x.c": b"2", "a/y.c": b"3"}, tmp_path)
    before = (tmp_path / "a/x.c").stat().st_mtime_ns
    (tmp_path / "a/x.o").write_bytes(b"built")
    module._copy({"Kbuild": b"1", "a/x.c": b"2", "a/z.c": b"4"}, tmp_path)
    assert (tmp_path / "a/x.c").stat().st_mtime_ns == before
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["x.c", "x.o", "z.c"]


@pytest.mark.parametrize(("text", "seconds"), [("20s", 20), ("500ms", 0.5), ("2m", 120), ("1.5", 1.5)])
def test_times(text: str, seconds: float) -> None:
    assert watch._seconds(text) == seconds


def test_a_time_that_is_none() -> None:
    with pytest.raises(common.ToolError) as caught:
        watch._seconds("soon")
    assert caught.value.code == 2


def test_host_without_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_capable", lambda: True)
    monkeypatch.setattr(host, "_read", lambda _path: "")
    monkeypatch.setattr(host, "_offered", lambda _release: False)
    monkeypatch.setattr(host, "_has_modules", lambda: True)
    monkeypatch.setattr(kernel, "headers", lambda _release: None)
    assert "no headers" in str(host.why_not())
    monkeypatch.setattr(host, "_offered", lambda _release: True)
    assert host.why_not() is None


def test_host_locked_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_capable", lambda: True)
    monkeypatch.setattr(host, "_has_modules", lambda: True)
    monkeypatch.setattr(host, "_read", lambda path: "none [integrity]" if "lockdown" in path else "")
    assert "locked down (integrity)" in str(host.why_not())


def test_too_long_a_function_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "long.c").write_text("int f(void)\n{\n" + "\tg();\n" * 61 + "}\n")
    (tmp_path / "short.c").write_text("int f(void)\n{\n" + "\tg();\n" * 60 + "}\n")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "_DRIVER", tmp_path)
    assert check._sizes() == "long.c:2: 61 lines, more than 60"


def test_fence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("core", "compat"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.h").write_text("#if LINUX_VERSION_CODE < 1\n#endif\n")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "_DRIVER", tmp_path)
    assert check._fence().startswith("core/x.h:1: ")


@pytest.mark.parametrize(
    ("tool", "words"), [("vm", "--kernel"), ("watch", "--json"), ("test", "--vm"), ("check", "--only")]
)
def test_help(tool: str, words: str) -> None:
    command = [sys.executable, "-m", f"ksonde_tools.{tool}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=common.ROOT / "tools")
    assert done.returncode == 0
    assert words in done.stdout
