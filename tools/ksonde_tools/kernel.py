# SPDX-License-Identifier: GPL-2.0-only
"""Kernels to boot and to build for: found with apt, fetched into the cache, never installed."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .common import ToolError, cache_dir, first_line, lock, output, say

DEFAULT = "6.1"
#: How long the answer to "which is the newest?" is believed, in seconds.
_NEWEST_FOR = 86400


@dataclass(frozen=True)
class Kernel:
    """One kernel: `image` boots, `modules` is its lib/modules/VERSION, `build` its headers.

    Building for it takes `make` as make's further words, and `prefix` before make; `quiet` are warnings
    that its own headers cause.
    """

    version: str
    image: Path
    modules: Path
    build: Path
    make: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()


def resolve(name: str | None = None) -> Kernel:
    """Return the kernel of that name ("6.1", "6.1.0-56-amd64"), fetching what is missing."""
    version = _full_version(name or DEFAULT)
    with lock("kernels"):
        home = cache_dir() / "kernels" / version
        if not (home / "ready").exists():
            _fetch_image(version, home)
        build = _installed_headers(version) or _fetched_headers(version, home)
    return Kernel(version, home / "vmlinux", home / "root/lib/modules" / version, build)


def running(release: str) -> Kernel:
    """Return the running kernel, to build for; its headers are fetched when they are not installed."""
    home = cache_dir() / "kernels" / release
    with lock("kernels"):
        build = _installed_headers(release) or _fetched_headers(release, home)
    return Kernel(release, Path("/boot") / f"vmlinuz-{release}", Path("/lib/modules") / release, build)


def headers(version: str) -> Path | None:
    """Return the installed headers of a kernel, None when there are none."""
    return _installed_headers(version)


def index_modules(modules: Path) -> None:
    """Write the lists by which modprobe finds modules in lib/modules/VERSION, where depmod is to be had."""
    depmod = shutil.which("depmod", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if depmod:
        command = [depmod, "-b", str(modules.parents[2]), modules.name]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=False)


def _full_version(name: str) -> str:
    if re.fullmatch(r"\d+\.\d+\.\d+.*-[a-z0-9]+", name):
        return name
    if not re.fullmatch(r"\d+\.\d+", name):
        raise ToolError(
            f"{name} is no kernel's version",
            "say 6.1, 6.1.0-56-amd64, or an amd64 row of `tools/kernels list`",
        )
    answer = cache_dir() / "kernels" / f"newest-{name}"
    if answer.exists() and time.time() - answer.stat().st_mtime < _NEWEST_FOR:
        return answer.read_text().strip()
    version = _newest_offered(name)
    if version is None and os.geteuid() == 0:
        _update_lists()
        version = _newest_offered(name)
    if version is None:
        version = _newest(path.name for path in (cache_dir() / "kernels").glob(f"{name}.*-amd64"))
    if version is None:
        raise ToolError(
            f"apt knows no Debian kernel {name} for amd64",
            "check /etc/apt/sources.list, then: apt-get update",
        )
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_text(version + "\n")
    return version


def _newest_offered(series: str) -> str | None:
    pattern = rf"^linux-image-{re.escape(series)}\.[0-9]+-[0-9]+-amd64$"
    found = output(["apt-cache", "search", "--names-only", pattern]) or ""
    return _newest(line.split(" ", 1)[0][len("linux-image-") :] for line in found.splitlines())


def _newest(versions: Iterable[str]) -> str | None:
    def key(version: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", version)]

    return max(versions, key=key, default=None)


def _update_lists() -> None:
    say("refreshing apt's package lists")
    subprocess.run(["apt-get", "update", "-qq"], stdout=2, stderr=subprocess.DEVNULL, check=False)


def _installed_headers(version: str) -> Path | None:
    build = Path("/lib/modules") / version / "build"
    return build if (build / "scripts/mod/modpost").exists() and (build / ".config").exists() else None


def _fetched_headers(version: str, home: Path) -> Path:
    build = home / "root/usr/src" / f"linux-headers-{version}"
    if (home / "headers-ready").exists():
        return build
    needed = output(["apt-cache", "show", "--no-all-versions", f"linux-headers-{version}"])
    if needed is None:
        raise ToolError(
            f"there are no headers for kernel {version}", f"apt-get install linux-headers-{version}"
        )
    (home / "root").mkdir(parents=True, exist_ok=True)
    packages = [f"linux-headers-{version}"]
    match = re.search(r"^Depends: (.*)$", needed, re.MULTILINE)
    for dependency in (match.group(1) if match else "").split(","):
        package = dependency.split()[0] if dependency.strip() else ""
        if package.startswith(("linux-headers-", "linux-kbuild-")):
            packages.append(package)
    say(f"fetching the headers of kernel {version}")
    _fetch(packages, home / "root")
    makefile = build / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{home}/root/usr/src/"))
    (home / "headers-ready").touch()
    return build


def _fetch_image(version: str, home: Path) -> None:
    root = home / "root"
    root.mkdir(parents=True, exist_ok=True)
    say(f"fetching Debian's kernel {version} (70 MB)")
    _fetch([f"linux-image-{version}"], root)
    packed = next(iter(root.glob(f"boot/vmlinuz-{version}")), None)
    if packed is None:
        raise ToolError(f"the package of kernel {version} has no boot/vmlinuz")
    (home / "vmlinux").write_bytes(_unpack_image(packed.read_bytes()))
    index_modules(root / "lib/modules" / version)
    (home / "ready").touch()


def _unpack_image(packed: bytes) -> bytes:
    """Return the ELF file within a bzImage: QEMU boots it without seconds of decompression."""
    unpackers: dict[bytes, Callable[[bytes], bytes]] = {
        b"\xfd7zXZ\x00": lambda data: lzma.LZMADecompressor().decompress(data),
        b"\x1f\x8b\x08": lambda data: zlib.decompressobj(31).decompress(data),
    }
    for magic, unpack in unpackers.items():
        at = packed.find(magic)
        while at >= 0:
            try:
                unpacked = unpack(packed[at:])
            except (lzma.LZMAError, zlib.error):
                unpacked = b""
            if unpacked.startswith(b"\x7fELF"):
                return unpacked
            at = packed.find(magic, at + 1)
    return packed


def fetch_source(target: Path, names: list[str]) -> None:
    """Copy files out of Debian's kernel source package into target, without their folders."""
    series = f"linux-source-{DEFAULT}"
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
        _fetch([series], Path(folder))
        packed = Path(folder) / "usr/src" / f"{series}.tar.xz"
        members = [f"{series}/{name}" for name in names]
        command = ["tar", "-xJf", str(packed), "-C", str(target), "--strip-components=2", *members]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _fetch(packages: list[str], root: Path) -> None:
    """Download Debian packages and unpack them below root."""
    with tempfile.TemporaryDirectory(dir=cache_dir()) as name:
        work = Path(name)
        problem = _download(packages, work)
        if problem is not None and os.geteuid() == 0:
            _update_lists()
            problem = _download(packages, work)
        if problem is not None:
            raise ToolError(f"apt-get download {' '.join(packages)}: {problem}", "try: apt-get update")
        for package in sorted(work.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)


def _download(packages: list[str], work: Path) -> str | None:
    # The sandbox user of apt cannot write into the cache; there is nothing to protect here.
    command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages]
    done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == 0:
        return None
    return first_line(done.stderr.decode(errors="replace"), "failed").removeprefix("E: ")
