# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that tools/vm and tools/test take by name: this release's, and the rows for this CPU."""

from __future__ import annotations

from ksonde_tools import kernel
from ksonde_tools.kernel import Kernel

from . import build, fetch
from .rows import ROWS


def resolve(name: str | None) -> Kernel:
    """Return "amd64-7.3", "6.1" or "6.1.0-56-amd64", fetching or building what is missing."""
    for row in ROWS:
        if row.name == name and row.arch == "amd64":
            found = build.equip(row, fetch.fetch(row).kernel)
            if not (found.modules / "modules.dep").exists():
                kernel.index_modules(found.modules)
            return found
    return kernel.resolve(name)
