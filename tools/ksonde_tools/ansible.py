# SPDX-License-Identifier: GPL-2.0-only
"""The roll-out's tests, with an Ansible of their own: it is no part of the ordinary installation."""

from __future__ import annotations

import configparser
import hashlib
import os
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

from .common import ROOT, ToolError, cache_dir, lock, say


def run(command: Sequence[str]) -> int:
    """Run pytest with an environment in which the tests find Ansible; its exit code."""
    environment = {**os.environ, "KSONDE_ANSIBLE": str(_installed() / "bin")}
    words = [*command, "-q", "-o", f"cache_dir={cache_dir() / 'pytest'}"]
    return subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode


def _installed() -> Path:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = config["options.extras_require"]["ansible"].split()
    home = cache_dir() / "ansible"
    stamp = home / f"stamp-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()}"
    with lock("ansible"):
        if not stamp.exists():
            say("installing Ansible into the cache")
            venv.create(home, with_pip=True, clear=True)
            pip = [str(home / "bin/python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            if subprocess.run([*pip, *wanted], stdin=subprocess.DEVNULL, stdout=2, check=False).returncode:
                raise ToolError("pip could not install Ansible", "see what it says above")
            stamp.touch()
    return home
