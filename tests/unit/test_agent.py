# SPDX-License-Identifier: GPL-2.0-only
"""The agent against real files: what is in them after signals, full disks and torn lines."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

import ksonde
from fakes import FakeContainers, FakeScanner, FakeSession, execve, record
from ksonde import cli
from ksonde.agent import Agent, DeviceGone, FileTaken, Log
from ksonde.enrich.container import Container
from ksonde.notify import Notifier
from ksonde.watching import Signals

FORK = record("fork", {"child_tgid": 1})
LOST = record("lost", {"lost_event": 59, "reason": 0, "count": 3})
STATE = record("session_state", {"what": 1})
HEAD = ["agent"]
#: Longer than what pytest keeps of the output: its file is limited, too.
EARLIER = json.dumps({"event": "earlier", "data": "x" * 100_000}) + "\n"


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Sets how large a file may become: a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def names(path: Path) -> list[str]:
    return [line["event"] for line in lines(path)]


def last(path: Path) -> str:
    return names(path)[-1] if path.exists() and path.stat().st_size else ""


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def run(
    session: FakeSession, path: Path, script: Callable[[], None], scanner: Optional[FakeScanner] = None
) -> Agent:
    """Run an agent until the script, which runs beside it, is through; then SIGTERM."""
    problems: list[BaseException] = []

    def beside() -> None:
        try:
            script()
        except BaseException as error:  # noqa: BLE001 - raised below
            problems.append(error)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=beside)
    with Signals() as signals, Log(str(path), session.events) as log:
        agent = Agent(session, log, signals, Notifier({}), sync=0.05, scanner=scanner)  # type: ignore[arg-type] # stand-ins
        thread.start()
        try:
            agent.run()
        finally:
            thread.join()
    assert not problems, problems
    return agent


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


def test_every_record_is_a_line_behind_one_that_says_which_boot_it_is(path: Path) -> None:
    path.write_text('{"event":"earlier"}\n')
    with FakeSession([[execve("a"), STATE], [FORK, LOST]], ["execve", "fork"]) as session:
        agent = run(session, path, lambda: until(lambda: not session.batches))
    assert names(path) == ["earlier", *HEAD, "execve", "session_state", "fork", "lost"]
    head = lines(path)[1]["data"]
    assert head["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert head["events"] == ["execve", "fork"]
    assert abs(head["wall_time"] / 1e9 - time.time()) < 60
    assert agent.summary.events == {"execve": 1, "fork": 1}
    assert agent.unwritten == 0


def test_findings_are_lines_of_the_same_file(path: Path) -> None:
    found = record("idt_hook", {"state": 1, "where": "gate 5"})
    with FakeSession([[FORK]]) as session, FakeScanner(found) as scanner:
        agent = run(session, path, lambda: until(lambda: "idt_hook" in names(path)), scanner)
        assert agent._status() == "2 events written, 0 lost, 1 finding"
    assert sorted(names(path)) == ["agent", "fork", "idt_hook"]
    assert lines(path)[-1]["data"]["where"] == "gate 5"


def test_a_snapshot_comes_first(path: Path) -> None:
    with Log(str(path)) as log:
        log.add_lines([{"event": "process", "snapshot": True, "time": 1, "data": {"tgid": 1}}])
        log.add([FORK])
        log.write()
    assert names(path) == [*HEAD, "process", "fork"]
    assert lines(path)[1]["snapshot"] is True


def test_only_the_group_may_read_a_new_file(path: Path) -> None:
    before = os.umask(0)
    try:
        Log(str(path)).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_was_recorded_until_the_end_is_written(path: Path) -> None:
    with FakeSession() as session:
        stop = session.stop

        def late() -> None:
            session.feed([FORK])
            stop()

        session.stop = late  # type: ignore[method-assign]
        run(session, path, lambda: None)
    assert names(path) == [*HEAD, "fork"]


def test_after_a_hang_up_the_new_file_is_written(path: Path) -> None:
    old = path.with_suffix(".1")
    with FakeSession() as session:

        def script() -> None:
            session.feed([FORK])
            until(lambda: last(path) == "fork")
            path.rename(old)
            hang_up()
            until(path.exists)
            session.feed([LOST])
            until(lambda: not session.batches)

        run(session, path, script)
    assert names(old) == [*HEAD, "fork"]
    assert names(path) == [*HEAD, "lost"]


def test_a_hang_up_without_a_rotation_changes_nothing(path: Path) -> None:
    with FakeSession() as session:

        def script() -> None:
            until(lambda: path.exists() and path.stat().st_size > 0)
            hang_up()
            session.feed([FORK])
            until(lambda: not session.batches)

        run(session, path, script)
    assert names(path) == [*HEAD, "fork"]


def test_a_new_file_that_cannot_be_made_is_said_and_the_old_one_written_on(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old = path.with_suffix(".1")
    with FakeSession() as session:

        def script() -> None:
            until(path.exists)
            path.rename(old)
            path.mkdir()
            hang_up()
            session.feed([FORK])
            until(lambda: not session.batches)

        run(session, path, script)
    assert names(old) == [*HEAD, "fork"]
    assert "anew: Is a directory; the old file is written on" in capfd.readouterr().err


def test_a_full_disk_makes_it_wait_and_nothing_is_half_written(
    path: Path, limit: Callable[[int], None], capfd: pytest.CaptureFixture[str]
) -> None:
    path.write_text(EARLIER)
    with FakeSession() as session:

        def script() -> None:
            session.feed([FORK])
            until(lambda: last(path) == "fork")
            size = path.stat().st_size
            limit(size + 100)
            session.feed([execve("x" * 200)])
            until(lambda: not session.batches)
            session.feed([LOST])
            time.sleep(0.3)
            assert session.batches == [[LOST]]
            assert path.stat().st_size == size
            limit(1 << 30)
            until(lambda: not session.batches)

        agent = run(session, path, script)
    assert names(path) == ["earlier", *HEAD, "fork", "execve", "lost"]
    assert agent.unwritten == 0
    said = capfd.readouterr().err.splitlines()
    assert [line.split(f"{path}")[1] for line in said] == [
        ": File too large; events wait until it can be",
        " is written again",
    ]


def test_what_a_full_disk_did_not_take_by_the_end_is_counted(
    path: Path, limit: Callable[[int], None]
) -> None:
    path.write_text(EARLIER)
    with FakeSession() as session:

        def script() -> None:
            until(lambda: last(path) == "agent")
            limit(path.stat().st_size + 10)
            session.feed([FORK, FORK])
            until(lambda: not session.batches)
            session.feed([LOST])

        agent = run(session, path, script)
    assert agent.unwritten == 3
    assert names(path) == ["earlier", *HEAD]


def test_a_torn_line_damages_no_other(path: Path) -> None:
    path.write_text('{"event":"whole"}\n{"event":"to')
    with Log(str(path)) as log:
        log.add([FORK])
        log.write()
    found = path.read_text().splitlines()
    assert found[1] == '{"event":"to'
    assert [json.loads(line)["event"] for line in found if line != found[1]] == ["whole", *HEAD, "fork"]


def test_one_agent_a_file(path: Path) -> None:
    with Log(str(path)):
        with pytest.raises(FileTaken) as caught:
            Log(str(path))
        assert caught.value.path == str(path)
    Log(str(path)).close()


def test_a_symbolic_link_is_not_followed(path: Path) -> None:
    path.symlink_to(path.with_suffix(".other"))
    with pytest.raises(OSError, match="symbolic"):
        Log(str(path))


def test_a_device_that_goes_away_is_an_error(path: Path) -> None:
    with Signals() as signals, FakeSession() as session, Log(str(path)) as log:
        os.close(session._write)
        session._write = os.open(os.devnull, os.O_WRONLY)
        with pytest.raises(DeviceGone):
            Agent(session, log, signals, Notifier({})).run()  # type: ignore[arg-type] # a stand-in


def terminating() -> threading.Thread:
    """SIGTERM to this process when it has been listening to signals for a while, however slow it is."""
    before = signal.getsignal(signal.SIGTERM)

    def beside() -> None:
        until(lambda: signal.getsignal(signal.SIGTERM) is not before)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=beside)
    thread.start()
    return thread


def test_the_command(path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    opened: list[Any] = []

    def open_(events: object, **options: object) -> FakeSession:
        opened.append((events, options))
        return FakeSession([[FORK]])

    monkeypatch.setattr(ksonde, "open", open_)
    thread = terminating()
    code = cli.main(["agent", "-o", str(path), "--sync", "10ms", "-e", "fork", "--ring", "64K"])
    thread.join()
    assert code == 0
    assert opened == [(["fork"], {"ring_bytes": 1 << 16})]
    assert names(path) == [*HEAD, "fork"]
    assert capfd.readouterr().err.splitlines()[-1] == "lost 0"


def test_the_command_says_what_was_not_written(
    path: Path,
    limit: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ksonde, "open", lambda *_, **__: FakeSession([[FORK]]))
    path.write_text(EARLIER)
    limit(len(EARLIER))
    thread = terminating()
    assert cli.main(["agent", "-o", str(path)]) == 1
    thread.join()
    # The line that begins the file, and the record that was never read.
    assert capfd.readouterr().err.splitlines()[-1] == "ksonde: 2 lines could not be written"


def test_containers(path: Path) -> None:
    with Log(str(path), containers=FakeContainers(Container("web", "lxc"))) as log:
        log.add([execve("a")])
        log.write()
    assert lines(path)[1]["process"]["container"]["uid"] == "web"
