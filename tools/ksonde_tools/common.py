# SPDX-License-Identifier: GPL-2.0-only
"""Paths, messages, errors and locks that all tools share."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Exit codes of the tools, beside those of the commands that they run.
EXIT_KERNEL_LOG = 121  # the kernel's log has a warning or worse
EXIT_GUEST_DIED = 122  # the machine ended without the command's exit code
EXIT_TIMEOUT = 124
EXIT_TOOL = 125  # the tool itself could not do its part


class ToolError(Exception):
    """Something that the user must know; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "", code: int = EXIT_TOOL) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


def say(message: str) -> None:
    """Tell people what goes on; standard output belongs to the command."""
    print(f"ksonde: {message}", file=sys.stderr, flush=True)


def main_guard(main: Callable[[Sequence[str]], int]) -> None:
    """Run a tool's main and turn what goes wrong into one line and an exit code."""
    try:
        code = main(sys.argv[1:])
    except ToolError as error:
        hint = f" ({error.hint})" if error.hint else ""
        say(f"{error}{hint}")
        code = error.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 141
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


@functools.cache
def cache_dir() -> Path:
    """Where everything that was fetched or built is kept, outside the clone."""
    named = os.environ.get("KSONDE_CACHE")
    path = (
        Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ksonde"
    )
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def clone_id() -> str:
    """A short name of this clone, for what may not be shared with others."""
    return hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:10]


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the cache's lock of that name; others wait."""
    with (cache_dir() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that holds {name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def output(command: Sequence[str | Path], cwd: Path | None = None) -> str | None:
    """Return what a command prints, None when it fails or is not there."""
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def first_line(text: str, default: str = "") -> str:
    """Return the first line that is not empty."""
    return next((line.strip() for line in text.splitlines() if line.strip()), default)
