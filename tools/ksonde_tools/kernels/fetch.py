# SPDX-License-Identifier: GPL-2.0-only
"""The image, the modules and the headers of a row's kernel, fetched into the cache."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ksonde_tools.common import ToolError, cache_dir, lock, say
from ksonde_tools.kernel import Kernel

from .apt import Suite
from .rows import Row

_NUMBERS = r"(?:\.[0-9]+)*(?:-[0-9]+)?(?:[+~][a-z0-9.]+)*"


@dataclass(frozen=True)
class Fetched:
    """A kernel in the cache; `kernel.image` is the file as Debian ships it."""

    kernel: Kernel
    suite: str


def newest(row: Row) -> tuple[str, str]:
    """Return the version and the suite of the newest kernel that is offered for a row."""
    pattern = re.compile(rf"linux-headers-({re.escape(row.series)}{_NUMBERS})-{re.escape(row.flavour)}")
    problems = []
    for suite in row.suites:
        try:
            names = set(Suite(suite, row.arch).names())
        except ToolError as error:
            problems.append(str(error))
            continue
        found = [match.group(1) for match in map(pattern.fullmatch, names) if match]
        found = [version for version in found if f"linux-image-{version}-{row.flavour}" in names]
        if found:
            return f"{max(found, key=_order)}-{row.flavour}", suite
    problems.append(f"{', '.join(row.suites)}: no linux-image-{row.series}*-{row.flavour} with headers")
    raise ToolError("; ".join(problems))


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def fetch(row: Row) -> Fetched:
    """Return a row's kernel; what was fetched once is not asked for again."""
    note = cache_dir() / "kernels" / f"row-{row.name}"
    with lock(f"kernel-{row.name}"):
        if not note.exists():
            version, suite = newest(row)
            note.write_text(json.dumps({"version": version, "suite": suite}))
        known = json.loads(note.read_text())
        home = cache_dir() / "kernels" / f"{row.arch}-{known['version']}"
        if not (home / "ready").exists():
            try:
                _fetch(row, known["version"], known["suite"], home)
            except ToolError:
                note.unlink()
                raise
    root = home / "root"
    version = known["version"]
    places = (root / "usr/lib/modules" / version, root / "lib/modules" / version)
    modules = next((path for path in places if (path / "kernel").is_dir()), places[1])
    images = (root / "boot" / f"vmlinuz-{version}", root / "boot" / f"vmlinux-{version}", modules / "vmlinuz")
    image = next((path for path in images if path.exists()), None)
    if image is None:
        raise ToolError(f"the packages of kernel {version} have no image", f"remove {home}")
    return Fetched(
        Kernel(version, image, modules, root / "usr/src" / f"linux-headers-{version}"), known["suite"]
    )


def _fetch(row: Row, version: str, suite_name: str, home: Path) -> None:
    suite = Suite(suite_name, row.arch)
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
