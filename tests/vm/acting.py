# SPDX-License-Identifier: GPL-2.0-only
"""What the VM tests share: programs that act, and records compared with what those know."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Union

import ksonde
from ksonde.record import Record

TESTS = Path(os.environ.get("KSONDE_TESTS", "/run/ksonde/tests"))
ACT = {64: TESTS / "act64", 32: TESTS / "act32"}
HELLO = TESTS / "ksonde_hello.ko"
CRED = TESTS / "ksonde_cred.ko"
HELPER = TESTS / "ksonde_helper.ko"
HOSTILE = TESTS / "hostile"
DRIVER = Path(os.environ.get("KSONDE_KO", ""))
#: For scans in which all code need not be compared with the kernel's image, which takes seconds.
NO_IMAGE = "/nowhere"

TRUNCATED, COMPAT, REREAD, KTHREAD, UNCACHED, IRQ, OUTSIDE, DELETED, OVERLAY = (1 << bit for bit in range(9))
UNSET = 0xFFFFFFFF
TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
CGROUPS = Path("/sys/fs/cgroup")
#: Above every pid_max.
NOBODY = 1 << 23
NO_TARGET = {"target_tgid": None, "target_start_time": None}
#: Of the governor, microseconds a second.
BUDGET = Path("/sys/module/ksonde/parameters/budget")
#: Whatever a forger of text records would like in a name.
NASTY = "a\nb\"c'd\\e\x1ef\x17g\udcff\udcc3h\u00e9 i"

Text = Union[str, bytes, Path]
Facts = dict[str, Any]


# ---------------------------------------------------------------- expectations


class Ticks:
    """A time of which /proc tells only the clock tick."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ticks):
            return other.ticks == self.ticks
        return isinstance(other, int) and other // TICK == self.ticks

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<tick {self.ticks}>"


class Between:
    """A number of which only bounds are known, both included."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float)) and self.low <= other <= self.high

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.low} to {self.high}>"


def _whole(value: Any) -> Any:
    """Put the bytes of a text, which JSON has as single surrogates, together again."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value


def cgroup_id(path: str) -> int:
    return os.stat(CGROUPS / path.lstrip("/")).st_ino


def tty_name(number: int) -> str | None:
    """The kernel's name of a terminal, from /proc/PID/stat's tty_nr."""
    if not number:
        return None
    major, minor = (number >> 8) & 0xFFF, (number & 0xFF) | (number >> 12 & 0xFFF00)
    assert 136 <= major <= 143, "the tests use pseudo terminals"
    return f"pts{(major - 136) * 256 + minor}"


def context_of(facts: Facts, **other: Any) -> dict[str, Any]:
    """The whole context block, as a program that printed these facts must be recorded."""
    expected = {
        "tid": facts["tid"],
        "tgid": facts["tgid"],
        "start_time": Ticks(facts["start_ticks"]),
        "parent_start_time": Ticks(facts["parent_start_ticks"]),
        "parent_tgid": facts["parent_tgid"],
        "pgid": facts["pgid"],
        "sid": facts["sid"],
        "uid": facts["uid"],
        "euid": facts["euid"],
        "gid": facts["gid"],
        "egid": facts["egid"],
        "loginuid": None if facts["loginuid"] == UNSET else facts["loginuid"],
        "audit_session": None if facts["audit_session"] == UNSET else facts["audit_session"],
        "mnt_ns": facts["mnt_ns"],
        "pid_ns": facts["pid_ns"],
        "net_ns": facts["net_ns"],
        "user_ns": facts["user_ns"],
        "cap_effective": facts["cap_effective"],
        "cgroup": cgroup_id(facts["cgroup_path"]),
        "comm": facts["comm"],
        "exe": facts["exe"],
        "hostname": facts["hostname"],
        "tty": tty_name(facts["tty_nr"]),
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 600 else f"{text[:300]} ... {text[-200:]} ({len(text)})"


#: Fields of which some test knew a value that a handler which forgets them cannot give.
TOLD: set[tuple[str, str]] = set()


def _compare(what: str, expected: Mapping[str, Any], got: Mapping[str, Any], names: Iterable[str]) -> None:
    names = set(names)
    assert set(expected) == names, f"{what}: this test must say something about each of the schema's fields"
    assert set(got) == names, f"{what}: fields that the schema does not have, or lacks"
    wrong = [name for name in sorted(names) if expected[name] != got[name]]
    said = [f"{name}: {_short(expected[name])} expected, got {_short(got[name])}" for name in wrong]
    if said:
        raise AssertionError(f"{what}: {'; '.join(said)}")
    TOLD.update((what, name) for name in names if is_telling(expected[name]))


def is_telling(value: Any) -> bool:
    """Not what a field has that nobody fills."""
    return value is not None and not any(value == nothing for nothing in (0, "", (), "0.0.0.0", "::"))


def assert_context(schema: ksonde.Schema, record: Record, expected: Mapping[str, Any]) -> None:
    _compare("context", expected, record.to_dict()["process"], (f.name for f in schema.context))


def assert_fields(schema: ksonde.Schema, record: Record, expected: Mapping[str, Any]) -> None:
    fields = schema.events[record.event].fields
    _compare(record.event, expected, record.to_dict()["data"], (f.name for f in fields))


# ----------------------------------------------------------------------- acts


@dataclass
class Done:
    """What a program printed, and when it ran (CLOCK_BOOTTIME)."""

    lines: list[Facts]
    status: int
    began: int
    ended: int
    usage: Any = None
    pid: int = 0
    errors: str = ""

    def __getitem__(self, act: str) -> Facts:
        found = [line for line in self.lines if line["act"] == act]
        assert len(found) == 1, f"{len(found)} lines about {act}; {self.errors}"
        return found[0]


def boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def flags_of(bits: int) -> int:
    """Of a record of what such a program did."""
    return COMPAT if bits == 32 else 0


def arguments(steps: Sequence[Text]) -> list[bytes]:
    return [os.fsencode(step) for step in steps]


def act(
    *steps: Text,
    bits: int = 64,
    program: Text | None = None,
    argv: Sequence[Text] | None = None,
    env: Mapping[Any, Any] | None = None,
    cwd: Text | None = None,
    status: int | None = 0,
    out_fd: int | None = None,
    prepare: Callable[[], Any] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
) -> Done:
    """Run an act to its end.  out_fd: its lines come through that descriptor, not its standard output."""
    path = ACT[bits] if program is None else program
    whole = [os.fsencode(path), *arguments(steps)] if argv is None else arguments(argv)
    reading, writing = os.pipe()
    if out_fd is not None:
        whole.insert(1, b"out=%d" % out_fd)

    def child() -> None:
        os.dup2(writing, 1 if out_fd is None else out_fd)
        if prepare:
            prepare()

    began = boottime()
    process = subprocess.Popen(
        whole,
        executable=os.fsencode(path),
        env=dict(env or {}),
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        close_fds=False,
        pass_fds=(),
        preexec_fn=child,
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        text = stream.read()
    assert process.stderr is not None
    errors = process.stderr.read().decode(errors="replace")
    process.stderr.close()
    _pid, raw, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(raw)
    done = Done(
        [_whole(json.loads(line)) for line in text.splitlines()],
        process.returncode,
        began,
        boottime(),
        usage,
        process.pid,
        errors,
    )
    assert status is None or done.status == status, f"status {done.status}: {errors}"
    return done


@dataclass
class Waiting:
    """An act that stopped at its step `ready`; go() lets it go on and gives what it did."""

    process: subprocess.Popen[bytes]
    facts: Facts
    lines: list[Facts] = field(default_factory=list)

    def next(self) -> Facts:
        """Its next line."""
        assert self.process.stdout is not None
        self.lines.append(_whole(json.loads(self.process.stdout.readline())))
        return self.lines[-1]

    def go(self, status: int | None = 0) -> Done:
        out, _ = self.process.communicate(b"\n", timeout=60)
        lines = [self.facts, *self.lines, *(_whole(json.loads(line)) for line in out.splitlines())]
        assert status is None or self.process.returncode == status
        return Done(lines, self.process.returncode, 0, boottime(), pid=self.process.pid)


def waiting(*steps: Text, bits: int = 64, **options: Any) -> Waiting:
    """Start an act whose steps have one `ready`, and wait until it is there."""
    process = subprocess.Popen(
        [os.fsencode(ACT[bits]), *arguments(steps)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        **options,
    )
    assert process.stdout is not None
    return Waiting(process, _whole(json.loads(process.stdout.readline())))


def stack_of(pid: int) -> int:
    """An address of a process that can be written, and that nobody uses."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return next(int(line.split("-")[0], 16) for line in lines if line.endswith("[stack]"))


# -------------------------------------------------------------------- records


class Tap:
    """A session, read to its end after each act: what a program did is in the rings when it is gone."""

    def __init__(self, session: ksonde.Session, *, lossy: bool = False) -> None:
        self.session = session
        self.schema = session.device.schema()
        self.lossy = lossy
        self.hooks = {hook.index: hook for hook in session.device.hooks()}
        self.all: list[Record] = []

    def collect(self) -> list[Record]:
        """All that came since the last time."""
        got: list[Record] = []
        while True:
            some = self.session.read(0)
            if not some:
                break
            got += some
        if not self.lossy:
            assert not [record for record in got if record.event == "lost"]
        self.all = got
        return got

    def of(self, event: str, tgid: int | None = None, **fields: Any) -> list[Record]:
        """Of what was collected last, in order of time: the event's records, of a process."""
        return sorted(
            (
                record
                for record in self.all
                if record.event == event
                and (tgid is None or record.tgid == tgid)
                and all(getattr(record, name) == value for name, value in fields.items())
            ),
            key=lambda record: record.time,
        )

    def one(self, event: str, tgid: int | None = None, **fields: Any) -> Record:
        found = self.of(event, tgid, **fields)
        assert len(found) == 1, f"{len(found)} records of {event}: {found}; all: {self.all}"
        return found[0]

    def check(
        self,
        record: Record,
        context: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        flags: int = 0,
        within: Done | tuple[int, int] | None = None,
    ) -> None:
        """Compare everything that a record tells."""
        event = self.schema.events[record.event]
        assert record.id == event.id
        assert_context(self.schema, record, context)
        assert_fields(self.schema, record, data)
        assert record.flags == flags, f"flags of {record.event}: {record.to_dict()['flags']}"
        assert record.cpu in range(os.cpu_count() or 1)
        assert record.hook is not None and self.hooks[record.hook].event == record.event
        if within is not None:
            began, ended = (within.began, within.ended) if isinstance(within, Done) else within
            assert began <= record.time <= ended


def file_device(path: Text) -> int:
    number = os.stat(path).st_dev
    return os.major(number) << 20 | os.minor(number)


def stat_of(pid: int) -> tuple[str, list[str]]:
    """comm, and the fields of /proc/PID/stat from the third on."""
    text = Path(f"/proc/{pid}/stat").read_bytes().decode("utf-8", "surrogateescape")
    head, _, tail = text.rpartition(")")
    return head.split("(", 1)[1], tail.split()


def target_of(pid: int) -> dict[str, Any]:
    """A process as records have it that are about it."""
    return {"target_tgid": pid, "target_start_time": Ticks(int(stat_of(pid)[1][19]))}


def ancestors_from(pid: int) -> list[dict[str, Any]]:
    """pid and what is above it, as records have it; all of them."""
    found = []
    while pid:
        comm, fields = stat_of(pid)
        found.append({"start_time": Ticks(int(fields[19])), "tgid": pid, "comm": comm})
        pid = int(fields[1])
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


def is_loaded() -> bool:
    return Path("/sys/module/ksonde").exists()


def _module_call(number: int, *arguments: Any) -> int:
    """A system call; 0 or an errno value."""
    libc = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() if libc.syscall(number, *arguments) else 0


def load(parameters: bytes = b"") -> int:
    """finit_module(2) of the driver, without a program; 0 or an errno value."""
    with DRIVER.open("rb") as file:
        return _module_call(313, file.fileno(), parameters, 0)


def unload() -> int:
    """delete_module(2) of the driver; 0 or an errno value."""
    return _module_call(176, b"ksonde", os.O_NONBLOCK)


@contextmanager
def anew(parameters: str) -> Iterator[None]:
    """The driver is loaded anew with these, and as usual afterwards.  Nobody may have a session."""
    assert not unload()
    try:
        assert not load(parameters.encode())
        BUDGET.write_text("0")
        try:
            yield
        finally:
            assert not unload()
    finally:
        assert not load()


@contextmanager
def fixture(name: str, *words: str) -> Iterator[None]:
    """A module of tests/fixtures is loaded."""
    subprocess.run(["insmod", TESTS / f"ksonde_{name}.ko", *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["rmmod", f"ksonde_{name}"], check=True)
