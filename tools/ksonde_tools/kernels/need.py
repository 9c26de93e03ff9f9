# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages that only some rows need: installed when a row asks for them."""

from __future__ import annotations

import os
import subprocess

from ksonde_tools.common import ToolError, lock, say


def need(package: str, there: bool) -> None:
    """Install a package unless what it brings is there; only root can."""
    if there:
        return
    if os.geteuid() != 0:
        raise ToolError(f"{package} is not installed", f"sudo apt-get install {package}")
    with lock("apt-install"):
        say(f"installing {package}")
        command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "--no-remove", package]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    if done.returncode != 0:
        raise ToolError(f"apt-get cannot install {package}", "try: apt-get update")
