# SPDX-License-Identifier: GPL-2.0-only
"""What a row's guest needs: the driver and a small module for its kernel, and the smoke test's program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from ksonde_tools import module
from ksonde_tools.common import ROOT, ToolError, cache_dir, first_line, lock
from ksonde_tools.kernel import Kernel

from . import chroot, modules
from .rows import Row

_SMOKE = ROOT / "tools/guest/smoke"
#: A module that does what somebody does who can write kernel memory.
CRED = ROOT / "tests/fixtures/cred"
#: The driver of the controller that QEMU's device is plugged into.
_USB = "xhci-pci"
_TRIPLETS = {"amd64": "", "arm64": "aarch64-linux-gnu-", "riscv64": "riscv64-linux-gnu-"}
_ARCHES = {"amd64": "x86", "arm64": "arm64", "riscv64": "riscv"}
#: The kernel's asm/ is the same for both; gcc-multilib, which links it, is at odds with cross compilers.
_FLAGS32 = ("-m32", "-idirafter", "/usr/include/x86_64-linux-gnu")
_FLAGS = ("-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-O2", "-Wall", "-Wextra", "-Werror", "-static")


@dataclass(frozen=True)
class Built:
    """Files for the guest's root."""

    driver: Path
    small: Path
    cred: Path
    smoke: Path
    smoke32: Path | None
    #: The kernel's own, in the order of loading.
    modules: list[tuple[str, bytes]]


def equip(row: Row, kernel: Kernel) -> Kernel:
    """Return the kernel with what make must be told, and where it must run."""
    compiler = _TRIPLETS[row.arch] + row.compiler
    words: tuple[str, ...] = (f"CC={compiler}", *row.make)
    if row.arch != "amd64":
        words = (f"ARCH={_ARCHES[row.arch]}", f"CROSS_COMPILE={_TRIPLETS[row.arch]}", *words)
    return replace(kernel, make=words, prefix=_prefix(row))


def build(row: Row, kernel: Kernel) -> Built:
    """Build for an equipped kernel."""
    driver = module.build_driver(kernel)
    small = module.build_small(kernel, _SMOKE) / "ksonde_smoke.ko"
    cred = module.build_small(kernel, CRED) / "ksonde_cred.ko"
    usb = modules.closure(kernel, _USB)
    if row.arch == "amd64":
        # The program does not depend on the kernel: this machine's compiler makes it.
        return Built(driver, small, cred, _smoke("gcc", ()), _smoke("gcc", (), *_FLAGS32), usb)
    program = _smoke(_TRIPLETS[row.arch] + row.compiler, kernel.prefix)
    return Built(driver, small, cred, program, None, usb)


def _prefix(row: Row) -> tuple[str, ...]:
    if not row.chroot:
        return ()
    packages = [row.compiler, "libelf1t64" if row.chroot != "bookworm" else "libelf1", "libc6-dev"]
    if row.arch != "amd64":
        packages[0] += "-" + _TRIPLETS[row.arch].rstrip("-")
        packages.append(f"libc6-dev-{row.arch}-cross")
    return chroot.prefix(chroot.chroot(row.chroot, tuple(packages)))


def _smoke(compiler: str, prefix: tuple[str, ...], *flags: str) -> Path:
    """Return the smoke test's program; the sources are copied to where a chroot sees them."""
    name = "".join((compiler, *flags[:1]))
    # Rows that run side by side want the same one.
    with lock(f"smoke-{name}"):
        return _smoke_in(cache_dir() / "build" / "smoke" / name, compiler, prefix, flags)


def _smoke_in(home: Path, compiler: str, prefix: tuple[str, ...], flags: tuple[str, ...]) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    sources = sorted(_SMOKE.glob("*.[ch]"))
    sources = [path for path in sources if path.name != "ksonde_smoke.c"]
    sources += sorted((ROOT / "driver/LKM/uapi").glob("*.h"))
    content = {path.name: path.read_bytes() for path in sources}
    program = home / "smoke"
    fresh = program.exists() and all(
        (home / name).exists() and (home / name).read_bytes() == text for name, text in content.items()
    )
    if fresh:
        return program
    program.unlink(missing_ok=True)
    for name, text in content.items():
        (home / name).write_bytes(text)
    files = [str(home / name) for name in content if name.endswith(".c")]
    command = [*prefix, compiler, *_FLAGS, *flags, "-o", str(program), *files]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        wrong = "\n".join(line for line in said.splitlines() if "error:" in line)
        raise ToolError(f"the smoke test does not build with {compiler}: {first_line(wrong or said)}")
    return program
