# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ksonde.command import Command, CommandNotFound, CommandRefused


def test_it_waits_until_it_is_released(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    with Command(["touch", str(proof)]) as command:
        assert Path(f"/proc/{command.pid}").exists()
        assert not command._ended(0.05)
        assert not proof.exists()
        command.release()
        assert command.wait() == 0
    assert proof.exists()


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("kill -SEGV $$", 139)])
def test_exit_codes(script: str, code: int) -> None:
    with Command(["sh", "-c", script]) as command:
        command.release()
        assert command.end(patience=10) in (code, 143)  # 143: it was ended before it came to its point
    with Command(["sh", "-c", script]) as command:
        command.release()
        assert command.wait() == code
        assert command.wait() == code
        command.send(signal.SIGTERM)


def test_one_that_a_signal_ends_before_it_executes() -> None:
    with Command(["true"]) as command:
        assert not command._ended(0.2)  # time to reset its signal handlers
        command.send(signal.SIGTERM)
        assert command._ended(10)
        command.release()
        assert command.wait() == 143


def test_never_released_never_executed(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    with Command(["touch", str(proof)]) as command:
        pid = command.pid
    assert not Path(f"/proc/{pid}").exists()
    assert not proof.exists()


def test_no_such_command() -> None:
    with pytest.raises(CommandNotFound, match="there is no command 'no such'") as caught:
        Command(["no such"])
    assert caught.value.exit_code == 127


def test_a_command_that_the_kernel_refuses(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("no format that a kernel knows")
    broken.chmod(0o755)
    with (
        Command([str(broken)]) as command,
        pytest.raises(CommandRefused, match="Exec format error") as caught,
    ):
        command.release()
    assert caught.value.exit_code == 126


def test_signals_are_as_a_shell_gives_them() -> None:
    read, write = os.pipe()
    with Command(["grep", "SigIgn", "/proc/self/status"], stdout=write) as command:
        os.close(write)
        command.release()
        assert command.wait() == 0
    with os.fdopen(read) as output:
        ignored = int(output.read().split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGINT - 1))


def test_one_that_does_not_want_to_end_is_killed() -> None:
    with Command(
        ["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.05; done"],
        stdout=os.open(os.devnull, os.O_WRONLY),
    ) as c:
        c.release()
        assert not c._ended(0.3)
        assert c.end(patience=0.2) == 137
