# SPDX-License-Identifier: GPL-2.0-only
"""The command line, with a real module."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest

import ksonde
from acting import ACT, TICK, Tap, ancestors_from, is_loaded


def cli(*arguments: Any, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ksonde", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)
    assert "Traceback" not in done.stderr
    assert not check or done.returncode == 0, done.stderr
    return done


def test_watch_a_command() -> None:
    """Its exit code, and only its tree."""
    with Others():
        command = ["sh", "-c", f"{ACT[64]} udp=127.0.0.1:4242 >/dev/null; exit 7"]
        done = cli("watch", "--json", "--event", "connect", "--event", "execve", "--", *command, check=False)
    assert done.returncode == 7
    records = [json.loads(line) for line in done.stdout.splitlines()]
    connects = [record for record in records if record["event"] == "connect"]
    assert [record["data"]["remote_port"] for record in connects] == [4242]
    programs = [record["process"]["comm"] for record in records if record["event"] == "execve"]
    assert programs[-1] == "act64" and len(programs) <= 3


class Others:
    """Connections of somebody else's."""

    def __enter__(self) -> None:
        loop = f"while :; do {ACT[64]} connects=5:1 sleep=100 >/dev/null; done"
        self.shell = subprocess.Popen(["/bin/sh", "-c", loop], start_new_session=True)

    def __exit__(self, *_: object) -> None:
        os.killpg(self.shell.pid, 9)
        self.shell.wait()


def test_watch_for_people() -> None:
    done = cli("watch", "--event", "connect", "--", ACT[32], "udp=127.0.0.1:4243", stdin=subprocess.DEVNULL)
    line = next(line for line in done.stdout.splitlines() if "4243" in line and "connect" in line)
    assert "act32" in line
    assert "lost 0" in done.stderr + done.stdout


def test_watch_killed_command() -> None:
    done = cli("watch", "--event", "exit", "--", "sh", "-c", "kill -9 $$", check=False)
    assert done.returncode == 128 + 9


def test_watch_count() -> None:
    with Others():
        done = cli("watch", "--json", "--event", "connect", "--count", "3", "--for", "90s")
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events.count("connect") == 3
    assert "lost 0" in done.stderr


def test_watch_for_a_while() -> None:
    done = cli("watch", "--for", "1s", "--event", "load_module")
    assert "lost 0" in done.stderr + done.stdout


def test_watch_snapshot(victim: int) -> None:
    """What is there comes first; of a process the driver and /proc say the same."""
    with ksonde.open(["exit"]) as session:
        above = [(one["tgid"], one["comm"]) for one in ancestors_from(victim)[1:]]
        with socket.create_server(("127.0.0.1", 0)) as server:
            inode = os.fstat(server.fileno()).st_ino
            done = cli("watch", "--json", "--snapshot", "--event", "execve", "--for", "100ms")
        os.kill(victim, signal.SIGKILL)
        os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
        tap = Tap(session)
        tap.collect()
        record = tap.one("exit", victim)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    taken = [line for line in found if line.get("snapshot")]
    assert found[: len(taken)] == taken
    (process,) = [one["data"] for one in taken if one["event"] == "process" and one["data"]["tgid"] == victim]
    assert process["argv"] == ["sleep", "1000"]
    for name in ("start_time", "parent_start_time"):
        assert process[name] == getattr(record, name) // TICK * TICK
    assert [(one["tgid"], one["comm"]) for one in process["ancestors"]] == above
    assert process["ancestors"][0]["start_time"] == process["parent_start_time"]
    (listener,) = [
        one["data"] for one in taken if one["event"] == "socket" and one["data"]["socket"] == inode
    ]
    assert (listener["state"], listener["tgids"]) == ("listen", [os.getpid()])
    for name in ("parent_tgid", "pgid", "sid", "uid", "euid", "gid", "egid", "comm", "exe"):
        assert process[name] == getattr(record, name), name
    assert "ksonde" in [one["data"]["name"] for one in taken if one["event"] == "module"]
    assert "/proc" in [one["data"]["target"] for one in taken if one["event"] == "mount"]


def test_hooks() -> None:
    with ksonde.open(["connect"]) as session:
        Tap(session)
        done = cli("hooks")
        for hook in session.device.hooks():
            assert hook.name in done.stdout
        assert "armed" in done.stdout and "idle" in done.stdout


@pytest.mark.parametrize("command", [["status"], ["schema"], ["stat", "--help"]])
def test_runs(command: list[str]) -> None:
    assert cli(*command).stdout


def test_schema_is_the_drivers() -> None:
    with ksonde.Device() as device:
        schema = device.schema()
    out = cli("schema").stdout
    assert all(name in out for name in schema.events)


def test_unknown_event() -> None:
    done = cli("watch", "--event", "conect", check=False)
    assert done.returncode not in (0, 1) and "connect" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_unload_and_load() -> None:
    assert is_loaded()
    with ksonde.open(["connect"]):
        done = cli("unload", check=False)
        assert done.returncode != 0 and is_loaded()
    cli("unload")
    assert not is_loaded()
    missing = cli("watch", "--for", "1s", check=False)
    assert missing.returncode == 3 and "ksonde load" in missing.stderr
    subprocess.run(["insmod", os.environ["KSONDE_KO"]], check=True)
    assert is_loaded()
