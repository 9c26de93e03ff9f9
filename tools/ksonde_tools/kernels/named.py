# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that `tools/vm` and `tools/test` take by name: Debian's, and those that a row builds."""

from __future__ import annotations

from ksonde_tools import kernel
from ksonde_tools.kernel import Kernel

from . import build, fetch
from .rows import ROWS


def resolve(name: str | None) -> Kernel:
    """Return "amd64-6.1-debug", "6.1" or "6.1.0-56-amd64", fetching or building what is missing."""
    for row in ROWS:
        if row.config and row.name == name:
            return build.equip(row, fetch.fetch(row).kernel)
    return kernel.resolve(name)
