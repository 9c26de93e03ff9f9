# SPDX-License-Identifier: GPL-2.0-only
"""Whether the machine that this runs on can load the driver itself."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from . import kernel
from .common import output

_CAP_SYS_MODULE = 16


def why_not() -> str | None:
    """Return in one sentence why this kernel cannot load the driver, None when it can."""
    release = platform.release()
    if not _has_modules():
        return f"the running kernel ({release}) is built without modules"
    if _read("/proc/sys/kernel/modules_disabled") == "1":
        return "loading modules is switched off until the next boot (kernel.modules_disabled)"
    if not _capable():
        return "loading a module needs root (CAP_SYS_MODULE)"
    lockdown = re.search(r"\[(\w+)\]", _read("/sys/kernel/security/lockdown"))
    if lockdown and lockdown.group(1) != "none":
        return f"the running kernel is locked down ({lockdown.group(1)}) and takes signed modules only"
    if kernel.headers(release) is None and not _offered(release):
        return f"there are no headers for the running kernel ({release}) to build the module with"
    return None


def _has_modules() -> bool:
    return Path("/proc/modules").exists()


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _capable() -> bool:
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", _read("/proc/self/status"), re.MULTILINE)
    return (
        effective is not None
        and bool(int(effective.group(1), 16) >> _CAP_SYS_MODULE & 1)
        and os.geteuid() == 0
    )


def _offered(release: str) -> bool:
    return bool(output(["apt-cache", "show", f"linux-headers-{release}"]))
