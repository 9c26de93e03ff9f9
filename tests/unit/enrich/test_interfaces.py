# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import socket
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from ksonde.enrich.interfaces import Interfaces

OWN = Path("/proc/self/ns/net").stat().st_ino


class FakeMessage(dict[str, int]):
    """A netlink message: an index and attributes."""

    def __init__(self, index: int, **attributes: str) -> None:
        super().__init__(index=index)
        self.attributes = attributes

    def get_attr(self, name: str) -> Any:
        return self.attributes.get(name)


class FakeRoute:
    """Stands for pyroute2.IPRoute."""

    looks = 0
    links: list[FakeMessage] = []  # noqa: RUF012 - set by the tests
    addresses: list[FakeMessage] = []  # noqa: RUF012 - likewise

    def __enter__(self) -> FakeRoute:
        FakeRoute.looks += 1
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_links(self) -> list[FakeMessage]:
        return self.links

    def get_addr(self) -> list[FakeMessage]:
        return self.addresses


@pytest.fixture
def route(monkeypatch: pytest.MonkeyPatch) -> type[FakeRoute]:
    module = types.ModuleType("pyroute2")
    vars(module).update(IPRoute=FakeRoute)
    monkeypatch.setitem(sys.modules, "pyroute2", module)
    FakeRoute.looks = 0
    FakeRoute.links = [FakeMessage(1, IFLA_IFNAME="lo"), FakeMessage(2, IFLA_IFNAME="eth0")]
    FakeRoute.addresses = [
        FakeMessage(1, IFA_ADDRESS="127.0.0.1", IFA_LOCAL="127.0.0.1"),
        FakeMessage(2, IFA_ADDRESS="192.0.2.9", IFA_LOCAL="192.0.2.1"),
        FakeMessage(2, IFA_ADDRESS="fe80::1"),
        FakeMessage(9, IFA_ADDRESS="192.0.2.77"),
    ]
    return FakeRoute


def test_names(route: type[FakeRoute]) -> None:
    interfaces = Interfaces()
    assert interfaces.name(1) == "lo"
    assert interfaces.name(2, OWN) == "eth0"
    assert interfaces.of_address("127.0.0.1") == "lo"
    assert interfaces.of_address("192.0.2.1", OWN) == "eth0"
    assert interfaces.of_address("fe80::1") == "eth0"
    assert interfaces.of_address("192.0.2.77") == "9"
    assert interfaces.of_address("192.0.2.9") is None
    assert interfaces.error is None
    assert route.looks == 1


def test_another_namespace_has_other_interfaces(route: type[FakeRoute]) -> None:
    assert Interfaces().name(1, OWN + 1) is None
    assert Interfaces().of_address("127.0.0.1", OWN + 1) is None
    assert route.looks == 0


def test_what_is_new_is_looked_for_but_not_all_the_time(route: type[FakeRoute]) -> None:
    interfaces = Interfaces(pause=1000.0)
    assert interfaces.name(3) is None
    route.links = [*route.links, FakeMessage(3, IFLA_IFNAME="wlan0")]
    assert interfaces.name(3) is None
    assert route.looks == 1
    eager = Interfaces(pause=0.0)
    assert eager.name(3) == "wlan0"
    route.links = [*route.links, FakeMessage(4, IFLA_IFNAME="tun0")]
    assert eager.name(4) == "tun0"
    assert route.looks == 3


def test_what_is_old_is_looked_up_again(route: type[FakeRoute]) -> None:
    interfaces = Interfaces(max_age=0.0)
    assert interfaces.name(1) == "lo"
    route.links = [FakeMessage(1, IFLA_IFNAME="renamed")]
    assert interfaces.name(1) == "renamed"


def test_without_netlink_there_are_no_names(route: type[FakeRoute], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> list[FakeMessage]:
        raise PermissionError("not allowed")

    monkeypatch.setattr(route, "get_links", refuse)
    interfaces = Interfaces(pause=0.0)
    assert interfaces.name(1) is None
    assert interfaces.error == "PermissionError: not allowed"
    monkeypatch.undo()


def test_without_pyroute2_there_are_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    interfaces = Interfaces()
    assert interfaces.name(1) is None
    assert "pyroute2" in str(interfaces.error)


def test_this_machine() -> None:
    interfaces = Interfaces()
    index = socket.if_nametoindex("lo")
    assert interfaces.name(index) == "lo"
    if interfaces.of_address("127.0.0.1") is None:
        pytest.skip("cannot run here: the loopback interface has no address")
    assert interfaces.of_address("127.0.0.1") == "lo"


# -------------------------------------------------------------- namespaces --


def test_own_namespace() -> None:
    assert Interfaces().namespace(OWN) == "host"
    assert Interfaces(netns="/nonexistent").namespace(1) is None


def test_namespaces(tmp_path: Path) -> None:
    netns, proc = tmp_path / "netns", tmp_path / "proc"
    netns.mkdir()
    (netns / "blue").touch()
    (netns / "dangling").symlink_to("nothing")
    (tmp_path / "red").touch()
    for pid, target in (("20", "red"), ("100", "red"), ("30", "netns/blue"), ("self", "red"), ("40", "gone")):
        (proc / pid / "ns").mkdir(parents=True)
        (proc / pid / "ns/net").symlink_to(tmp_path / target)
    (proc / "20/comm").write_text("nginx\n", encoding="utf-8")
    (proc / "self/ns/net").unlink()
    interfaces = Interfaces(netns=str(netns), proc=str(proc))
    assert interfaces.namespace((netns / "blue").stat().st_ino) == "blue"
    assert interfaces.namespace((tmp_path / "red").stat().st_ino) == "pid 20 (nginx)"
    (proc / "20/comm").unlink()
    again = Interfaces(netns=str(netns), proc=str(proc))
    assert again.namespace((tmp_path / "red").stat().st_ino) == "pid 20 (gone)"
