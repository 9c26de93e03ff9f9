# SPDX-License-Identifier: GPL-2.0-only
"""Rules that ask for an address: of connect, accept and bind; the tests of others ask, too."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

import ksonde
from acting import Tap, act
from ksonde import Rule, uapi
from ksonde.errors import DriverError
from ksonde.rules import pack

EVENTS = ["connect", "accept", "bind", "exit"]
INET, INET6, STREAM = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM

CONNECTS = (
    "udp=127.0.0.1:5",
    "udp=127.1.0.1:5",
    "tcp6=5:0:::1",
    "tcp6=5:0:::ffff:127.0.0.1",
    "unix=/nowhere",
)


def inet(host: str) -> str:
    return (struct.pack("=H", INET) + bytes(2) + socket.inet_aton(host) + bytes(8)).hex()


def inet6(host: str) -> str:
    return (struct.pack("=H", INET6) + bytes(6) + socket.inet_pton(INET6, host) + bytes(4)).hex()


@pytest.fixture
def session() -> Iterator[ksonde.Session]:
    with ksonde.open(EVENTS) as session:
        yield session


def connected(session: ksonde.Session, bits: int, *rules: Rule) -> list[str | None]:
    """To which of CONNECTS there are records."""
    session.set_rules(rules)
    tap = Tap(session)
    tgid = act(*CONNECTS, "facts", bits=bits)["facts"]["tgid"]
    tap.collect()
    assert len(tap.of("exit", tgid)) == 1
    return [record.remote_address or record.path for record in tap.of("connect", tgid)]


ALL = ["127.0.0.1", "127.1.0.1", "::1", "::ffff:127.0.0.1", "/nowhere"]


@pytest.mark.parametrize(
    ("network", "inside"),
    [
        ("127.0.0.0/16", [0, 3]),
        ("127.0.0.1", [0, 3]),
        ("127.0.0.0/8", [0, 1, 3]),
        ("0.0.0.0/0", [0, 1, 3]),
        ("128.0.0.0/1", []),
        ("::/0", [2]),
        ("::1", [2]),
        ("::/127", [2]),
        ("::2/127", []),
        ("2001:db8::/32", []),
    ],
)
def test_connect(session: ksonde.Session, network: str, inside: list[int], bits: int) -> None:
    """What has no such address lies in no network."""
    names = [ALL[number] for number in inside]
    outside = [name for name in ALL if name not in names]
    assert connected(session, bits, Rule("exclude", ("connect",), network=network)) == outside
    assert [one.records for one in session.rule_stats()] == [len(names)]
    assert connected(session, bits, Rule("include", ("connect",), network=network)) == names
    assert [one.records for one in session.rule_stats()] == [len(names), len(outside)]


def test_with_what_is_asked_of_the_task(session: ksonde.Session, bits: int) -> None:
    """All of a rule must hold."""
    loopback = "127.0.0.0/8"
    assert connected(session, bits, Rule("exclude", ("connect",), network=loopback, uid=4242)) == ALL
    assert connected(session, bits, Rule("exclude", ("connect",), network=loopback, uid=0)) == [
        "::1",
        "/nowhere",
    ]
    assert connected(session, bits) == ALL


@pytest.mark.parametrize(
    ("address", "family", "network"),
    [
        (inet("127.0.0.7"), INET, "127.0.0.0/29"),
        (inet6("::1"), INET6, "::1"),
        (inet6("::ffff:127.0.0.7"), INET6, "127.0.0.0/29"),
    ],
)
def test_accept_and_bind(session: ksonde.Session, bits: int, address: str, family: int, network: str) -> None:
    """accept: who connects; bind: the address itself.  One that fails has no other end."""
    tap = Tap(session)
    steps = (f"bindto={family}:{STREAM}:0:{address}", "accept=0", "noaccept=2", "facts")
    near = "127.0.0.8/29" if ":" not in network else "::2/127"

    def seen(*rules: Rule) -> tuple[int, int]:
        session.set_rules(rules)
        tgid = act(*steps, bits=bits)["facts"]["tgid"]
        tap.collect()
        return len(tap.of("bind", tgid)), len(tap.of("accept", tgid))

    # The client of another network is given the listener's address.
    assert seen() == (1, 2)
    both = ("accept", "bind")
    assert seen(Rule("exclude", ("bind",), network=network)) == (0, 2)
    assert seen(Rule("exclude", both, network=near)) == (1, 2)
    peer = "127.0.0.0/8" if ":" not in network else network
    assert seen(Rule("exclude", ("accept",), network=peer)) == (1, 1)
    assert seen(Rule("include", ("accept",), network=peer)) == (1, 1)
    assert seen(Rule("include", both, network=near)) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"family": 1},
        {"family": 0},
        {"prefix": 33},
        {"prefix": 6},
        {"network": bytes([127, 0, 0, 1]) + bytes(12)},
        {"network": bytes([127]) + bytes(14) + b"\1"},
        {"events": [0] * 16},
        {"events": [1 << 42 | 1 << 60] + [0] * 15},
        {"match": 0},
    ],
    ids=str,
)
def test_what_the_driver_refuses(session: ksonde.Session, change: dict[str, Any]) -> None:
    """No such network, events without an address, and a network that nobody asks for."""
    right = Rule("exclude", ("connect",), network="127.0.0.0/8")
    session.set_rules([right])
    members = {**uapi.Rule.parse(pack(right, session.device.schema())), **change}
    members.pop("_io", None)
    data = uapi.Rule.build(members)
    buffer = ctypes.create_string_buffer(data, len(data))
    with pytest.raises(DriverError) as caught:
        session.device.ask(
            uapi.Ioctl.SET_RULES,
            uapi.Rules,
            count=1,
            rules=ctypes.addressof(buffer),
            rule_size=len(data),
        )
    assert caught.value.errno == errno.EINVAL
    assert connected(session, 64, *session.rules) == ["::1", "/nowhere"]
