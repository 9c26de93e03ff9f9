# SPDX-License-Identifier: GPL-2.0-only
"""Boots a kernel with the smoke test as its only program, and listens."""

from __future__ import annotations

import re
import selectors
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ksonde_tools.initramfs import _Archive as Archive
from ksonde_tools.kernel import _unpack_image
from ksonde_tools.machine import EMULATED

from .build import Built
from .need import need
from .rows import Row

#: By architecture: QEMU's program and words, the console, and the package that brings QEMU.
_MACHINES = {
    "amd64": ("qemu-system-x86_64", ("-machine", "q35", "-cpu", "max"), "ttyS0", "qemu-system-x86"),
    "arm64": (
        "qemu-system-aarch64",
        ("-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"),
        "ttyAMA0",
        "qemu-system-arm",
    ),
    "riscv64": (
        "qemu-system-riscv64",
        ("-machine", "virt", "-cpu", "rv64", "-bios", "default"),
        "ttyS0",
        "qemu-system-misc",
    ),
}
#: A controller and what is plugged into it.
_USB = ("-device", "qemu-xhci,id=usb", "-device", "usb-tablet,bus=usb.0")
#: no_timer_check (x86): an emulated CPU that has to wait for the machine is not a timer that is broken.
_WORDS = "no_timer_check loglevel=6 printk.devkmsg=on panic_on_warn=1 oops=panic panic=-1 rdinit=/init"
_OPENSBI = Path("/usr/lib/riscv64-linux-gnu/opensbi")
#: Where the PVH entry is: QEMU starts an ELF file by it, and none without.
_PVH = re.compile(rb"\x04\0\0\0[\x04\x08]\0\0\0\x12\0\0\0Xen\0")


@dataclass
class Boot:
    """What a guest said, and how it ended."""

    log: str
    seconds: float
    ended: bool
    why: str = ""

    @property
    def untouched(self) -> bool:
        """Whether the kernel never came to its first process: the module was not there yet."""
        return "ksonde-smoke: " not in self.log


def boot(row: Row, image: Path, built: Built, log: Path) -> Boot:
    """Boot, wait until the guest has said "end" and is gone, or is out of time."""
    program, words, console, package = _MACHINES[row.arch]
    need(package, shutil.which(program) is not None)
    if row.arch == "riscv64":
        need("opensbi", _OPENSBI.exists())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ksonde-smoke-") as folder:
        initrd = Path(folder) / "initrd"
        initrd.write_bytes(_archive(built))
        kernel = Path(folder) / "kernel"
        # One that KASAN watches does not start by PVH.
        unpack = row.arch == "amd64" and not row.config
        kernel.write_bytes(_bootable(image.read_bytes()) if unpack else image.read_bytes())
        command = [
            program,
            *words,
            "-accel",
            EMULATED,
            "-smp",
            "2",
            "-m",
            row.memory,
            "-nodefaults",
        ]
        command += ["-no-user-config", "-display", "none", "-nic", "none", "-no-reboot", "-serial", "stdio"]
        command += _USB
        command += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", f"console={console} {_WORDS}"]
        said, in_time, code = _listen(command, began + row.timeout)
    text = said.decode(errors="replace").replace("\r\n", "\n")
    log.write_text(text)
    result = Boot(text, time.monotonic() - began, "ksonde-smoke: end\n" in text)
    if not in_time:
        result.why = f"not done within {row.timeout:g} s"
    elif code:
        result.why = f"QEMU ended with {code}: {text.strip().splitlines()[-1] if text.strip() else ''}"
    elif not result.ended:
        result.why = "the machine ended before the test did"
    return result


def _bootable(packed: bytes) -> bytes:
    """Return the ELF file within a bzImage where QEMU can start it: that saves unpacking it in the guest."""
    unpacked = _unpack_image(packed)
    return unpacked if _PVH.search(unpacked) else packed


def _listen(command: list[str], until: float) -> tuple[bytes, bool, int]:
    said = b""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0.0, until - time.monotonic())):
                    return said, False, 0
                data = process.stdout.read1(65536)  # type: ignore[attr-defined]
                if not data:
                    break
                said += data
        return said, True, process.wait(timeout=10)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _archive(built: Built) -> bytes:
    archive = Archive()
    for folder in ("dev", "modules", "proc", "sys", "tmp"):
        archive.add(folder, 0o040755)
    archive.add("init", 0o100755, built.smoke.read_bytes())
    archive.add("ksonde.ko", 0o100644, built.driver.read_bytes())
    archive.add("ksonde_smoke.ko", 0o100644, built.small.read_bytes())
    archive.add("ksonde_cred.ko", 0o100644, built.cred.read_bytes())
    for number, (name, content) in enumerate(built.modules):
        archive.add(f"modules/{number:02}-{name}.ko", 0o100644, content)
    if built.smoke32:
        archive.add("smoke32", 0o100755, built.smoke32.read_bytes())
    return archive.close()
