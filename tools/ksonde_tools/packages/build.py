# SPDX-License-Identifier: GPL-2.0-only
"""Builds the packages."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path

from ksonde_tools.common import ToolError, cache_dir, clone_id, say

from . import stage


def output_folder() -> Path:
    """Return where packages are left."""
    return cache_dir() / "packages" / clone_id()


def deb(version: str, folder: Path) -> list[Path]:
    """Build ksonde and ksonde-dkms for Debian."""
    say(f"building the Debian packages of version {version}")
    with tempfile.TemporaryDirectory(prefix="ksonde-deb-") as name:
        tree = Path(name) / f"ksonde-{version}"
        stage.sources(tree, version)
        stage.debian(tree, version)
        command = ["dpkg-buildpackage", "--build=binary", "--no-sign", "-ui"]
        stage.run(command, tree, folder / "deb.log")
        return _collect(Path(name), "*.deb", folder)


def rpm(version: str, folder: Path) -> list[Path]:
    """Build the same as RPM packages."""
    say(f"building the RPM packages of version {version}")
    with tempfile.TemporaryDirectory(prefix="ksonde-rpm-") as name:
        top = Path(name)
        tree = top / f"ksonde-{version}"
        stage.sources(tree, version)
        shutil.copytree(stage.FILES / "common", tree / "packaging")
        for part in ("SOURCES", "SPECS"):
            (top / part).mkdir()
        with tarfile.open(top / f"SOURCES/ksonde-{version}.tar.gz", "w:gz") as archive:
            archive.add(tree, tree.name)
        spec = top / "SPECS/ksonde.spec"
        shutil.copy(stage.FILES / "rpm/ksonde.spec", spec)
        # Build requirements are named as RPM distributions do; here dpkg has them.
        command = [
            "rpmbuild",
            "-bb",
            "--nodeps",
            "--define",
            f"_topdir {top}",
            "--define",
            f"ksonde_version {version}",
        ]
        stage.run([*command, spec], top, folder / "rpm.log")
        return _collect(top / "RPMS", "**/*.rpm", folder)


def _collect(place: Path, pattern: str, folder: Path) -> list[Path]:
    found = sorted(place.glob(pattern))
    if not found:
        raise ToolError(f"no {pattern} was built", f"look into {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(path, folder)) for path in found]
