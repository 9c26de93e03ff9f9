# SPDX-License-Identifier: GPL-2.0-only
"""A kernel built from Debian's source package: what no package offers, one that checks itself."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from ksonde_tools.common import ROOT, ToolError, cache_dir, first_line, say
from ksonde_tools.kernel import Kernel

from .apt import Suite
from .need import need
from .rows import Row

#: What building a kernel calls, and the packages that bring it.
TOOLS = {"flex": "flex", "bison": "bison", "bc": "bc", "xz": "xz-utils"}
_LIBELF = Path("/usr/include/gelf.h")
_OPTION = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$", re.MULTILINE)


def fragment(row: Row) -> Path:
    """Return the file with the options of a row's kernel."""
    return ROOT / "tools/guest" / row.config


def options(text: str) -> dict[str, str]:
    """Return a configuration's options by name; "n" is what is not set."""
    return {m.group(1) or m.group(3): m.group(2) or "n" for m in _OPTION.finditer(text)}


def home(row: Row, version: str) -> Path:
    """Return where the kernel of a source package's version is, or will be: its options are in the name."""
    digest = hashlib.sha256(fragment(row).read_bytes() + row.compiler.encode()).hexdigest()[:10]
    return cache_dir() / "kernels" / f"{row.name}-{version}-{digest}"


def offered(row: Row) -> list[tuple[str, str]]:
    """Return version and suite of the source packages that are offered for a row."""
    problems = []
    found = []
    for suite in row.suites:
        try:
            version = Suite(suite, row.arch).version(_package(row))
        except ToolError as error:
            problems.append(str(error))
            continue
        if version:
            found.append((version, suite))
    if not found:
        raise ToolError("; ".join([*problems, f"{', '.join(row.suites)}: no {_package(row)}"]))
    return found


def prepare(row: Row, version: str, suite: str) -> None:
    """Fetch and build a row's kernel, which takes 10 to 30 minutes on two cores."""
    for program, package in TOOLS.items():
        need(package, shutil.which(program) is not None)
    need("libelf-dev", _LIBELF.exists())
    where = home(row, version)
    tree = where / "tree"
    # What an interrupted build left is gone on with.
    if not (tree / ".config").exists():
        _unpack(row, suite, where)
        _configure(row, tree)
    say(f"{row.name}: building kernel {version} with {fragment(row).name}: 10 to 30 minutes")
    _make(row, tree, where / "log", f"-j{os.cpu_count() or 1}", "bzImage", "modules")
    # Where modprobe looks: a guest on this machine's files may load more than a row does.
    _make(row, tree, where / "log", f"INSTALL_MOD_PATH={where / 'root'}", "modules_install")
    (where / "ready").touch()


def kernel(row: Row, version: str) -> Kernel:
    """Return the kernel that was built."""
    where = home(row, version)
    tree = where / "tree"
    release = (tree / "include/config/kernel.release").read_text().strip()
    return Kernel(release, tree / "arch/x86/boot/bzImage", where / "root/lib/modules" / release, tree)


def _package(row: Row) -> str:
    return f"linux-source-{row.series}"


def _unpack(row: Row, suite: str, where: Path) -> None:
    say(f"fetching {_package(row)} of {suite} (140 MB)")
    shutil.rmtree(where, ignore_errors=True)
    Suite(suite, row.arch).unpack([_package(row)], where)
    packed = where / "usr/src" / f"{_package(row)}.tar.xz"
    (where / "tree").mkdir()
    command = ["tar", "-xJf", str(packed), "-C", str(where / "tree"), "--strip-components=1"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    shutil.rmtree(where / "usr")


def _configure(row: Row, tree: Path) -> None:
    log = tree.parent / "log"
    _make(row, tree, log, "x86_64_defconfig", "kvm_guest.config")
    with (tree / ".config").open("a") as config:
        config.write(fragment(row).read_text())
    _make(row, tree, log, "olddefconfig")
    missing = _missing(fragment(row).read_text(), (tree / ".config").read_text())
    if missing:
        (tree / ".config").unlink()
        raise ToolError(f"kernel {row.series} has other options than {row.config}: {', '.join(missing)}")


def _missing(wanted: str, got: str) -> list[str]:
    """Return the wanted options that came out otherwise; one that is not known is not set."""
    have = options(got)
    return [name for name, value in options(wanted).items() if have.get(name, "n") != value]


def _make(row: Row, tree: Path, log: Path, *words: str) -> None:
    with log.open("wb") as file:
        command = ["make", "-C", str(tree), f"CC={row.compiler}", *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
    if done.returncode != 0:
        text = log.read_text(errors="replace")
        reason = re.search(r"^.*(?:\b[Ee]rror\b|\*\*\*).*$", text, re.MULTILINE)
        raise ToolError(
            f"{row.name}: its kernel does not build: "
            f"{reason.group(0).strip() if reason else first_line(text, 'make failed')}",
            f"all of it: {log}",
        )
