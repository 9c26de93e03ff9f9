# SPDX-License-Identifier: GPL-2.0-only
"""Is the kernel's code still what was booted: parts `entries` and `text` of a scan."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import ksonde
from acting import DRIVER, TESTS, fixture
from ksonde import inspection, integrity
from ksonde.errors import DriverError
from ksonde.pristine.image import build_id, unpacked
from ksonde.uapi import Inspect
from tracing import SCHEDSTATS, optimized, probed, traced

RELEASE = platform.release()
#: What the machine was booted from, where a scan finds it; and as it was packed, where that is another file.
IMAGE = f"/boot/vmlinuz-{RELEASE}"
_OTHER = os.environ.get("KSONDE_CACHE", "/nowhere") + f"/kernels/{RELEASE}/root{IMAGE}"
PACKED = _OTHER if Path(_OTHER).exists() else IMAGE
#: Modules that nobody needs here.
LARGE = ("ext4", "nf_tables")
#: Files of modules that did not come from /lib/modules.
MODULES = [TESTS, DRIVER]


def parts(image: str | None = None) -> dict[str, integrity.Part]:
    return {part.name: part for part in integrity.scan(image=image, modules=MODULES)}


def quiet(times: int) -> None:
    """Nothing is found, and no entry is left out, in so many scans, and twenty times as many of entries."""
    for _ in range(times):
        scanned = parts()
        assert [str(finding) for part in scanned.values() for finding in part.findings] == []
        assert scanned["entries"].why == ""
        for _ in range(20):
            found = inspection.look(Inspect.INTEGRITY, scanned["entries"].number)
            assert (found["findings"], found["why"]) == ([], "")


def code_of(name: str) -> int:
    lines = (line.split() for line in Path("/proc/kallsyms").read_text().splitlines())
    return next(int(words[0], 16) for words in lines if words[2] == name)


def test_a_clean_kernel() -> None:
    scanned = parts()
    assert scanned["entries"].findings == scanned["text"].findings == ()
    assert scanned["entries"].why == ""
    assert scanned["entries"].checked > 30000
    assert scanned["text"].checked == code_of("_etext") - code_of("_stext")
    assert scanned["text"].why == ""


def test_clean_modules() -> None:
    """All of them, with some large ones, and our own."""
    subprocess.run(["modprobe", "-a", *LARGE], check=True)
    with fixture("hello"):
        part = parts()["module_text"]
        assert (part.findings, part.why) == ((), "")
        code = 0
        for sections in Path("/sys/module").glob("*/sections"):
            code += sections.parent.name in ("ksonde", "ksonde_hello", *LARGE)
        assert code == 2 + len(LARGE)
        assert part.checked > 1 << 20


def test_a_change_in_a_module() -> None:
    """Of one bit of an instruction far behind its function's begin."""
    subprocess.run(["modprobe", *LARGE[:1]], check=True)
    with fixture("inline", "function=ext4_mkdir", "body=1"):
        scanned = parts()
        assert [name for name, part in scanned.items() if part.findings] == ["module_text"]
        (finding,) = scanned["module_text"].findings
        where = re.fullmatch(r"ext4_mkdir\+0x([0-9a-f]+) \[ext4\]", finding.where)
        assert where is not None
        assert int(where[1], 16) > 16
        assert finding.event == 704
        assert finding.what == "the code was changed: 49, in the file 41"
        assert finding.place is None
    quiet(1)


def test_a_module_of_another_build(tmp_path: Path) -> None:
    """What has no file is said, and so is a file that is none of this module."""
    with fixture("hello"):
        part = {part.name: part for part in integrity.scan()}["module_text"]
        assert part.findings == ()
        assert "ksonde_hello: no file of it was found" in part.why.replace(", ", ": ")
        other = tmp_path / "ksonde_hello.ko"
        other.write_bytes((TESTS / "ksonde_helper.ko").read_bytes())
        part = {part.name: part for part in integrity.scan(modules=[other])}["module_text"]
        assert f"ksonde_hello: {other} is of another build" in part.why


def test_the_command_with_a_packed_image() -> None:
    assert Path(PACKED).read_bytes()[:4] != b"\x7fELF"
    more = [word for path in MODULES for word in ("--modules", path)]
    command = [sys.executable, "-m", "ksonde", "scan", "--json", "--image", PACKED, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for part, name in zip(json.loads(done.stdout)["parts"][-2:], ("text", "module_text")):
        assert (part["name"], part["findings"], part["why"]) == (name, [], "")
        assert part["checked"] > 1 << 17


def test_no_image_is_said() -> None:
    text = parts("/nowhere")["text"]
    assert (text.checked, text.findings) == (0, ())
    assert parts("/nowhere")["module_text"].why == text.why
    assert text.why == "/nowhere: No such file or directory: entries only"


def test_an_image_of_another_build(tmp_path: Path) -> None:
    data = bytes(unpacked(Path(IMAGE).read_bytes()))
    notes = build_id(Path("/sys/kernel/notes").read_bytes())
    other = tmp_path / "vmlinux"
    other.write_bytes(data.replace(notes, bytes(len(notes))))
    text = parts(str(other))["text"]
    assert (text.checked, text.findings) == (0, ())
    assert "is of another build" in text.why


@pytest.mark.parametrize("past", [0, 1])
def test_a_jump_at_the_begin_of_a_function(past: int) -> None:
    """In place of what the function tracer has there, or past that."""
    trampoline = "ksonde_inline_trampoline"
    with fixture("inline", f"past={past}"):
        assert Path("/proc/self/comm").read_text()
        scanned = parts()
        found = sorted(name for name, part in scanned.items() if part.findings)
        # What the function tracer has is not in the baseline.
        assert found == (["baseline", "entries", "text"] if past else ["entries", "text"])
        # The trampoline was written where its module has what does nothing.
        assert scanned["module_text"].why == "ksonde_inline: 1 places were not understood (code)"
        function, code = code_of("vfs_read"), code_of(trampoline)
        for name in ("entries", "text"):
            (finding,) = scanned[name].findings
            assert finding.event == 704
            symbol, offset = finding.where.split("+")
            at = function + int(offset, 16)
            assert (symbol, int(offset, 16) in (5 * past, 5 * past + 4)) == ("vfs_read", True)
            place = finding.place
            assert place is not None
            assert (place.symbol, place.offset, place.module) == (trampoline, 0, "ksonde_inline")
            assert not place.kernel
            assert int(place.address or "", 16) == code
            jump = b"\xe9" + (code - at - 5).to_bytes(4, "little", signed=True)
            assert jump.hex(" ") in finding.what
        assert " in the image " in scanned["text"].findings[0].what
    quiet(1)


def test_a_change_that_leads_nowhere() -> None:
    """Of one bit of an instruction: only the image can tell."""
    with fixture("inline", "past=1", "text=1"):
        scanned = parts()
        assert scanned["entries"].findings == ()
        (finding,) = scanned["text"].findings
        assert finding.where.startswith("vfs_read+")
        # Of push %r15, or of movabs, which KASAN's functions begin with.
        changes = ("49, in the image 41", "4a, in the image 48")
        assert finding.what in [f"the code was changed: {change}" for change in changes]
        assert finding.place is None
    quiet(1)


def test_nothing_is_found_with_all_functions_traced() -> None:
    with traced():
        quiet(2)
    quiet(1)


def test_nothing_is_found_where_kprobes_sit() -> None:
    with probed(("vfs_read", "do_sys_openat2", "security_file_open")) as placed:
        assert placed > 30
        optimized()
        quiet(3)
    quiet(1)


def test_nothing_is_found_while_hooks_are_armed() -> None:
    with ksonde.Device() as device:
        events = list(device.schema().events)
    with ksonde.open(events):
        quiet(3)
    quiet(1)


def test_nothing_is_found_while_jump_labels_are_toggled() -> None:
    end = threading.Event()

    def toggle() -> None:
        while not end.is_set():
            for value in ("1", "0"):
                SCHEDSTATS.write_text(value)

    thread = threading.Thread(target=toggle)
    thread.start()
    try:
        quiet(6)
    finally:
        end.set()
        thread.join()


def test_nothing_is_found_while_tracers_come_and_go() -> None:
    end = threading.Event()

    def churn() -> None:
        while not end.is_set():
            with traced("vfs_* security_*"):
                pass

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        quiet(6)
    finally:
        end.set()
        thread.join()


def test_code_is_for_who_may_see_addresses() -> None:
    """CAP_AUDIT_READ alone opens the device, but does not show the kernel's layout."""
    script = (
        "import ctypes, os, ksonde\n"
        "from ksonde.uapi import Inspect\n"
        "from ksonde.errors import DriverError\n"
        "with ksonde.Device() as device:\n"
        "    os.setresuid(65534, 65534, 65534)\n"
        "    for ask in (lambda: device.inspect(Inspect.LAYOUT), lambda: device.code(4096, 8),\n"
        "                lambda: device.inspect(Inspect.PLACE, address=4096)):\n"
        "        try:\n"
        "            ask()\n"
        "        except DriverError as error:\n"
        "            print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "1"]


def test_only_code_is_read() -> None:
    with ksonde.Device() as device:
        symbols: dict[str, Any] = device.inspect(Inspect.LAYOUT)["symbols"]
        end = symbols["_etext"]
        assert len(device.code(end - 16, 100)) == 16
        for address in (0, 4096, end, end + (1 << 20), symbols["_stext"] - 1, (1 << 64) - 1):
            with pytest.raises(DriverError) as caught:
                device.code(address, 8)
            assert caught.value.errno == 14
        place = device.inspect(Inspect.PLACE, address=symbols["_stext"])
        assert (place["kprobe"], place["trampoline"], place["judged"]) == (-1, False, True)
