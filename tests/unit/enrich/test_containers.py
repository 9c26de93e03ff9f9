# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import Any, Optional

import pytest

from fakes import record
from ksonde.decoder import Decoder
from ksonde.enrich import containers as module
from ksonde.enrich.cgroups import Cgroups
from ksonde.enrich.container import UNKNOWN, Container
from ksonde.enrich.containers import Containers
from ksonde.record import Record
from ksonde.schema import Schema
from support import PROCESS, RecordBuilder

ONE = "3f2a9c0d1e4b5a6978877665544332211000ffeeddccbbaa9988776655443322"
DOCKER = Container(ONE, "docker")


class FakeCgroups(Cgroups):
    """Knows what it is given, and notes what it is asked."""

    def __init__(self, by_process: bool = False) -> None:
        self.by_process = by_process
        self.searchable_at = 0.0
        self.paths: dict[int, str] = {}
        self.processes: dict[int, list[str]] = {}
        self.asked: list[Any] = []
        self.may_search = True

    def path(self, number: int, tgid: Optional[int] = None) -> Optional[str]:
        self.asked.append((number, tgid))
        if number not in self.paths and self.may_search:
            self.searchable_at += 0.5
        return self.paths.get(number)

    def paths_of(self, tgid: int, start_time: int) -> Optional[list[str]]:
        self.asked.append((tgid, start_time))
        return self.processes.get(tgid)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def of_cgroup(number: Optional[int], **process: Any) -> Record:
    return record("fork", {"child_tgid": 1}, {"cgroup": number, **process})


def test_by_the_id_once() -> None:
    cgroups = FakeCgroups()
    cgroups.paths = {7: f"/docker/{ONE}", 8: "/user.slice"}
    containers = Containers(cgroups)
    for _ in range(3):
        assert containers.of(of_cgroup(7)) == DOCKER
        assert containers.of(of_cgroup(8)) is None
    assert cgroups.asked == [(7, PROCESS["tgid"]), (8, PROCESS["tgid"])]


def test_a_cgroup_that_has_vanished_stays_known() -> None:
    cgroups = FakeCgroups()
    cgroups.paths = {7: f"/docker/{ONE}"}
    containers = Containers(cgroups)
    assert containers.of(of_cgroup(7)) == DOCKER
    cgroups.paths.clear()
    assert containers.of(of_cgroup(7)) == DOCKER


def test_unknown_and_looked_for_again(clock: Clock) -> None:
    cgroups = FakeCgroups()
    containers = Containers(cgroups, pause=1.0)
    assert containers.of(of_cgroup(7)) is UNKNOWN
    cgroups.paths = {7: f"/docker/{ONE}"}
    clock.now += 0.9
    assert containers.of(of_cgroup(7)) is UNKNOWN
    assert len(cgroups.asked) == 1
    clock.now += 0.2
    assert containers.of(of_cgroup(7)) == DOCKER


def test_what_was_not_searched_is_as_soon_as_it_may_be(clock: Clock) -> None:
    cgroups = FakeCgroups()
    cgroups.may_search = False
    cgroups.searchable_at = clock.now + 0.1
    containers = Containers(cgroups, pause=1.0)
    assert containers.of(of_cgroup(7)) is UNKNOWN
    cgroups.paths = {7: f"/docker/{ONE}"}
    clock.now += 0.11
    assert containers.of(of_cgroup(7)) == DOCKER


def test_no_task_and_no_cgroups() -> None:
    cgroups = FakeCgroups()
    containers = Containers(cgroups)
    assert containers.of(record("lost", {"count": 1})) is None
    assert containers.of(of_cgroup(None)) is None
    assert not cgroups.asked


def test_an_older_driver() -> None:
    schema = Schema.parse(
        '{"abi": 1, "schema": 1, "driver": "0", "header_size": 40, "structs": {}, "context": [],'
        f'"header": {RecordBuilder().schema["header"]}'.replace("'", '"')
        + ', "events": [{"id": 9, "name": "x", "profile": "D", "context": true, "size": 40, "doc": "",'
        '"fields": []}]}'
    )
    raw = RecordBuilder(schema.text).build("x")
    assert Containers(FakeCgroups()).of(Decoder(schema).decode(raw)) is None


def test_version_1_asks_each_process_once() -> None:
    cgroups = FakeCgroups(by_process=True)
    cgroups.paths = {1: "/"}
    cgroups.processes = {10: ["/", f"/docker/{ONE}"], 11: ["/", "/user.slice"]}
    containers = Containers(cgroups)
    for _ in range(3):
        assert containers.of(of_cgroup(1, tgid=10)) == DOCKER
        assert containers.of(of_cgroup(1, tgid=11)) is None
    assert [tgid for tgid, start in cgroups.asked if start == PROCESS["start_time"]] == [10, 11]


def test_version_1_asks_again_in_new_namespaces() -> None:
    cgroups = FakeCgroups(by_process=True)
    cgroups.processes = {10: ["/system.slice/containerd.service"]}
    containers = Containers(cgroups)
    assert containers.of(of_cgroup(1, tgid=10)) is None
    cgroups.processes = {10: [f"/docker/{ONE}"]}
    assert containers.of(of_cgroup(1, tgid=10, mnt_ns=4711)) == DOCKER


def test_version_1_and_a_process_that_is_gone() -> None:
    """It is in the container of its parent, or nobody knows."""
    cgroups = FakeCgroups(by_process=True)
    cgroups.processes = {10: [f"/docker/{ONE}"], 11: ["/user.slice"]}
    containers = Containers(cgroups)
    start = PROCESS["start_time"]
    for tgid in (10, 11):
        containers.of(of_cgroup(1, tgid=tgid))
    child = {"parent_start_time": start, "start_time": start + 1}
    assert containers.of(of_cgroup(1, tgid=12, parent_tgid=10, **child)) == DOCKER
    assert containers.of(of_cgroup(1, tgid=13, parent_tgid=11, **child)) is UNKNOWN
    assert containers.of(of_cgroup(1, tgid=14, parent_tgid=10, mnt_ns=1, **child)) is UNKNOWN


def test_both_versions() -> None:
    """The id tells, where the runtime has put the container into both."""
    cgroups = FakeCgroups(by_process=True)
    cgroups.paths = {7: f"/docker/{ONE}"}
    containers = Containers(cgroups)
    for _ in range(2):
        assert containers.of(of_cgroup(7)) == DOCKER
    assert cgroups.asked == [(7, PROCESS["tgid"])]


def test_no_cgroup_in_sight() -> None:
    cgroups = FakeCgroups(by_process=True)
    cgroups.processes = {PROCESS["tgid"]: [f"/docker/{ONE}"]}
    assert Containers(cgroups).of(of_cgroup(None)) == DOCKER


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 4)
    cgroups = FakeCgroups()
    cgroups.paths = dict.fromkeys(range(100), f"/docker/{ONE}")
    containers = Containers(cgroups)
    for number in range(100):
        assert containers.of(of_cgroup(number)) == DOCKER
        assert len(containers._known) <= 4


def test_this_machine() -> None:
    assert Containers().of(of_cgroup((1 << 40) - 1)) in (UNKNOWN, None)
