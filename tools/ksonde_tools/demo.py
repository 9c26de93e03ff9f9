# SPDX-License-Identifier: GPL-2.0-only
"""What runs in the guest of tools/watch: `ksonde watch`, and beside it programs worth watching."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

#: Seconds between two acts.
PACE = 0.2
_NOBODY = 65534


class Workload:
    """Does one thing after the other, for ever, until told to stop."""

    def __init__(self, modules: Path | None) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._modules = modules
        self._acts: list[Callable[[], None]] = [
            self._program,
            self._tcp,
            self._set_user_id_program,
            self._module,
            self._files,
            self._failing_program,
            self._tcp6,
            self._set_user_id_call,
            self._script,
            self._without_waiting,
            self._refused,
            self._udp,
            self._unix,
            self._killed,
        ]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="demo-") as folder:
            os.chdir(folder)
            while True:
                for act in self._acts:
                    with contextlib.suppress(OSError, subprocess.SubprocessError):
                        act()
                    if self._stop.wait(PACE):
                        os.chdir("/")
                        return

    def _program(self) -> None:
        _quiet(["/bin/ls", "-l", "/etc/hostname"])

    def _failing_program(self) -> None:
        _quiet(["/etc/passwd", "is", "no program"])

    def _script(self) -> None:
        script = Path("hello.sh")
        script.write_text("#!/bin/sh\nexit 7\n")
        script.chmod(0o755)
        _quiet(["./hello.sh", "two words", "a\nnew line"])

    def _files(self) -> None:
        for name in ("notes.txt", "naïve name"):
            path = Path(name)
            path.write_text("demo\n")
            path.unlink()

    def _tcp(self) -> None:
        _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))

    def _tcp6(self) -> None:
        _connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))

    def _without_waiting(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            select.select([], [client], [], 1)

    def _refused(self) -> None:
        with socket.socket() as client:
            client.connect_ex(("127.0.0.1", 9))

    def _udp(self) -> None:
        _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))

    def _unix(self) -> None:
        _connect(socket.AF_UNIX, socket.SOCK_STREAM, str(Path("demo.socket").absolute()))
        Path("demo.socket").unlink()

    def _set_user_id_program(self) -> None:
        _quiet(["/bin/su", "--version"], user=_NOBODY)

    def _set_user_id_call(self) -> None:
        child = os.fork()
        if child == 0:
            os.seteuid(_NOBODY)
            os.seteuid(0)
            os._exit(0)
        os.waitpid(child, 0)

    def _module(self) -> None:
        if self._modules is None:
            return
        _quiet(["insmod", str(self._modules / "ksonde_hello.ko")])
        _quiet(["rmmod", "ksonde_hello"])
        _quiet(["insmod", str(self._modules / "ksonde_hello.ko"), f"fail={errno.ENODEV}"])

    def _killed(self) -> None:
        with subprocess.Popen(["/bin/sleep", "60"], stdin=subprocess.DEVNULL) as child:
            child.send_signal(signal.SIGKILL)


def _quiet(command: Sequence[str], user: int | None = None) -> None:
    subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=20,
        user=user,
    )


def _connect(family: int, kind: int, address: tuple[str, int] | str) -> None:
    with socket.socket(family, kind) as server, socket.socket(family, kind) as client:
        server.bind(address)
        if kind == socket.SOCK_STREAM:
            server.listen(1)
        client.connect(server.getsockname())


def main(arguments: Sequence[str]) -> int:
    """Run `ksonde watch` with these arguments, the workload beside it; return its exit code."""
    modules = os.environ.get("KSONDE_DEMO_MODULES")
    workload = Workload(Path(modules) if modules else None)
    # For people the summary belongs to what they read; JSON lines stay alone.
    errors = None if "--json" in arguments else subprocess.STDOUT
    with subprocess.Popen(["ksonde", "watch", *arguments], stderr=errors) as watch:
        workload.start()
        while True:
            try:
                code = watch.wait()
                break
            except KeyboardInterrupt:
                continue  # it got the signal too, and ends
    workload.stop()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
