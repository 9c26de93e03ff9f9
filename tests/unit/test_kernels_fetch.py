# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Optional

import pytest

from ksonde_tools.common import ToolError
from ksonde_tools.kernels import apt, fetch, need, source
from ksonde_tools.kernels.rows import KDIR, ROWS, Row

ROW = Row("amd64-6.1", "amd64", "6.1", "amd64", ("security", "stable"))
RT = Row("amd64-6.1-rt", "amd64", "6.1", "rt-amd64", ("security", "stable"))
OWN = Row("amd64-6.1-own", "amd64", "6.1", "own", ("security", "stable"), config="debug.config")


class FakeSuite:
    """A suite with the packages that `offers` has for its name; None cannot be reached."""

    offers: dict[str, Optional[list[str]]]
    lacks: set[str]
    source_version = ""

    def __init__(self, name: str, arch: str) -> None:
        self.name = name
        self.arch = arch

    def names(self) -> list[str]:
        found = self.offers[self.name]
        if found is None:
            raise ToolError(f"{self.name} is not there")
        return found

    def depends(self, package: str) -> list[str]:
        if package.startswith("linux-headers-"):
            return ["linux-headers-6.1-common", "linux-kbuild-6.1"]
        return ["kmod"]

    def version(self, _package: str) -> str:
        return self.source_version

    def unpack(self, packages: list[str], root: Path) -> None:
        for package in packages:
            if package in self.lacks:
                raise ToolError(f"cannot fetch {package} of {self.name}")
            if package.startswith("linux-image-"):
                version = package[len("linux-image-") :]
                (root / "boot").mkdir(parents=True)
                (root / "boot" / f"vmlinuz-{version}").write_bytes(b"image")
                build = root / "usr/src" / f"linux-headers-{version}"
                build.mkdir(parents=True)
                (build / "Makefile").write_text("include /usr/src/linux-headers-6.1-common/Makefile\n")


def _packages(flavour: str, *versions: str) -> list[str]:
    return [f"linux-{part}-{version}-{flavour}" for version in versions for part in ("image", "headers")]


@pytest.fixture(name="suite", autouse=True)
def _suite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeSuite]:
    FakeSuite.offers = {"security": _packages("amd64", "6.1.0-9", "6.1.0-56"), "stable": []}
    FakeSuite.lacks = set()
    FakeSuite.source_version = ""
    for module in (fetch, source):
        monkeypatch.setattr(module, "Suite", FakeSuite)
        monkeypatch.setattr(module, "cache_dir", lambda: tmp_path)
    monkeypatch.setenv("KSONDE_CACHE", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    return FakeSuite


def test_newest_first_each_suite_in_turn(suite: type[FakeSuite]) -> None:
    suite.offers["stable"] = _packages("amd64", "6.1.0-55", "6.1.0-7", "6.12.1")
    assert fetch.offered(ROW) == [
        ("6.1.0-56-amd64", "security"),
        ("6.1.0-55-amd64", "stable"),
        ("6.1.0-9-amd64", "security"),
        ("6.1.0-7-amd64", "stable"),
    ]


def test_headers_without_an_image_are_no_kernel(suite: type[FakeSuite]) -> None:
    suite.offers["security"] = ["linux-headers-6.1.0-57-amd64", *_packages("amd64", "6.1.0-56")]
    assert fetch.offered(ROW) == [("6.1.0-56-amd64", "security")]


def test_one_flavour_is_not_another(suite: type[FakeSuite]) -> None:
    suite.offers["security"] = [*_packages("amd64", "6.1.0-56"), *_packages("rt-amd64", "6.1.0-55")]
    assert fetch.offered(RT) == [("6.1.0-55-rt-amd64", "security")]


def test_a_suite_that_cannot_be_reached_is_said(suite: type[FakeSuite]) -> None:
    suite.offers = {"security": None, "stable": []}
    with pytest.raises(ToolError, match=r"security is not there; security, stable: no linux-image-6\.1"):
        fetch.offered(ROW)


def test_what_the_mirror_lists_but_lacks_gives_way(suite: type[FakeSuite], tmp_path: Path) -> None:
    suite.lacks = {"linux-image-6.1.0-56-amd64"}
    found = fetch.fetch(ROW)
    assert found.kernel.version == "6.1.0-9-amd64"
    assert found.kernel.image.read_bytes() == b"image"
    assert f"include {tmp_path}/" in (found.kernel.build / "Makefile").read_text()
    assert json.loads((tmp_path / "kernels/row-amd64-6.1").read_text())["version"] == "6.1.0-9-amd64"


def test_what_cannot_be_fetched_is_not_there(suite: type[FakeSuite], tmp_path: Path) -> None:
    suite.lacks = {"linux-image-6.1.0-56-amd64", "linux-image-6.1.0-9-amd64"}
    with pytest.raises(ToolError, match=r"cannot fetch linux-image-6\.1\.0-56-amd64"):
        fetch.fetch(ROW)
    assert not fetch.cached(ROW)
    assert not (tmp_path / "kernels/row-amd64-6.1").exists()


def test_what_was_fetched_is_not_asked_for_unless_told(suite: type[FakeSuite]) -> None:
    assert not fetch.cached(ROW)
    assert fetch.fetch(ROW).kernel.version == "6.1.0-56-amd64"
    assert fetch.cached(ROW)
    suite.offers["security"] = _packages("amd64", "6.1.0-57")
    assert fetch.fetch(ROW).kernel.version == "6.1.0-56-amd64"
    assert fetch.fetch(ROW, again=True).kernel.version == "6.1.0-57-amd64"


def test_other_options_are_another_kernel(suite: type[FakeSuite], tmp_path: Path) -> None:
    suite.source_version = "6.1.9-1"
    assert source.offered(OWN) == [("6.1.9-1", "security"), ("6.1.9-1", "stable")]
    config = tmp_path / "own.config"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "fragment", lambda _row: config)
        config.write_text("CONFIG_KASAN=y\n")
        first = source.home(OWN, "6.1.9-1")
        config.write_text("# CONFIG_KASAN is not set\n")
        assert source.home(OWN, "6.1.9-1") != first


def test_options_that_came_out_otherwise() -> None:
    wanted = '# comment\nCONFIG_A=y\nCONFIG_B="x"\n# CONFIG_C is not set\n# CONFIG_D is not set\nCONFIG_E=y\n'
    assert source._missing(wanted, 'CONFIG_A=y\nCONFIG_B="x"\nCONFIG_D=m\n') == ["CONFIG_D", "CONFIG_E"]


def test_the_debug_kernel_has_what_it_is_for() -> None:
    row = next(row for row in ROWS if row.config)
    have = source.options(source.fragment(row).read_text())
    needed = "KASAN KFENCE PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK FAILSLAB FAIL_PAGE_ALLOC"
    assert {name: have.get(f"CONFIG_{name}") for name in needed.split()} == dict.fromkeys(needed.split(), "y")


def test_rows_are_told_apart() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert not any(name.startswith(KDIR) for name in names)
    assert all(row.arch == row.name.split("-")[0] and row.series in row.name for row in ROWS)


def test_problems_name_no_mirror() -> None:
    said = b"W: old\nE: Failed to fetch http://mirror.example/linux_1.deb  404  Not Found [IP: 192.0.2.4 80]"
    assert apt._problem(said) == "Failed to fetch linux_1.deb  404  Not Found"
    assert apt._problem(b"") == "failed"


def test_what_is_missing_is_installed_by_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    need.need("bison", True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolError) as caught:
        need.need("bison", False)
    assert caught.value.hint == "sudo apt-get install bison"
