# SPDX-License-Identifier: GPL-2.0-only
"""A command that is started, but waits before its first instruction until a session follows it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
from typing import TYPE_CHECKING, ClassVar, NoReturn, Optional

from ksonde.errors import KsondeError
from ksonde.text import quote

if TYPE_CHECKING:
    from collections.abc import Sequence


class CommandNotFound(KsondeError):
    """There is no such program.

    Attributes:
        name: of the command, as given.
    """

    exit_code: ClassVar[int] = 127

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no command {quote(name)}", "give a path, or check PATH")
        self.name = name


class CommandRefused(KsondeError):
    """The program is there, but cannot be executed.

    Attributes:
        name: of the command, as given.
        errno: the errno value, positive.
    """

    exit_code: ClassVar[int] = 126

    def __init__(self, name: str, errno: int) -> None:
        super().__init__(
            f"{quote(name)} cannot be executed: {os.strerror(errno)}",
            "check that it is a program of this machine with execute permission",
        )
        self.name = name
        self.errno = errno


class Command:
    """A process that is going to execute argv; a context manager.

    Args:
        argv: the command and its arguments.
        stdout: a descriptor that the command gets as its standard output.

    Attributes:
        pid: of the process; it is there, and waits.
        pidfd: readable once the process has ended.
    """

    def __init__(self, argv: Sequence[str], *, stdout: Optional[int] = None) -> None:
        path = shutil.which(argv[0])
        if path is None:
            raise CommandNotFound(argv[0])
        self._name = argv[0]
        self._status: Optional[int] = None
        go_read, self._go = os.pipe()
        self._failed, failed_write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _child(path, argv, go_read, self._go, failed_write, stdout)
        os.close(go_read)
        os.close(failed_write)
        self.pidfd = os.pidfd_open(self.pid)

    def release(self) -> None:
        """Let it execute.  CommandRefused when the kernel does not want to."""
        with contextlib.suppress(BrokenPipeError):  # a signal was faster
            os.write(self._go, b"!")
        os.close(self._go)
        self._go = -1
        with os.fdopen(self._failed, "rb") as failed:
            self._failed = -1
            answer = failed.read()
        if answer:
            self.wait()
            raise CommandRefused(self._name, int(answer))

    def send(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def wait(self) -> int:
        """Wait for its end: its exit code, 128 + the signal that killed it."""
        if self._status is None:
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self._status = 128 - code if code < 0 else code
        return self._status

    def end(self, patience: float = 5.0) -> int:
        """Its exit code; if it still runs it gets SIGTERM, and SIGKILL after patience seconds."""
        if not self._ended(0):
            self.send(signal.SIGTERM)
            if not self._ended(patience):
                self.send(signal.SIGKILL)
        return self.wait()

    def _ended(self, timeout: float) -> bool:
        return bool(select.select([self.pidfd], [], [], timeout)[0])

    def close(self) -> None:
        """Release all; a command that was not yet released never executes."""
        if self._go >= 0:
            os.close(self._go)
            self._go = -1
            self.wait()
        if self._failed >= 0:
            os.close(self._failed)
            self._failed = -1
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _child(
    path: str, argv: Sequence[str], go_read: int, go_write: int, failed: int, stdout: Optional[int]
) -> NoReturn:
    """The child: waits, then executes.  Nothing of Python's own clean-up may run here."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.close(go_write)
        if os.read(go_read, 1) != b"!":  # the parent gave up
            os._exit(125)
        if stdout is not None:
            os.dup2(stdout, 1)
        os.execv(path, list(argv))
    except OSError as error:
        os.write(failed, str(error.errno).encode())
    finally:
        os._exit(126)
