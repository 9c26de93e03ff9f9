# SPDX-License-Identifier: GPL-2.0-only
"""The supported kernels: the one list."""

from __future__ import annotations

from dataclasses import dataclass

#: How the name of a row begins that is no row of the list: a tree given with --kdir.
KDIR = "kdir-"


@dataclass(frozen=True)
class Row:
    """A kernel of Debian's: the newest of `series` and `flavour` that `suites` offer.

    One with a `config` is built here: from the source package of `series`, with that file's options.
    """

    name: str
    arch: str
    series: str
    flavour: str
    suites: tuple[str, ...]
    compiler: str = "gcc-12"
    #: The suite of a chroot to build in, where the kernel's own tools or compiler need one.
    chroot: str = ""
    #: More words for make.
    make: tuple[str, ...] = ()
    #: The file in tools/guest with the options of a kernel that is built here.
    config: str = ""
    memory: str = "1G"
    #: Seconds that the boot and the test may take.
    timeout: float = 900.0


_BULLSEYE = ("bullseye-security", "bullseye")
_BOOKWORM = ("bookworm-security", "bookworm")
_BACKPORTS = ("bookworm-security", "bookworm-backports")
# "stable" is trixie, too: mirrors have been seen whose lists are whole by one of the names only.
_TRIXIE = ("trixie-security", "trixie", "stable")

ROWS = (
    Row("amd64-5.10", "amd64", "5.10", "amd64", _BULLSEYE),
    Row("amd64-5.10-rt", "amd64", "5.10", "rt-amd64", _BULLSEYE),
    Row("amd64-6.1", "amd64", "6.1", "amd64", _BOOKWORM),
    Row("amd64-6.1-cloud", "amd64", "6.1", "cloud-amd64", _BOOKWORM),
    Row("amd64-6.1-rt", "amd64", "6.1", "rt-amd64", _BOOKWORM),
    Row(
        "amd64-6.1-debug",
        "amd64",
        "6.1",
        "debug",
        _BOOKWORM,
        config="debug.config",
        memory="2G",
        timeout=3600.0,
    ),
    Row("amd64-6.12", "amd64", "6.12", "amd64", _BACKPORTS),
    Row("amd64-6.12-rt", "amd64", "6.12", "rt-amd64", _BACKPORTS),
    Row("amd64-7.2", "amd64", "7.2", "amd64", ("trixie-backports", "forky", "sid"), "gcc-14", "trixie"),
    Row("amd64-7.3", "amd64", "7.3", "amd64", ("trixie-backports", "sid"), "gcc-14", "trixie"),
    Row("amd64-7.3-rt", "amd64", "7.3", "rt-amd64", ("trixie-backports", "sid"), "gcc-14", "trixie"),
    Row("arm64-6.1", "arm64", "6.1", "arm64", _BOOKWORM, "gcc-12", "bookworm"),
    Row("arm64-6.12", "arm64", "6.12", "arm64", _BACKPORTS, "gcc-12", "bookworm"),
    Row("arm64-6.12-16k", "arm64", "6.12", "arm64-16k", _TRIXIE, "gcc-14", "trixie"),
    Row("arm64-7.3", "arm64", "7.3", "arm64", ("trixie-backports", "sid"), "gcc-14", "trixie"),
    Row("riscv64-6.12", "riscv64", "6.12", "riscv64", _TRIXIE, "gcc-14", "trixie"),
    # Its headers rely on what gcc-16 can: the compiler that it was built with (counted_by of pointers).
    Row("riscv64-7.2", "riscv64", "7.2", "riscv64", ("forky", "sid"), "gcc-16", "forky"),
)
