# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages of any suite and architecture, by an apt configuration of their own in the cache.

The mirrors are those that this machine's apt is configured for; the machine's own package lists and
sources are not touched.
"""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
import time
from pathlib import Path

from ksonde_tools.common import ToolError, cache_dir, first_line, lock, output, say

#: How long a suite's package lists are believed, in seconds.
_LISTS_FOR = 7 * 86400


@functools.cache
def mirrors() -> dict[str, str]:
    """Return the addresses of Debian's archives by label: "Debian", "Debian-Security"."""
    words = "$(LABEL) $(REPO_URI)"
    listed = output(["apt-get", "indextargets", "--format", words, "Created-By: Packages"]) or ""
    found: dict[str, str] = {}
    for line in listed.splitlines():
        label, _, address = line.partition(" ")
        found.setdefault(label, address)
    # Of an archive whose lists were never fetched only its address and the suite's name are known.
    listed = (
        output(["apt-get", "indextargets", "--no-release-info", "--format", "$(RELEASE) $(REPO_URI)"]) or ""
    )
    for line in listed.splitlines():
        suite, _, address = line.partition(" ")
        if suite.endswith("-security"):
            found.setdefault("Debian-Security", address)
    if "Debian" not in found:
        raise ToolError(
            "this machine's apt is not configured for a mirror of Debian", "check /etc/apt/sources.list"
        )
    return found


def mirror(suite: str) -> str:
    """Return the address of the archive that has a suite."""
    security = mirrors().get("Debian-Security")
    return security if security and suite.endswith("-security") else mirrors()["Debian"]


def _problem(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.startswith("E: ")]
    # Whatever is said of it: a mirror is this machine's affair.
    return re.sub(r"https?://\S*/|\s*\[IP: [^]]*\]", "", first_line("\n".join(lines), "E: failed")[3:])


class Suite:
    """One suite for one architecture."""

    def __init__(self, name: str, arch: str) -> None:
        self.name = name
        self.arch = arch
        self._home = cache_dir() / "apt" / f"{name}-{arch}"

    def names(self) -> list[str]:
        """Return the names of all its packages."""
        return (self._apt("apt-cache", "pkgnames", "linux-") or "").split()

    def depends(self, package: str) -> list[str]:
        """Return what a package depends on, first choices only."""
        needed = self._field(package, "Depends")
        return [part.split()[0].split(":")[0] for part in needed.split(",") if part.strip()]

    def version(self, package: str) -> str:
        """Return the version of a package that is offered, "" when there is no such package."""
        return self._field(package, "Version")

    def _field(self, package: str, name: str) -> str:
        shown = self._apt("apt-cache", "show", "--no-all-versions", package) or ""
        found = (line[len(name) + 1 :] for line in shown.splitlines() if line.startswith(f"{name}:"))
        return next(found, "").strip()

    def unpack(self, packages: list[str], root: Path) -> None:
        """Download packages and unpack them below root."""
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
            command = ["apt-get", "-c", str(self._configured()), "download", "-q", *packages]
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
            if done.returncode != 0:
                raise ToolError(f"cannot fetch {' '.join(packages)} of {self.name}: {_problem(done.stderr)}")
            for package in sorted(Path(folder).glob("*.deb")):
                subprocess.run(["dpkg-deb", "-x", package, root], check=True)

    def _apt(self, tool: str, *arguments: str) -> str | None:
        return output([tool, "-c", str(self._configured()), *arguments])

    def _configured(self) -> Path:
        """Return the configuration; the suite's lists are there and not old."""
        file = self._home / "apt.conf"
        stamp = self._home / "updated"
        with lock(f"apt-{self.name}-{self.arch}"):
            if stamp.exists() and time.time() - stamp.stat().st_mtime < _LISTS_FOR:
                return file
            self._write(file)
            say(f"fetching the package lists of {self.name} for {self.arch}")
            command = ["apt-get", "-c", str(file), "update", "-qq"]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode != 0:
                raise ToolError(
                    f"cannot fetch the package lists of {self.name} for {self.arch}: {_problem(done.stderr)}"
                )
            stamp.touch()
        return file

    def _write(self, file: Path) -> None:
        for name in ("lists/partial", "cache/archives/partial", "none"):
            (self._home / name).mkdir(parents=True, exist_ok=True)
        (self._home / "status").touch()
        # The list is kept beside the configuration: nothing of the machine's own is read but its keys.
        (self._home / "sources.list").write_text(
            f"deb [arch={self.arch}] {mirror(self.name)} {self.name} main\n"
        )
        file.write_text(
            f'Dir::State "{self._home}";\n'
            f'Dir::State::lists "{self._home}/lists";\n'
            f'Dir::State::status "{self._home}/status";\n'
            f'Dir::Cache "{self._home}/cache";\n'
            f'Dir::Etc::sourcelist "{self._home}/sources.list";\n'
            f'Dir::Etc::sourceparts "{self._home}/none";\n'
            f'Dir::Etc::preferencesparts "{self._home}/none";\n'
            f'APT::Architecture "{self.arch}";\n'
            f'APT::Architectures "{self.arch}";\n'
            'APT::Sandbox::User "root";\n'
            'Acquire::Languages "none";\n'
            'Acquire::Check-Valid-Until "false";\n'
            'Acquire::Retries "3";\n'
        )
