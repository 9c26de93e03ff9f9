# SPDX-License-Identifier: GPL-2.0-only
"""The machine that ksonde runs on: its files under a root that tests can replace, and its programs."""

from __future__ import annotations

import contextlib
import copy
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Sequence

_CAP_SYS_MODULE = 16
_INITIAL_USER_NAMESPACE = ["0", "0", "4294967295"]


class Machine:
    """What can be asked of a machine.

    Args:
        root: where its /proc, /sys, /boot, /dev, /lib are.
        release: of the running kernel; None: this one's.
        architecture: None: this one's.

    Attributes:
        running: release of the running kernel.
        release: of the kernel that is asked about.
    """

    def __init__(
        self, root: Path = Path("/"), *, release: Optional[str] = None, architecture: Optional[str] = None
    ) -> None:
        self.root = root
        self.running = release or platform.release()
        self.release = self.running
        self.architecture = architecture or platform.machine()

    @property
    def is_running(self) -> bool:
        """Whether the kernel that is asked about is the running one."""
        return self.release == self.running

    def of(self, release: str) -> Machine:
        """This machine, asked about another of its kernels."""
        other = copy.copy(self)
        other.release = release
        return other

    def path(self, path: str) -> Path:
        """A path of the machine: /proc/cmdline."""
        return self.root / path.lstrip("/")

    def read(self, path: str) -> Optional[str]:
        """The text of a file, None when it cannot be read."""
        try:
            return self.path(path).read_text("utf-8", "replace")
        except OSError:
            return None

    def read_bytes(self, path: str) -> Optional[bytes]:
        """The bytes of a file, None when it cannot be read."""
        try:
            return self.path(path).read_bytes()
        except OSError:
            return None

    def find(self, program: str) -> Optional[str]:
        """Path of a program; sbin is looked into even when PATH lacks it."""
        path = os.environ.get("PATH", os.defpath)
        return shutil.which(program, path=f"{path}:/usr/local/sbin:/usr/sbin:/sbin")

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, with its output as text, in English."""
        return subprocess.run(
            list(command),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )

    def filter(self, command: Sequence[str], data: bytes) -> bytes:
        """What a program makes of data; b"" when it is not there."""
        tool = self.find(command[0])
        if tool is None:
            return b""
        return subprocess.run([tool, *command[1:]], check=False, capture_output=True, input=data).stdout

    # ------------------------------------------------------------- questions

    def module_version(self) -> Optional[str]:
        """Version of the loaded ksonde module; "" when it tells none; None when it is not loaded."""
        if not self.path("/sys/module/ksonde").is_dir():
            return None
        return (self.read("/sys/module/ksonde/version") or "").strip()

    def switched_off(self) -> bool:
        """Whether the kernel was booted with ksonde=off."""
        return "ksonde=off" in (self.read("/proc/cmdline") or "").split()

    def boot_id(self) -> str:
        """What tells this boot from all others; "" where the kernel does not tell."""
        return (self.read("/proc/sys/kernel/random/boot_id") or "").strip()

    def uptime(self) -> float:
        """Seconds since the boot, those of a suspended machine included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def log(self, message: str) -> None:
        """Say it in the kernel's log, which the journal keeps, as far as that is allowed."""
        line = f"<3>ksonde: {message}\n".encode()
        with contextlib.suppress(OSError):
            # Not open(): it asks where the file ends, which the kernel's log refuses to say.
            descriptor = os.open(self.path("/dev/kmsg"), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    def may_load_modules(self) -> bool:
        """Whether this process has CAP_SYS_MODULE."""
        for line in (self.read("/proc/self/status") or "").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> _CAP_SYS_MODULE & 1)
        return False

    def in_initial_user_namespace(self) -> bool:
        """Whether root here is root of the machine (not of a container)."""
        table = self.read("/proc/self/uid_map")
        return table is None or table.split() == _INITIAL_USER_NAMESPACE

    def lockdown(self) -> str:
        """none, integrity or confidentiality."""
        text = self.read("/sys/kernel/security/lockdown") or "[none]"
        return text[text.find("[") + 1 : text.find("]")]

    def kernel_config(self) -> Optional[dict[str, str]]:
        """The kernel's options, by name without CONFIG_; None when they are nowhere to be found."""
        text = self.read(f"/boot/config-{self.release}")
        if text is None and self.is_running:
            packed = self.read_bytes("/proc/config.gz")
            if packed is not None:
                import gzip
                import zlib

                try:
                    text = gzip.decompress(packed).decode("utf-8", "replace")
                except (OSError, EOFError, zlib.error):
                    text = None
        if text is None:
            text = self.read(f"/lib/modules/{self.release}/config")
        if text is None:
            text = self.read(f"/lib/modules/{self.release}/build/.config")
        if text is None:
            return None
        return options_of(text)


def options_of(text: str) -> dict[str, str]:
    """The options in the text of a kernel's .config, by name without CONFIG_."""
    pairs = (
        line[7:].split("=", 1) for line in text.splitlines() if line.startswith("CONFIG_") and "=" in line
    )
    return {name: value.strip().strip('"') for name, value in pairs}
