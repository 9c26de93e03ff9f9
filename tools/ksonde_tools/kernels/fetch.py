# SPDX-License-Identifier: GPL-2.0-only
"""The image, the modules and the headers of a row's kernel, fetched into the cache."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ksonde_tools.common import ToolError, cache_dir, lock, say
from ksonde_tools.kernel import Kernel

from . import source
from .apt import Suite
from .rows import Row

_NUMBERS = r"(?:\.[0-9]+)*(?:-[0-9]+)?(?:[+~][a-z0-9.]+)*"
#: How many of a row's kernels are tried, the newest first.
_TRIES = 3


@dataclass(frozen=True)
class Fetched:
    """A kernel in the cache; `kernel.image` is the file as Debian ships it."""

    kernel: Kernel
    suite: str


def offered(row: Row) -> list[tuple[str, str]]:
    """Return version and suite of the kernels that are offered for a row: each suite's newest first."""
    pattern = re.compile(rf"linux-headers-({re.escape(row.series)}{_NUMBERS})-{re.escape(row.flavour)}")
    problems = []
    found: list[tuple[int, str, str]] = []
    for suite in row.suites:
        try:
            names = set(Suite(suite, row.arch).names())
        except ToolError as error:
            problems.append(str(error))
            continue
        versions = {match.group(1) for match in map(pattern.fullmatch, names) if match}
        versions = {version for version in versions if f"linux-image-{version}-{row.flavour}" in names}
        found += [(age, x, suite) for age, x in enumerate(sorted(versions, key=_order, reverse=True))]
    if not found:
        problems.append(f"{', '.join(row.suites)}: no linux-image-{row.series}*-{row.flavour} with headers")
        raise ToolError("; ".join(problems))
    found.sort(key=lambda each: each[0])
    return [(f"{version}-{row.flavour}", suite) for _, version, suite in found]


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def fetch(row: Row, *, again: bool = False) -> Fetched:
    """Return a row's kernel; what was fetched or built once is not asked for, unless `again`."""
    with lock(f"kernel-{row.name}"):
        if again or not cached(row):
            _fetch_newest(row)
        known = json.loads(_note(row).read_text())
    if row.config:
        return Fetched(source.kernel(row, known["version"]), known["suite"])
    return Fetched(_kernel(_home(row, known["version"]) / "root", known["version"]), known["suite"])


def _fetch_newest(row: Row) -> None:
    """Fetch the newest kernel that can be fetched: a mirror may list what it does not have."""
    problem = None
    candidates = source.offered(row) if row.config else offered(row)
    for version, suite in candidates[:_TRIES]:
        if problem:
            say(f"{row.name}: {problem}; trying {version}")
        try:
            if not (_home(row, version) / "ready").exists():
                (source.prepare if row.config else _fetch)(row, version, suite)
        except ToolError as error:
            problem = problem or error
            continue
        _note(row).write_text(json.dumps({"version": version, "suite": suite}))
        return
    assert problem is not None
    raise problem


def cached(row: Row) -> bool:
    """Whether a row's kernel is there, so that nothing must be fetched or built for it."""
    if not _note(row).exists():
        return False
    version = json.loads(_note(row).read_text())["version"]
    return (_home(row, version) / "ready").exists()


def _note(row: Row) -> Path:
    return cache_dir() / "kernels" / f"row-{row.name}"


def _home(row: Row, version: str) -> Path:
    return source.home(row, version) if row.config else cache_dir() / "kernels" / f"{row.arch}-{version}"


def _kernel(root: Path, version: str) -> Kernel:
    places = (root / "usr/lib/modules" / version, root / "lib/modules" / version)
    modules = next((path for path in places if (path / "kernel").is_dir()), places[1])
    images = (root / "boot" / f"vmlinuz-{version}", root / "boot" / f"vmlinux-{version}", modules / "vmlinuz")
    image = next((path for path in images if path.exists()), None)
    if image is None:
        raise ToolError(f"the packages of kernel {version} have no image", f"remove {root.parent}")
    return Kernel(version, image, modules, root / "usr/src" / f"linux-headers-{version}")


def _fetch(row: Row, version: str, suite_name: str) -> None:
    suite = Suite(suite_name, row.arch)
    home = _home(row, version)
    say(f"fetching kernel {version} of {suite_name}")
    root = home / "root"
    image = f"linux-image-{version}"
    parts = [name for name in suite.depends(image) if name.startswith(("linux-binary-", "linux-modules-"))]
    headers = [f"linux-headers-{version}"]
    tools = []
    for name in suite.depends(headers[0]):
        if name.startswith("linux-headers-"):
            headers.append(name)
        elif name.startswith("linux-kbuild-"):
            tools.append(name)
    suite.unpack([image, *parts, *headers], root)
    # What runs while a module is built must run on this machine.
    host = Suite(suite_name, "amd64")
    host.unpack(tools, root)
    makefile = root / "usr/src" / f"linux-headers-{version}" / "Makefile"
    text = makefile.read_text()
    if f"{root}/usr/src/" not in text:
        makefile.write_text(text.replace("/usr/src/", f"{root}/usr/src/"))
    (home / "ready").touch()
