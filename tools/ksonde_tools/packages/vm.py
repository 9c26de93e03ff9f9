# SPDX-License-Identifier: GPL-2.0-only
"""Boots a root file system as a disk, with its own kernel, initial RAM disk and systemd."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from ksonde_tools.common import ROOT, ToolError, say
from ksonde_tools.kernel import _unpack_image
from ksonde_tools.machine import EMULATED, bad_lines

from . import root
from .report import Report
from .stage import FILES

_HERE = ROOT / "tools/ksonde_tools/packages"
_WORDS = "console=ttyS0 root=/dev/vda rw loglevel=5 panic_on_warn=1 oops=panic panic=-1 systemd.show_status=0"
_TRIAL = "var/local/trial"
_DISK = "6G"


def equip(system: Path, plan: dict[str, object], packages: list[Path]) -> None:
    """Put into a root what the guest is to do, and the packages that it needs."""
    trial = system / _TRIAL
    trial.mkdir(parents=True)
    for path in (_HERE / "guest.py", *packages):
        shutil.copy(path, trial)
    (trial / "plan.json").write_text(json.dumps(plan))
    units = system / "etc/systemd/system"
    shutil.copy(FILES / "trial.service", units / "trial.service")
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/trial.service").symlink_to("../trial.service")
    # What the machine has to do besides is not of interest here.
    for name in ("apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer", "systemd-timesyncd.service"):
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    (system / "etc/fstab").write_text("/dev/vda / ext4 rw 0 1\n")
    (system / "usr/sbin/policy-rc.d").unlink()


class Disk:
    """A root as an image; a boot changes nothing of it.

    Args:
        system: the root.
        folder: for the image.
    """

    def __init__(self, system: Path, folder: Path) -> None:
        self._system = system
        self._image = folder / "disk"
        say("making a disk of the root")
        command = ["mke2fs", "-q", "-t", "ext4", "-d", str(system), str(self._image), _DISK]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, capture_output=True)

    def boot(self, kernel: str, mode: str, log: Path, report: Report, timeout: float) -> None:
        """Boot a kernel of the root; the guest's answers go to the report."""
        program = shutil.which("qemu-system-x86_64")
        if program is None:
            raise ToolError("there is no qemu-system-x86_64", "apt-get install qemu-system-x86")
        say(f"booting Debian 12 with Linux {kernel}")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ksonde-packages-") as folder:
            image, answers = Path(folder) / "kernel", Path(folder) / "answers"
            image.write_bytes(_unpack_image((self._system / f"boot/vmlinuz-{kernel}").read_bytes()))
            answers.touch()
            command = [program, "-machine", "q35", "-cpu", "max", "-accel", f"{EMULATED},tb-size=512"]
            command += ["-smp", "2", "-m", "2G", "-nodefaults", "-no-user-config", "-display", "none"]
            command += ["-nic", "none", "-no-reboot", "-snapshot"]
            command += ["-drive", f"file={self._image},format=raw,if=virtio"]
            command += ["-serial", f"file:{log}", "-serial", f"file:{answers}"]
            command += ["-kernel", str(image), "-initrd", str(self._system / f"boot/initrd.img-{kernel}")]
            command += ["-append", f"{_WORDS} trial={mode}"]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            try:
                ended = _listen(process, answers, report, began + timeout)
            finally:
                process.kill()
                process.wait()
        report.check("the guest went through all of it", "" if ended else f"it did not; its console: {log}")
        report.check("the kernel's log is clean", "; ".join(bad_lines(log)[:3]))
        say(f"that took {time.monotonic() - began:.0f} s")


def _listen(process: subprocess.Popen[bytes], answers: Path, report: Report, until: float) -> bool:
    """Hand on answers as they come; True when the guest came to its end."""
    done = 0
    while True:
        over = process.poll() is not None or time.monotonic() > until
        lines = answers.read_text(errors="replace").replace("\r", "").split("\n")[:-1]
        for line in lines[done:]:
            if line == "end":
                return True
            report.take(line)
        done = len(lines)
        if over:
            return False
        time.sleep(0.5)


def named(system: Path) -> list[str]:
    """Return the paths with the name in them, as the guest would see them."""
    said = root.run(system, "find", "/", "-xdev", "-name", "*ksonde*", "-not", "-path", f"/{_TRIAL}*").stdout
    return said.splitlines()
