# SPDX-License-Identifier: GPL-2.0-only
"""Folders with another Debian in them, for compilers and kernel tools that this machine does not have."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ksonde_tools.common import ToolError, cache_dir, first_line, lock, say

from .apt import mirror
from .need import need

_ENTER = """
root=$1 cache=$2
shift 2
mkdir -p "$root$cache" "$root/proc"
mount --bind "$cache" "$root$cache"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
"""


def chroot(suite: str, packages: tuple[str, ...]) -> Path:
    """Return a folder with a suite and packages of it, made once."""
    root = cache_dir() / "chroots" / "-".join((suite, *packages))
    with lock(f"chroot-{suite}"):
        if not (root / "usr/bin/make").exists():
            _make(suite, packages, root)
    return root


def prefix(root: Path) -> tuple[str, ...]:
    """Return the words that run a command in there; the cache is at its own path."""
    return ("unshare", "-m", "sh", "-ec", _ENTER, "sh", str(root), str(cache_dir()))


def _make(suite: str, packages: tuple[str, ...], root: Path) -> None:
    if os.geteuid() != 0:
        raise ToolError(f"a chroot with Debian {suite} can be made by root only", "run as root")
    need("mmdebstrap", shutil.which("mmdebstrap") is not None)
    say(f"making a chroot with Debian {suite}: {' '.join(packages)}")
    root.parent.mkdir(parents=True, exist_ok=True)
    names = ",".join((*packages, "make", "kmod"))
    # Made aside: a run that was interrupted leaves no half chroot.
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
        made = Path(folder) / "root"
        command = ["mmdebstrap", "-q", "--variant=apt", f"--include={names}", suite, str(made)]
        command.append(f"deb {mirror(suite)} {suite} main")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            lines = [x for x in done.stderr.decode(errors="replace").splitlines() if x.startswith("E: ")]
            raise ToolError(f"no chroot with Debian {suite}: {first_line(chr(10).join(lines), 'failed')}")
        made.rename(root)
