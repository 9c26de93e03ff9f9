# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's code against a baseline that was taken at load: part `baseline` of a scan."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from acting import fixture, load, unload
from ksonde import inspection
from ksonde.inspection import look
from ksonde.integrity import Part
from ksonde.uapi import Inspect
from tracing import SCHEDSTATS, optimized, probed, traced

PARAMETER = Path("/sys/module/ksonde/parameters/baseline")
SAID = "compared with a baseline taken at load, not with the image: what was changed before is not seen"
CHANGED = "the code was changed since ksonde was loaded"


def symbol(name: str) -> int:
    lines = (line.split() for line in Path("/proc/kallsyms").read_text().splitlines())
    return next(int(words[0], 16) for words in lines if words[2] == name)


def baseline() -> Part:
    number = 0
    while True:
        part = Part.parse(look(Inspect.INTEGRITY, number), number)
        if part.name == "baseline":
            return part
        number += 1


def found(part: Part) -> list[str]:
    return [str(finding) for finding in part.findings]


def quiet(times: int) -> None:
    number = baseline().number
    for _ in range(times):
        part = Part.parse(look(Inspect.INTEGRITY, number), number)
        assert found(part) == []
        assert part.why.startswith(SAID)
        assert "not judged" not in part.why


def reload(parameters: bytes = b"") -> None:
    assert unload() == 0
    assert load(parameters) == 0


def test_a_clean_kernel() -> None:
    part = baseline()
    text = symbol("_etext") - symbol("_stext")
    assert text - 16 < part.checked <= text
    assert (part.findings, part.why) == ((), SAID)


def test_it_is_there_after_each_load(capsys: pytest.CaptureFixture[str]) -> None:
    """The first look waits for it.  How long all of that takes is printed: a busy host says nothing of it."""
    number = baseline().number
    began = time.thread_time()
    look(Inspect.INTEGRITY, number)
    took = time.thread_time() - began
    assert unload() == 0
    began = time.monotonic()
    assert load() == 0
    loaded = time.monotonic() - began
    part = baseline()
    assert (part.findings, part.why) == ((), SAID)
    assert part.checked > 1 << 20
    taken = time.monotonic() - began
    with capsys.disabled():
        print(f" look {took:.2f} s, load {loaded:.3f} s, taken {taken:.1f} s after ", end="")


def test_a_jump_behind_the_begin_of_a_function() -> None:
    with fixture("inline", "past=1"):
        function, code = symbol("vfs_read"), symbol("ksonde_inline_trampoline")
        (finding,) = baseline().findings
        name, _, offset = finding.where.partition("+")
        assert (finding.event, name, int(offset, 16) in (5, 9)) == (704, "vfs_read", True)
        jump = b"\xe9" + (code - function - int(offset, 16) - 5).to_bytes(4, "little", signed=True)
        assert finding.what.startswith(f"{CHANGED}: now {jump.hex(' ')} ")
        assert finding.place is not None
        assert (finding.place.symbol, finding.place.module) == ("ksonde_inline_trampoline", "ksonde_inline")
    quiet(1)


def test_a_jump_label_that_leads_elsewhere() -> None:
    """The baseline leaves it out: it is looked where it leads."""
    with fixture("label"):
        at = int(Path("/sys/module/ksonde_label/parameters/place").read_text())
        (finding,) = baseline().findings
        name, _, offset = finding.where.partition("+")
        assert (finding.event, symbol(name) + int(offset, 16)) == (704, at)
        assert finding.what.startswith("a jump label leads elsewhere than to its target: now e9 ")
        assert finding.place is not None
        assert (finding.place.symbol, finding.place.module) == ("ksonde_label_trampoline", "ksonde_label")
    quiet(1)


def test_a_change_that_leads_nowhere() -> None:
    """Of one bit of an instruction."""
    with fixture("inline", "past=1", "text=1"):
        (finding,) = baseline().findings
        assert finding.where == "vfs_read+0x0"
        assert finding.what.startswith(f"{CHANGED}, here or up to 15 bytes behind: now ")
        assert finding.place is None
    quiet(1)


def test_what_was_changed_before_is_not_seen() -> None:
    """But that it is changed back is."""
    with fixture("inline", "past=1"):
        reload()
        quiet(1)
    assert [finding.where for finding in baseline().findings] == ["vfs_read+0x0"]
    reload()
    quiet(1)


def test_a_probe_hides_nothing_but_its_place() -> None:
    with probed(["kernel_clone"], begin=5) as placed, fixture("inline", "past=1"):
        assert placed
        part = baseline()
        assert [finding.where.partition("+")[0] for finding in part.findings] == ["vfs_read"]
        assert "; not compared where kprobes are: " in part.why
    assert baseline().why == SAID


@pytest.mark.parametrize("parameters", [b"baseline=0", b"observe_nothing=test"])
def test_none_is_taken(parameters: bytes) -> None:
    reload(parameters)
    try:
        part = baseline()
        assert (part.checked, part.findings, part.why) == (0, (), "this module was loaded to take none")
    finally:
        reload()
    assert PARAMETER.read_text() == "Y\n"


def test_the_module_goes_while_it_is_taken() -> None:
    for pause in (0, 0.01, 0.1, 0.5):
        reload()
        time.sleep(pause)
    quiet(1)


@contextmanager
def again_and_again(act: Callable[[], None]) -> Iterator[None]:
    end = threading.Event()

    def run() -> None:
        while not end.is_set():
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def toggle() -> None:
    for value in ("1", "0"):
        SCHEDSTATS.write_text(value)
        # What is emulated does not get on with code that changes all the time where all CPUs are.
        time.sleep(0.05)


def trace() -> None:
    with traced("vfs_* security_*"):
        pass


def probe() -> None:
    with probed(["do_sys_openat2"], begin=5):
        time.sleep(0.2)


def test_probes_that_were_there_at_load() -> None:
    """They are in no sum: when they have gone it is known what is there."""
    with probed(["vfs_read", "do_sys_openat2"], begin=5) as placed:
        assert placed > 20
        optimized()
        reload()
        quiet(2)
    quiet(2)
    with fixture("inline", "past=1"):
        assert len(baseline().findings) == 1
    quiet(1)


def test_tracers_and_jump_labels_that_were_there_at_load() -> None:
    SCHEDSTATS.write_text("1")
    with traced():
        reload()
        quiet(1)
    SCHEDSTATS.write_text("0")
    quiet(2)


def test_probes_that_come_later() -> None:
    with probed(["vfs_read", "do_sys_openat2"], begin=5):
        quiet(1)
        optimized()
        quiet(2)
    quiet(1)


def test_nothing_is_found_while_all_of_that_comes_and_goes() -> None:
    """The baseline is taken meanwhile, too."""
    with ExitStack() as acts:
        for act in (toggle, trace, probe):
            acts.enter_context(again_and_again(act))
        reload()
        quiet(4)
    quiet(2)


def test_a_reader_without_the_right_sees_no_bytes() -> None:
    """Nor addresses."""
    with fixture("inline", "past=1"):
        number = baseline().number
        pid = os.fork()
        if not pid:
            os._exit(0 if _unprivileged(number) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _unprivileged(number: int) -> bool:
    import ksonde

    with ksonde.Device() as device:
        os.setresuid(65534, 65534, 65534)
        (finding,) = Part.parse(inspection.look(Inspect.INTEGRITY, number, device), number).findings
    return finding.what == CHANGED and finding.place is not None and finding.place.address is None
