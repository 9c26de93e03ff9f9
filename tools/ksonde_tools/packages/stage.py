# SPDX-License-Identifier: GPL-2.0-only
"""A copy of the sources to build packages from, with the packaging files where their tools want them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path

from ksonde_tools.common import ROOT, ToolError, first_line, output

FILES = ROOT / "tools/packages-files"
#: What the packages are made from.
_NEEDED = (
    "Kbuild", "LICENSE", "README.md", "dkms.conf", "docs", "driver", "pyproject.toml", "setup.cfg",
    "userland", "tools/ksonde_tools/__init__.py", "tools/ksonde_tools/packages",
)  # fmt: skip
#: Where the version stands, and what it is found by.
_VERSIONS = {
    "setup.cfg": r"^version = (\S+)$",
    "dkms.conf": r'^PACKAGE_VERSION="([^"]+)"$',
    "driver/LKM/Kbuild": r"^KSONDE_VERSION := (\S+)$",
    "userland/ksonde/__init__.py": r'^__version__ = "([^"]+)"$',
}


def version() -> str:
    """Return the version of this clone."""
    match = re.search(_VERSIONS["setup.cfg"], (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    if match is None:
        raise ToolError("setup.cfg has no version")
    return match.group(1)


def sources(target: Path, as_version: str) -> None:
    """Copy what the packages are made from; another version than the clone's stands in the copy only."""
    for name in _listed():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    for place, pattern in _VERSIONS.items():
        _set_version(target / place, pattern, as_version)


def debian(target: Path, as_version: str) -> None:
    """Add debian/ to a copy."""
    home = target / "debian"
    shutil.copytree(FILES / "debian", home)
    common = FILES / "common"
    for name in ("load", "healthy", "agent"):
        shutil.copy(common / f"ksonde-{name}.service", home / f"ksonde.ksonde-{name}.service")
    shutil.copy(common / "ksonde.udev", home)
    shutil.copy(common / "ksonde.logrotate", home)
    shutil.copy(common / "ksonde.sysusers", home / "ksonde.conf")
    (home / "source").mkdir()
    (home / "source/format").write_text("3.0 (native)\n")
    (home / "changelog").write_text(
        f"ksonde ({as_version}) unstable; urgency=medium\n\n"
        "  * Built from the sources; their history is that of the changes.\n\n"
        f" -- The ksonde developers <ksonde@example.org>  {formatdate(epoch())}\n"
    )


def epoch() -> int:
    """Return the time of the last change: a package built twice is the same package."""
    said = output(["git", "log", "-1", "--format=%ct"], cwd=ROOT)
    return int(said) if said and said.strip() else int(time.time())


def run(command: Sequence[str | Path], cwd: Path, log: Path) -> None:
    """Run a packaging tool with its words in a log; ToolError when it fails."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch()), "LC_ALL": "C.UTF-8"}
    # The tools' own virtual environment is not what packages are built with.
    environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    environment.pop("PYTHONPATH", None)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        done = subprocess.run(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False
        )
    if done.returncode != 0:
        text = log.read_text(errors="replace")
        lines = [
            line for line in text.splitlines() if re.search(r"\berror: |^error|^E: ", line, re.IGNORECASE)
        ]
        raise ToolError(f"{command[0]}: {first_line(chr(10).join(lines), 'failed')}", f"all of it: {log}")


def _listed() -> list[Path]:
    listed = output(["git", "ls-files", "-co", "--exclude-standard", "-z", *_NEEDED], cwd=ROOT)
    if listed is not None:
        return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]
    found: list[Path] = []
    for name in _NEEDED:
        top = ROOT / name
        found += [path for path in (top.rglob("*") if top.is_dir() else [top]) if path.is_file()]
    return [path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts]


def _set_version(path: Path, pattern: str, as_version: str) -> None:
    text = path.read_text()
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise ToolError(f"{path.name} has no version")
    path.write_text(text[: match.start(1)] + as_version + text[match.end(1) :])
