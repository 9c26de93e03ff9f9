# SPDX-License-Identifier: GPL-2.0-only
"""Sessions: side by side, killed, filtered, woken; and the module under load."""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ksonde
from acting import ACT, DRIVER, Tap, act, boottime, is_loaded, load, unload, waiting
from ksonde.errors import PermissionRefused

CPU1 = Path("/sys/devices/system/cpu/cpu1/online")


def users() -> dict[str, tuple[int, str]]:
    with ksonde.Device() as device:
        return {hook.name: (hook.users, hook.state) for hook in device.hooks()}


def everything() -> list[str]:
    """Every event that a session can ask for."""
    with ksonde.Device() as device:
        return list(device.schema().profile("S"))


def assert_nothing_armed() -> None:
    assert set(users().values()) == {(0, "idle")}


def kprobes() -> set[str]:
    """What the kernel itself says is attached of ours."""
    found = set()
    listing = Path("/sys/kernel/debug/kprobes/list")
    if listing.exists():
        found |= {
            line for line in listing.read_text().splitlines() if "ksonde" in line or "connect_file" in line
        }
    functions = Path("/sys/kernel/tracing/enabled_functions")
    if functions.exists():
        found |= {line for line in functions.read_text().splitlines() if "commit_creds" in line}
    return found


class Storm:
    """Forks, executions and connections on all CPUs until it ends."""

    def __enter__(self) -> Storm:
        loop = f"while :; do {ACT[64]} connects=20:1 spawn facts >/dev/null; done"
        command = ["nice", "-n", "5", "/bin/sh", "-c", loop]
        self.shells = [subprocess.Popen(command, start_new_session=True) for _ in range(os.cpu_count() or 1)]
        return self

    def __exit__(self, *_: object) -> None:
        for shell in self.shells:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()


def test_nothing_is_armed_without_a_session() -> None:
    assert_nothing_armed()
    assert not kprobes()
    with ksonde.open(["connect", "update_cred", "chmod"], start=False) as session:
        assert_nothing_armed()
        session.start()
        assert users()["connect"] == (1, "armed")
        assert users()["create_file"] == (0, "idle")
        assert kprobes()
        session.stop()
        assert_nothing_armed()
        assert not kprobes()


def test_two_at_once(tmpfs: Path) -> None:
    """Each gets all of what it asked for, and the second's end leaves the first as it was."""
    with ksonde.open(["connect", "create_file"]) as first:
        one = Tap(first)
        with ksonde.open(["connect", "exit"]) as second:
            two = Tap(second)
            assert users()["connect"][0] == 2 and users()["create_file"][0] == 1
            tgid = act(f"creates=300:{tmpfs}/a", "connects=500:1")["creates"]["tgid"]
            one.collect()
            two.collect()
            seen = [[(r.time, r.cpu, r.raw[40:]) for r in tap.of("connect", tgid)] for tap in (one, two)]
            assert seen[0] == seen[1] and len(seen[0]) == 500
            assert len(one.of("create_file", tgid)) == 300 and not one.of("exit")
            assert len(two.of("exit", tgid)) == 1 and not two.of("create_file")
        assert users()["connect"][0] == 1 and users()["process_exit"][0] == 1
        tgid = act("connects=50:1", "creates=5:/tmp/b")["creates"]["tgid"]
        one.collect()
        assert len(one.of("connect", tgid)) == 50 and len(one.of("create_file", tgid)) == 5
    assert_nothing_armed()


READER = """
import ksonde, sys, time
session = ksonde.open({events!r})
print("ready", flush=True)
time.sleep(600)
"""


def reader(events: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", READER.format(events=events)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    return process


def test_killed_reader_leaves_nothing_armed() -> None:
    process = reader(everything())
    armed = users()
    assert all(state == "armed" and count == 1 for count, state in armed.values())
    act("connects=100:1")
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert_nothing_armed()
    assert not kprobes()
    with ksonde.Device() as device:
        assert device.info().cache_bytes == 0
        assert device.info().sessions == 1


@pytest.mark.parametrize("start", [False, True])
def test_unload_with_a_session_is_refused(start: bool) -> None:
    with ksonde.open(["connect"], start=start):
        # What delete_module(2) says of a module in use is EAGAIN; what rmmod makes of it, "in use".
        assert unload() == errno.EAGAIN
        done = subprocess.run(["rmmod", "ksonde"], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "in use" in done.stderr
        assert is_loaded()


def test_load_and_unload_under_a_storm() -> None:
    """A hundred times; every tenth time with a session of all events."""
    kept = b""
    with Storm():
        try:
            for number in range(100):
                assert unload() == 0
                assert load() == 0
                if number % 10 == 0:
                    with ksonde.open(everything()) as session:
                        records = [*session.read(5), *session.read(5)]
                        assert any(record.event != "session_state" for record in records)
                        kept = records[-1].raw
        finally:
            if not is_loaded():
                load()
    assert kept
    assert_nothing_armed()


def test_cpu_off_and_on() -> None:
    """What happens on a CPU that goes and comes is recorded or counted."""
    with ksonde.open(["connect", "fork", "exit"], ring_bytes=4 << 20) as session:
        tap = Tap(session, lossy=True)
        got = []
        with Storm():
            for _ in range(3):
                CPU1.write_text("0")
                got += tap.collect()
                assert CPU1.read_text() == "0\n"
                done = act("connects=200:1")
                got += tap.collect()
                CPU1.write_text("1")
                done = act("cpu=1", "connects=200:1")
                got += tap.collect()
                assert (
                    len([r for r in got if r.event == "connect" and r.tgid == done["connects"]["tgid"]])
                    == 200
                )
        session.stop()
        got += tap.collect()
        stats = session.stats()
        assert {record.cpu for record in got} == set(session.cpus)
        assert stats.delivered == len([record for record in got if record.event != "lost"])
        assert stats.produced == stats.delivered + sum(stats.dropped.values())
        assert sum(r.count for r in got if r.event == "lost") == sum(stats.dropped.values())


# --------------------------------------------------------------------- filters


def test_follow() -> None:
    """Only the tree: from now on, children of children, and what they become."""
    with ksonde.open(["connect", "execve", "exit", "fork"]) as session:
        tap = Tap(session)
        inside = waiting("ready", "spawn", "fork", "connects=3:1", f"exec={ACT[32]}", "x", "udp=127.0.0.1:1")
        outside = waiting("ready", "connects=5:1")
        session.follow(inside.facts["tgid"])
        tap.collect()
        outside.go()
        done = inside.go()
        tap.collect()
        mine = {line["tgid"] for line in done.lines}
        mine.add(inside.facts["tgid"])
        seen = {record.tgid for record in tap.all if record.event != "session_state"}
        assert seen == mine and len(mine) == 3
        last = done["udp"]["tgid"]
        assert len(tap.of("connect", last)) == 4 and len(tap.of("execve", last)) == 1
        assert len(tap.of("exit", inside.facts["tgid"])) == 1
        assert session.stats().filtered >= 5
        session.follow(None)
        tgid = act("connects=5:1")["connects"]["tgid"]
        tap.collect()
        assert len(tap.of("connect", tgid)) == 5


def test_skip_self() -> None:
    import socket

    def own() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
            it.connect(("127.0.0.1", 1))
        tap.collect()
        return len(tap.of("connect", os.getpid()))

    with ksonde.open(["connect"]) as session:
        tap = Tap(session)
        assert own() == 0
        child = act("connects=1:1")["connects"]["tgid"]
        tap.collect()
        assert len(tap.of("connect", child)) == 1
        session.skip(None)
        assert own() == 1
        session.skip(os.getpid())
        assert own() == 0
    with ksonde.open(["connect"], skip_self=False) as session:
        tap = Tap(session)
        assert own() == 1


# -------------------------------------------------------------------- wake-ups


def test_a_record_arrives_without_more_of_them() -> None:
    """One event, then silence: the reader is woken after the latency bound, not much later."""
    with ksonde.open(["connect"], latency=0.01) as session:
        tap = Tap(session)
        delays = []
        for _ in range(8):
            tap.collect()
            asleep = waiting("ready", "udp=127.0.0.1:1", "ready")
            tgid = asleep.facts["tgid"]
            poll = select.poll()
            poll.register(session.fileno(), select.POLLIN)
            while poll.poll(50):
                tap.collect()
            assert asleep.process.stdin is not None
            asleep.process.stdin.write(b"\n")
            asleep.process.stdin.flush()
            assert poll.poll(5000), "the reader was not woken"
            now = boottime()
            tap.collect()
            delays.append(now - tap.one("connect", tgid).time)
            asleep.process.communicate(b"\n")
        assert sorted(delays)[len(delays) // 2] < 250_000_000, delays


def test_latency_bound() -> None:
    """Events that come one by one do not each wake the reader."""
    with ksonde.open(["connect"], latency=0.5) as session:
        tap = Tap(session)
        tap.collect()
        before = session.stats().wakeups
        began = time.monotonic()
        act(*["udp=127.0.0.1:1", "sleep=2"] * 40)
        spent = time.monotonic() - began
        woken = session.stats().wakeups - before
        tap.collect()
        assert len(tap.of("connect")) >= 40
        # Twice a second and CPU, and one more at each end.
        assert woken <= (spent / 0.5 + 2) * len(session.cpus)


def test_watermark() -> None:
    """Much at once wakes the reader before the latency bound."""
    with ksonde.open(["connect"], latency=1, watermark=4096, ring_bytes=1 << 20) as session:
        tap = Tap(session)
        tap.collect()
        tap.session.read(1.5)
        poll = select.poll()
        poll.register(session.fileno(), select.POLLIN)
        began = threading.Event()
        woken: list[int] = []

        def sleeper() -> None:
            began.set()
            if poll.poll(5000):
                woken.append(boottime())

        thread = threading.Thread(target=sleeper)
        thread.start()
        began.wait()
        time.sleep(0.05)
        done = act("cpu=0", "connects=200:1", "sleep=3000")
        thread.join()
        tap.collect()
        records = tap.of("connect", done["connects"]["tgid"])
        assert len(records) == 200
        # Not after the last record and its second of patience.
        assert woken and woken[0] < records[-1].time + 900_000_000


# ------------------------------------------------------------------ permission


@pytest.fixture
def open_node() -> Iterator[None]:
    """The node's mode lets everybody in: the driver does not."""
    was = os.stat(ksonde.DEVICE).st_mode & 0o777
    assert was in (0o600, 0o640)
    os.chmod(ksonde.DEVICE, 0o666)
    yield
    os.chmod(ksonde.DEVICE, was)


OPENER = """
import os, sys
os.setgroups([])
os.setresgid(1000, 1000, 1000)
os.setresuid(1000, 1000, 1000)
{more}
try:
    os.open({device!r}, os.O_RDWR)
except OSError as error:
    print(error.errno)
else:
    print(0)
"""

NEW_USER_NAMESPACE = """
import ctypes
assert ctypes.CDLL(None).unshare(0x10000000) == 0
"""


def opened_by_user(more: str = "") -> int:
    source = OPENER.format(device=ksonde.DEVICE, more=more)
    done = subprocess.run([sys.executable, "-S", "-c", source], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_unprivileged_open() -> None:
    assert opened_by_user() == 13


def test_unprivileged_open_of_an_open_node(open_node: None) -> None:
    assert opened_by_user() == 1


def test_root_of_a_user_namespace(open_node: None) -> None:
    """All capabilities, but not here."""
    assert opened_by_user(NEW_USER_NAMESPACE) == 1


def test_error_class(monkeypatch: pytest.MonkeyPatch) -> None:
    child = os.fork()
    if not child:
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
        try:
            ksonde.open(["connect"])
        except PermissionRefused as error:
            os._exit(0 if "permission" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ------------------------------------------------------------------------ misc


def test_the_cache_knows_everybody() -> None:
    """Processes that were there before the session, forks and executions: no record is uncached."""
    before = waiting("ready", "udp=127.0.0.1:1")
    with ksonde.open(["connect", "exit", "fork", "execve"]) as session:
        tap = Tap(session)
        before.go()
        act("fork", "fork", "udp=127.0.0.1:1", f"exec={ACT[32]}", "x", "udp=127.0.0.1:2")
        tap.collect()
        records = [record for record in tap.all if record.event != "session_state"]
        assert len(records) > 8
        assert not [record for record in records if "uncached" in record.to_dict()["flags"]]
        assert session.device.info().cache_bytes > 100_000


def test_hits_and_times() -> None:
    with ksonde.open(["connect"]) as session:
        hook = {hook.name: hook for hook in session.device.hooks()}["connect"]
        act("connects=640:1")
        later = {hook.name: hook for hook in session.device.hooks()}["connect"]
        assert 640 <= later.hits - hook.hits < 720
        timed = later.timed_hits - hook.timed_hits
        assert 9 <= timed <= 13
        assert 0 < later.timed_ns - hook.timed_ns < timed * 10_000_000
        assert later.missed == 0


def test_module_is_described() -> None:
    done = subprocess.run(["modinfo", DRIVER], capture_output=True, text=True, check=True)
    assert re.search(r"^license:\s+GPL", done.stdout, re.MULTILINE)
    assert {"ring_max", "sessions_max", "cache_entries"} <= set(
        re.findall(r"^parm:\s+(\w+):", done.stdout, re.MULTILINE)
    )


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("ksonde=off", errno.EPERM),
        ("quiet ksonde=off ro\n", errno.EPERM),
        ("xksonde=off ksonde=offx ksonde=on ksonde", 0),
        ("x" * 2047 + " ksonde=off", errno.EPERM),
    ],
)
def test_words_of_the_command_line(place: Path, line: str, error: int) -> None:
    """tests/vm/off.sh does it with a real one."""
    fake = place / "cmdline"
    fake.write_text(line)
    assert unload() == 0
    subprocess.run(["mount", "--bind", fake, "/proc/cmdline"], check=True)
    try:
        assert load() == error
        assert is_loaded() == (not error)
    finally:
        subprocess.run(["umount", "/proc/cmdline"], check=True)
        if not is_loaded():
            assert load() == 0
