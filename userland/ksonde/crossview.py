# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel has against what it shows to user space: processes, modules, sockets.

Things come and go meanwhile, so only what is so at two looks is a finding.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .inspection import Finding
from .sockdiag import inodes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator

__all__ = ["INITIAL_PID_NAMESPACE", "Compared", "CrossView"]

#: PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h.
INITIAL_PID_NAMESPACE = 0xEFFFFFFC
_CAP_SYS_PTRACE = 1 << 19
#: Seconds between two looks.
PAUSE = 0.05
#: Files of proc(5) about the sockets that sock_diag(7) tells, too.
_TABLES = ("tcp", "tcp6", "udp", "udp6")


class Compared(NamedTuple):
    """How many things were compared, what was missed, and why not all of it could be."""

    checked: int = 0
    findings: tuple[Finding, ...] = ()
    why: str = ""


class CrossView:
    """Compares.

    Args:
        seen: asks the driver for all "processes" (pids of the initial namespace) or "modules" (names).
        proc: where proc(5) is.
        pause: seconds between two looks.
    """

    def __init__(
        self,
        seen: Callable[[str], Collection[Hashable]],
        proc: Path = Path("/proc"),
        pause: float = PAUSE,
    ) -> None:
        self._seen = seen
        self._proc = proc
        self._pause = pause

    def _twice(self, look: Callable[[], tuple[int, set[Hashable]]]) -> tuple[int, list[Hashable]]:
        """How many were compared, and what was missed at both looks."""
        checked, missed = look()
        if missed:
            time.sleep(self._pause)
            missed &= look()[1]
        return checked, sorted(missed, key=str)

    def processes(self) -> Compared:
        """Processes that /proc does not show.

        Raises:
            KsondeError: the driver cannot be asked.
        """
        try:
            namespace = (self._proc / "self/ns/pid").stat().st_ino
        except OSError as error:
            return Compared(why=f"the namespace of pids cannot be told: {error.strerror}")
        if namespace != INITIAL_PID_NAMESPACE:
            return Compared(why="this is not the initial namespace of pids")
        if self._hides() and not self._sees_all():
            return Compared(why="/proc is mounted so that it hides processes of others (hidepid)")

        def look() -> tuple[int, set[Hashable]]:
            # What ends meanwhile is missed, what begins is not.
            known = self._seen("processes")
            shown = {int(path.name) for path in self._proc.iterdir() if path.name.isdigit()}
            return len(known), {pid for pid in known if pid not in shown}

        checked, missed = self._twice(look)
        what = "it runs, but /proc does not show it"
        return Compared(checked, tuple(_missed("process", pid, what, 708) for pid in missed))

    def _hides(self) -> bool:
        for line in (self._proc / "self/mountinfo").read_text(errors="surrogateescape").splitlines():
            before, _, after = line.partition(" - ")
            if after.startswith("proc ") and before.split(" ")[4] == "/proc" and "hidepid=" in after:
                return "hidepid=0" not in after and "hidepid=off" not in after
        return False

    def _sees_all(self) -> bool:
        """CAP_SYS_PTRACE, which hidepid does not hide anything from (proc(5))."""
        for line in (self._proc / "self/status").read_text(errors="surrogateescape").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) & _CAP_SYS_PTRACE)
        return False

    def modules(self) -> Compared:
        """Modules that /proc/modules does not show; as processes()."""

        def look() -> tuple[int, set[Hashable]]:
            known = self._seen("modules")
            shown = {line.split(" ", 1)[0] for line in (self._proc / "modules").read_text().splitlines()}
            return len(known), {name for name in known if name not in shown}

        try:
            checked, missed = self._twice(look)
        except OSError as error:
            return Compared(why=f"/proc/modules: {error.strerror}")
        what = "it is loaded, but /proc/modules does not show it"
        return Compared(checked, tuple(_missed("module", name, what, 702) for name in missed))

    def sockets(self) -> Compared:
        """TCP and UDP sockets of this network namespace that only one of /proc/net and sock_diag(7) shows.

        As processes(); the driver is not asked.
        """
        hides: dict[Hashable, str] = {}

        def look() -> tuple[int, set[Hashable]]:
            before = set(self._listed())
            told = set(inodes())
            after = set(self._listed())
            # What was listed before and after was there all the time.
            silent = (before & after) - told
            hidden = told - before - after
            hides.update(dict.fromkeys(silent, "sock_diag"))
            hides.update(dict.fromkeys(hidden, "/proc/net"))
            return len(before | told), silent | hidden

        try:
            checked, missed = self._twice(look)
        except OSError as error:
            of = f"{error.filename}: " if error.filename else ""
            return Compared(why=f"sockets cannot be listed: {of}{error.strerror or error}")
        findings = (_missed("socket", inode, f"{hides[inode]} does not show it", 700) for inode in missed)
        return Compared(checked, tuple(findings))

    def _listed(self) -> Iterator[int]:
        """Inodes, of those that a process may have."""
        for table in _TABLES:
            try:
                lines = (self._proc / "net" / table).read_text().splitlines()[1:]
            except FileNotFoundError:
                # A kernel without IPv6.
                continue
            for line in lines:
                inode = int(line.split()[9])
                if inode:
                    yield inode


def _missed(kind: str, name: Hashable, what: str, event: int) -> Finding:
    return Finding(f"{kind} {name}", what, event=event)
