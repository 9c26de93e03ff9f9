# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from fakes import SCHEMA, FakeContainers, execve, record
from ksonde.enrich.container import UNKNOWN, Container
from ksonde.output import Output, json_line, open_output, wants_color
from ksonde.render import Renderer

STATE = record("session_state", {"what": 1})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_lines_keep_every_byte() -> None:
    line = json_line(execve("a\n\x1e", "\udcff\x17"))
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["data"]["argv"] == ["a\n\x1e", "\udcff\x17"]


def test_containers() -> None:
    """process.container: not there where there is none."""
    containers = FakeContainers()
    assert "container" not in json.loads(json_line(execve("a")))["process"]
    assert "container" not in json.loads(json_line(execve("a"), containers))["process"]
    containers.container = Container("web", "lxc")
    stream = io.StringIO()
    Output(stream, containers=containers).write([execve("a")])
    shown = json.loads(stream.getvalue())["process"]
    assert shown["container"] == {"uid": "web", "runtime": "lxc", "pod_uuid": None}
    containers.container = UNKNOWN
    shown = json.loads(json_line(execve("a"), containers))["process"]
    assert shown["container"] == {"uid": None, "runtime": "unknown", "pod_uuid": None}


@pytest.mark.parametrize(("own", "events"), [(False, ["execve"]), (True, ["session_state", "execve"])])
def test_session_state_only_when_asked(own: bool, events: list[str]) -> None:
    stream = io.StringIO()
    Output(stream, own=own).write([STATE, execve("a")])
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == events


def test_nothing_to_say() -> None:
    stream = io.StringIO()
    Output(stream, Renderer(SCHEMA)).write([STATE])
    assert stream.getvalue() == ""


def test_color_only_on_a_willing_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_color(Terminal())
    assert not wants_color(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_color(Terminal())


def test_what_is_written_to(tmp_path: Path) -> None:
    assert Output(io.StringIO()).fileno() is None
    with open_output(SCHEMA, path=str(tmp_path / "events"), as_json=True) as out:
        assert (out.fileno() or 0) > 2


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "events"
    with open_output(SCHEMA, path=str(path), as_json=True) as out:
        out.write([execve("a")])
        assert json.loads(path.read_text())["event"] == "execve"


def test_snapshot() -> None:
    line = {
        "event": "process",
        "snapshot": True,
        "time": 1,
        "data": {"comm": "a\nb", "exe": None, "argv": ["x", "y z"]},
    }
    stream = io.StringIO()
    Output(stream).snapshot([line])
    assert json.loads(stream.getvalue()) == line
    people = io.StringIO()
    Output(people, Renderer(SCHEMA)).snapshot([line])
    assert people.getvalue().rstrip().endswith("process     comm $'a\\nb', argv x 'y z'")


def test_snapshot_of_tables() -> None:
    above = [{"tgid": 7, "comm": "a\nb", "start_time": 1}, {"tgid": 1, "comm": "init", "start_time": 0}]
    data = {"ancestors": above, "tgids": [3, 4], "udev": {"node": "/dev/x y", "driver": None}}
    people = io.StringIO()
    Output(people, Renderer(SCHEMA)).snapshot([{"event": "any", "snapshot": True, "time": 1, "data": data}])
    assert (
        people.getvalue().rstrip().endswith("ancestors a\\nb[7] <- init[1], tgids 3 4, udev node='/dev/x y'")
    )
