# SPDX-License-Identifier: GPL-2.0-only
"""Root file systems made from Debian 12's packages: a cached base, copies of it, commands in them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ksonde_tools.common import ToolError, cache_dir, first_line, lock, say
from ksonde_tools.kernels.apt import Suite, mirror

_SUITES = ("bookworm", "bookworm-backports", "bookworm-security")
#: What a server has, what our packages depend on, and what the RPM packages are tried with.
_PACKAGES = (
    "apt-utils bash-completion dbus dkms initramfs-tools kmod logrotate man-db openssl passwd procps "
    "python3-construct python3-pyroute2 python3-pyudev python3-typer rpm systemd systemd-sysv udev"
).split()
#: Kernels that are installed, and the one that is added later: series and flavour.
_KERNELS = (("6.1", "amd64"), ("6.12", "amd64"))
_ADDED = ("6.1", "cloud-amd64")
#: Where the packages of the added kernel wait.
LATER = "var/local/later"
_ENTER = """
root=$1
shift
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
exec chroot "$root" "$@"
"""
_POLICY = "#!/bin/sh\nexit 101\n"
#: What changes by itself, or belongs to apt, dpkg, man-db, rpm and DKMS's own key.
_VOLATILE = re.compile(
    r"(?:dev|proc|run|sys|tmp|var/tmp|var/cache|var/lib/apt|var/lib/dpkg|var/lib/rpm|var/log/apt|var/lib/ucf)/.*"
    r"|var/lib/dkms/mok[.](?:key|pub)|var/log/(?:dpkg|alternatives|bootstrap)[.]log"
    r"|etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-|etc/[.]pwd[.]lock|boot/initrd[.]img-.*|root/[.]rpmdb(?:/.*)?"
    r"|usr/sbin/policy-rc[.]d|.*/__pycache__(?:/.*)?"
)


@dataclass(frozen=True)
class Base:
    """The base: its folder, the kernels installed in it, and the one that can be added."""

    path: Path
    kernels: tuple[str, ...]
    added: str


def base() -> Base:
    """Return the base, made once for these kernels."""
    if os.geteuid() != 0:
        raise ToolError("a root file system can be made by root only", "run as root")
    kernels, added = tuple(_newest(*kernel) for kernel in _KERNELS), _newest(*_ADDED)
    key = hashlib.sha256(json.dumps([_PACKAGES, kernels, added]).encode()).hexdigest()[:10]
    path = cache_dir() / "roots" / key
    with lock("roots"):
        if not path.exists():
            _make(path, kernels, added)
    return Base(path, kernels, added)


def _newest(series: str, flavour: str) -> str:
    """Return the version of the newest kernel that has an image and headers, the newest suite first."""
    numbers = r"\.[0-9]+(?:-[0-9]+)?(?:\+deb[0-9]+)?"
    pattern = re.compile(rf"linux-headers-({re.escape(series)}{numbers}-{re.escape(flavour)})")
    for suite in reversed(_SUITES):
        names = set(Suite(suite, "amd64").names())
        found = [match.group(1) for match in map(pattern.fullmatch, names) if match]
        found = [version for version in found if f"linux-image-{version}" in names]
        if found:
            return max(found, key=lambda version: [int(number) for number in re.findall(r"\d+", version)])
    raise ToolError(f"apt knows no Debian kernel {series} {flavour}", "check /etc/apt/sources.list")


def _make(path: Path, kernels: Sequence[str], added: str) -> None:
    if shutil.which("mmdebstrap") is None:
        raise ToolError("there is no mmdebstrap", "apt-get install mmdebstrap")
    say(f"making a root with Debian 12 and the kernels {', '.join(kernels)} (1.4 GB)")
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [*_PACKAGES, *(f"linux-{part}-{kernel}" for kernel in kernels for part in ("image", "headers"))]
    later = " ".join(f"linux-{part}-{added}" for part in ("image", "headers"))
    fetch_later = (
        f'mkdir -p "$1/{LATER}" && cd "$1/{LATER}" && '
        f"APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download -q {later}"
    )
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
        made = Path(folder) / "root"
        command = ["mmdebstrap", "-q", "--variant=minbase", "--dpkgopt=force-unsafe-io"]
        command += [
            f"--include={','.join(names)}",
            f"--customize-hook={fetch_later}",
            '--aptopt=APT::Sandbox::User "root"',
            "bookworm",
            str(made),
        ]
        command += [f"deb {mirror(suite)} {suite} main" for suite in _SUITES]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace")
            lines = [line for line in said.splitlines() if line.startswith("E: ")]
            raise ToolError(f"no root with Debian 12: {first_line(chr(10).join(lines), said[-300:])}")
        made.rename(path)


@contextlib.contextmanager
def copy(origin: Path) -> Iterator[Path]:
    """Have a copy of a root for as long as it is needed; no service starts in it."""
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="root-") as folder:
        made = Path(folder) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", origin, made], check=True)
        policy = made / "usr/sbin/policy-rc.d"
        policy.write_text(_POLICY)
        policy.chmod(0o755)
        yield made


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a root, natively; its output and errors are one text."""
    words = ["unshare", "--mount", "--uts", "sh", "-ec", _ENTER, "sh", str(root), *command]
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    return subprocess.run(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        errors="replace",
    )


def snapshot(root: Path) -> dict[str, str]:
    """Return what is in a root, by path: type, mode, owner, digest; volatile things apart."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder) / name
            inside = str(path.relative_to(root))
            if not _VOLATILE.fullmatch(inside):
                found[inside] = _describe(path)
        folders[:] = [
            name for name in folders if not _VOLATILE.fullmatch(f"{Path(folder, name).relative_to(root)}/")
        ]
    return found


def _describe(path: Path) -> str:
    state = path.lstat()
    what = f"{stat.filemode(state.st_mode)} {state.st_uid}:{state.st_gid}"
    if stat.S_ISLNK(state.st_mode):
        return f"{what} -> {path.readlink()}"
    if stat.S_ISREG(state.st_mode):
        return f"{what} {hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()}"
    return what


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the paths that came, went or changed."""
    return sorted(
        f"{'+' if path not in before else '-' if path not in after else '!'} {path}"
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    )
