# SPDX-License-Identifier: GPL-2.0-only
"""Event 612.  Two network namespaces of the test's own; from one of them comes what is made here."""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute

import ksonde
from acting import IRQ, Between, Tap, act, assert_fields, boottime, waiting
from ksonde import PortScan, Rule, uapi
from ksonde.errors import BadPortScan, DriverError
from ksonde.record import Record

EVENTS = ["port_scan"]

SYN, NULL, FIN, XMAS, ACK, UDP = range(1, 7)
TCP_FLAGS = {SYN: 0x02, NULL: 0, FIN: 0x01, XMAS: 0x29, ACK: 0x10}
RATE_LIMIT = 4
CLONE_NEWNET = 0x40000000
PARAMETERS = Path("/sys/module/ksonde/parameters")
SCANNER, TARGET = "02:00:00:00:00:01", "02:00:00:00:00:02"
ADDRESS = {4: "10.66.0.2", 6: "fd66::2"}
SOURCE = {4: "10.66.0.1", 6: "fd66::1"}
LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """What this thread opens meanwhile is in that network namespace."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert LIBC.setns(namespace, CLONE_NEWNET) == 0
    try:
        yield
    finally:
        assert LIBC.setns(own, CLONE_NEWNET) == 0
        os.close(own)


def new_namespace() -> int:
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert LIBC.unshare(CLONE_NEWNET) == 0
    namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert LIBC.setns(own, CLONE_NEWNET) == 0
    os.close(own)
    return namespace


class Net:
    """A link between two namespaces; out sends frames from the scanner's end."""

    def __init__(self) -> None:
        self.spaces = [new_namespace(), new_namespace()]
        with inside(self.spaces[0]), IPRoute() as route:
            route.link(
                "add",
                ifname="scan0",
                kind="veth",
                address=SCANNER,
                peer={"ifname": "scan1", "address": TARGET},
            )
            (index,) = route.link_lookup(ifname="scan1")
            route.link("set", index=index, net_ns_fd=self.spaces[1])
            (index,) = route.link_lookup(ifname="scan0")
            route.link("set", index=index, state="up")
            self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.out.bind(("scan0", 0))
        with inside(self.spaces[1]), IPRoute() as route:
            (self.interface,) = route.link_lookup(ifname="scan1")
            # An interface that is still tentative takes no packets of IPv6.
            route.addr("add", index=self.interface, address=ADDRESS[4], prefixlen=16)
            route.addr("add", index=self.interface, address=ADDRESS[6], prefixlen=64, flags=0x02)
            route.link("set", index=self.interface, state="up")
        self.inode = os.fstat(self.spaces[1]).st_ino

    def send(self, *packets: bytes) -> None:
        for packet in packets:
            kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
            self.out.send(_mac(TARGET) + _mac(SCANNER) + kind.to_bytes(2, "big") + packet)

    def close(self) -> None:
        self.out.close()
        for space in self.spaces:
            os.close(space)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ip(
    payload: bytes, protocol: int, source: str, target: str, fragment: int = 0, options: bytes = b""
) -> bytes:
    """A packet of the version that its addresses have; options: of IPv4, or extension headers."""
    if ":" in source:
        head = struct.pack(">IHBB", 6 << 28, len(options) + len(payload), protocol, 64)
        return (
            head
            + ipaddress.IPv6Address(source).packed
            + ipaddress.IPv6Address(target).packed
            + options
            + payload
        )
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(target).packed
    size = 20 + len(options)
    head = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, size + len(payload), 1, fragment, 64, protocol, 0)
    head += ends + options
    return head[:10] + _checksum(head).to_bytes(2, "big") + head[12:] + payload


def probe(
    kind: int, port: int, version: int = 4, *, source: str = "", from_port: int = 40000, data: bytes = b""
) -> bytes:
    source = source or SOURCE[version]
    if kind == UDP:
        return ip(
            struct.pack(">HHHH", from_port, port, 8 + len(data), 0) + data, 17, source, ADDRESS[version]
        )
    head = struct.pack(">HHIIBBHHH", from_port, port, 1, 0, 0x50, TCP_FLAGS[kind], 1024, 0, 0)
    return ip(head + data, 6, source, ADDRESS[version])


@pytest.fixture(scope="module")
def shared_net() -> Iterator[Net]:
    net = Net()
    # Neighbours are to be found, and the interface to be up.
    time.sleep(0.5)
    yield net
    net.close()


@pytest.fixture
def parameters() -> Iterator[None]:
    before = {
        name: (PARAMETERS / name).read_text()
        for name in ("scan_ports", "scan_window", "scan_hosts", "scan_loopback")
    }
    yield
    for name, value in before.items():
        (PARAMETERS / name).write_text(value)


@pytest.fixture
def net(shared_net: Net, parameters: None) -> Net:
    return shared_net


@pytest.fixture
def tap() -> Iterator[Tap]:
    """A session of its own: who was seen by another is not known to this one."""
    with ksonde.open(EVENTS) as session:
        tap = Tap(session)
        tap.collect()
        yield tap


def set_parameters(**values: int) -> None:
    for name, value in values.items():
        (PARAMETERS / f"scan_{name}").write_text(str(value))


def scans(tap: Tap) -> list[Record]:
    """Packets arrive in a softirq, mostly before send() is back."""
    time.sleep(0.2)
    tap.collect()
    return tap.of("port_scan")


def one(tap: Tap) -> Record:
    found = scans(tap)
    assert len(found) == 1, found
    return found[0]


def check(tap: Tap, net: Net, record: Record, began: int, **other: Any) -> None:
    """Compare everything that a record tells."""
    now = boottime()
    expected = {
        "family": socket.AF_INET,
        "kind": SYN,
        "remote_address": SOURCE[4],
        "local_address": ADDRESS[4],
        "remote_port": 40000,
        "distinct_ports": 15,
        "distinct_hosts": 1,
        "ports": tuple(str(port) for port in range(20, 35)),
        "packets": 15,
        "first_time": Between(began, now),
        "last_time": Between(began, now),
        "window": 300,
        "interface": net.interface,
        "scanned_net_ns": net.inode,
    }
    assert_fields(tap.schema, record, {**expected, **other})
    assert record.flags == IRQ
    assert record.hook is not None and tap.hooks[record.hook].name == "port_scan"
    assert record.first_time <= record.last_time <= record.time
    assert began <= record.time <= now


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", [SYN, NULL, FIN, XMAS, ACK, UDP])
def test_fast(tap: Tap, net: Net, kind: int, version: int) -> None:
    """Fifteen ports make a scan; what comes then makes no other one within the window."""
    began = boottime()
    net.send(*(probe(kind, port, version) for port in range(20, 34)))
    assert not scans(tap)
    net.send(*(probe(kind, port, version) for port in range(34, 400)))
    record = one(tap)
    addresses = {"remote_address": SOURCE[version], "local_address": ADDRESS[version]}
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    check(tap, net, record, began, kind=kind, family=family, **addresses)


def test_slow(tap: Tap, net: Net) -> None:
    """A port in 0.4 s where five make a scan within 3 s; one in 1.1 s is none."""
    set_parameters(ports=5, window=3)
    began = boottime()
    for port in range(20, 25):
        net.send(probe(SYN, port))
        time.sleep(0.4)
    other = {"distinct_ports": 5, "packets": 5, "window": 3, "ports": tuple(map(str, range(20, 25)))}
    check(tap, net, one(tap), began, **other)
    for port in range(20, 28):
        net.send(probe(FIN, port))
        time.sleep(1.1)
    assert not scans(tap)


def test_again(tap: Tap, net: Net) -> None:
    """At most a record a window; it counts all since the last one."""
    set_parameters(window=2)
    net.send(*(probe(SYN, port) for port in range(100, 150)))
    first = one(tap)
    assert (first.distinct_ports, first.packets) == (15, 15)
    time.sleep(1.5)
    net.send(*(probe(SYN, port) for port in range(150, 300)))
    time.sleep(0.5)
    net.send(*(probe(SYN, port) for port in range(300, 350)))
    second = one(tap)
    last = int(second.ports[-1]) if second.ports else 0
    assert second.packets == second.distinct_ports >= 200
    assert len(second.ports) == 32 and last
    # All that it did since it came.
    assert second.first_time == first.first_time and second.last_time > first.last_time


def test_host_sweep(tap: Tap, net: Net) -> None:
    """Hosts count where that is asked for: another address of the interface for each."""
    began = boottime()
    set_parameters(hosts=4)
    targets = [f"10.66.1.{number}" for number in range(1, 8)]
    head = struct.pack(">HHIIBBHHH", 40000, 22, 1, 0, 0x50, 2, 1024, 0, 0)
    net.send(*(ip(head, 6, SOURCE[4], target) for target in targets))
    other = {
        "local_address": targets[4],
        "distinct_ports": 1,
        "distinct_hosts": 4,
        "ports": ("22",),
        "packets": 5,
    }
    check(tap, net, one(tap), began, **other)


def test_near_misses(tap: Tap, net: Net) -> None:
    """A client of a few ports, answers, and what is of connections."""
    client = [probe(SYN, (22, 80, 443, 8080)[i % 4], from_port=30000 + i) for i in range(200)]
    # Answers of a resolver to ports that were chosen at random, and of others to ports of connections.
    resolver = [probe(UDP, port, from_port=53) for port in range(1024, 65536, 500)]
    game = [probe(UDP, port, from_port=27015) for port in range(32768, 60999, 500)]
    acks = [probe(ACK, port, from_port=443) for port in range(32768, 60999, 500)]
    data = [probe(ACK, port, from_port=443, data=b"x") for port in range(1000, 1100)]
    outside = [
        probe(kind, port, version)
        for kind in (ACK, UDP)
        for version in (4, 6)
        for port in range(49152, 49252)
    ]
    net.send(*client, *resolver, *game, *acks, *data, *outside)
    for kind in (FIN, ACK, UDP):
        net.send(*(probe(kind, port) for port in range(20, 34)))
    # With the four of the client fourteen.
    net.send(*(probe(SYN, port) for port in range(20, 31)))
    # A broadcast: by the frame's address.
    frames = [b"\xff" * 6 + _mac(SCANNER) + b"\x08\0" + probe(SYN, port) for port in range(1, 100)]
    for frame in frames:
        net.out.send(frame)
    assert not scans(tap)


def test_wide_range(tap: Tap, net: Net) -> None:
    """Ports that the namespace gives its connections are no ports for answers to scan, elsewhere they are."""
    net.send(*(probe(UDP, port) for port in range(2000, 2100)))
    assert one(tap).kind == UDP
    with inside(net.spaces[1]):
        setting = Path("/proc/sys/net/ipv4/ip_local_port_range")
        before = setting.read_text()
        setting.write_text("2000 60000")
    net.send(*(probe(ACK, port) for port in range(2000, 2100)))
    assert not scans(tap)
    with inside(net.spaces[1]):
        setting.write_text(before)
    net.send(*(probe(ACK, port) for port in range(2000, 2100)))
    assert one(tap).kind == ACK


def test_each_session_by_its_own(tap: Tap, net: Net) -> None:
    """Ports, windows and hosts, of sessions that run side by side."""
    began = boottime()
    few, short, sweep = PortScan(ports=5), PortScan(window=1), PortScan(hosts=3, window=60)
    with ExitStack() as stack:
        others = [
            Tap(stack.enter_context(ksonde.open(EVENTS, port_scan=scan))) for scan in (few, short, sweep)
        ]
        net.send(*(probe(SYN, port) for port in range(20, 25)))
        other = {"distinct_ports": 5, "packets": 5, "ports": tuple(map(str, range(20, 25)))}
        check(others[0], net, one(others[0]), began, **other)
        assert [scans(of) for of in (tap, *others[1:])] == [[], [], []]
        time.sleep(1.2)
        net.send(*(probe(SYN, port) for port in range(25, 35)))
        check(tap, net, one(tap), began)
        assert [scans(of) for of in others[:2]] == [[], []]
        check(others[2], net, one(others[2]), began, window=60)
        head = struct.pack(">HHIIBBHHH", 40000, 22, 1, 0, 0x50, 1, 1024, 0, 0)
        net.send(*(ip(head, 6, SOURCE[4], f"10.66.1.{number}") for number in range(1, 8)))
        record = one(others[2])
        assert (record.kind, record.distinct_hosts, record.distinct_ports) == (FIN, 3, 1)
        assert [scans(of) for of in (tap, *others[:2])] == [[], [], []]


def test_changed_while_it_runs(tap: Tap, net: Net) -> None:
    """What is set decides at once; who scans meanwhile is told, if it is a scan by that."""
    session = tap.session
    net.send(*(probe(SYN, port) for port in range(20, 25)))
    assert not scans(tap)
    session.set_port_scan(PortScan(ports=4, window=60))
    net.send(probe(SYN, 20))
    record = one(tap)
    assert (record.distinct_ports, record.packets, record.window) == (5, 6, 60)
    net.send(probe(SYN, 21))
    assert not scans(tap)
    session.set_port_scan(PortScan())
    net.send(probe(SYN, 22))
    assert not scans(tap)
    with pytest.raises(BadPortScan, match="ports is 33"):
        session.set_port_scan(PortScan(ports=33))
    with ksonde.open(["connect"]) as other, pytest.raises(BadPortScan, match="does not record port_scan"):
        other.set_port_scan(PortScan(ports=3))


def test_nothing_else_is_taken(tap: Tap) -> None:
    """By the driver, whoever asks."""
    wrong = [
        {"ports": 5},
        {"set": 16},
        {"set": 1},
        {"set": 1, "ports": 33},
        {"set": 2, "hosts": 33},
        {"set": 4},
        {"set": 4, "window": 86401},
        {"set": 8, "loopback": 2},
    ]
    for members in wrong:
        with pytest.raises(DriverError) as caught:
            tap.session.device.ask(uapi.Ioctl.SET_PORT_SCAN, uapi.PortScan, **members)
        assert caught.value.errno == errno.EINVAL
    tap.session.device.ask(uapi.Ioctl.SET_PORT_SCAN, uapi.PortScan, set=15, ports=32, window=86400)


@pytest.mark.parametrize("version", [4, 6])
def test_who_may(tap: Tap, net: Net, version: int) -> None:
    """A scanner that is allowed is silent, another one is reported; of the session that allows it."""
    allowed = {4: "10.66.7.0/24", 6: "fd66::7:0/112"}[version]
    friend = {4: "10.66.7.1", 6: "fd66::7:1"}[version]
    rules = [Rule("exclude", ("port_scan",), network=allowed)]
    with ksonde.open(EVENTS, rules=rules) as session:
        other = Tap(session)
        for source in (friend, SOURCE[version]):
            net.send(*(probe(SYN, port, version, source=source) for port in range(20, 40)))
        assert [record.remote_address for record in scans(other)] == [SOURCE[version]]
        assert {record.remote_address for record in scans(tap)} == {friend, SOURCE[version]}
        assert [one.records for one in session.rule_stats()] == [1]
        assert session.stats().filtered == 1
        # Only those, by rules that a task would have to answer as well.
        session.set_rules(
            [
                Rule("include", ("port_scan",), network=allowed),
                Rule("include", uid=4242),
                Rule("exclude", uid=0),
            ]
        )
        net.send(
            *(
                probe(FIN, port, version, source=source)
                for port in range(20, 40)
                for source in (friend, SOURCE[version])
            )
        )
        found = scans(other)
        assert {(record.remote_address, record.kind) for record in found} == {
            (friend, FIN),
            (SOURCE[version], FIN),
        }
        session.set_rules([Rule("include", ("port_scan",), network=allowed)])
        net.send(
            *(
                probe(XMAS, port, version, source=source)
                for port in range(20, 40)
                for source in (friend, SOURCE[version])
            )
        )
        assert {(record.remote_address, record.kind) for record in scans(other)} == {(friend, XMAS)}
        through, held_back = (one.records for one in session.rule_stats())
        assert through == 1 and held_back == 1
        # Who went on all the time is told of when he is not allowed any more.
        session.set_rules([])
        net.send(probe(XMAS, 20, version))
        assert one(other).remote_address == SOURCE[version]


def counts() -> dict[str, int]:
    lines = (PARAMETERS / "scan_ignored").read_text().splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


def test_damaged(tap: Tap, net: Net) -> None:
    """Counted by reason, and no scan."""
    before = counts()
    source, target = SOURCE[4], ADDRESS[4]
    source6, target6 = SOURCE[6], ADDRESS[6]
    for port in range(20, 40):
        head = struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 1024, 0, 0)
        extension = b"\x3c\0" + bytes(6)
        net.send(
            ip(head, 6, source, target, fragment=8),
            ip(head, 44, source6, target6, options=b"\x06\0\0\x08\0\0\0\1"),
            ip(head[:12], 6, source, target),
            ip(head[:8], 6, source6, target6),
            ip(head[:12] + b"\x40" + head[13:], 6, source, target),
            ip(struct.pack(">HHHH", 1, port, 7, 0), 17, source, target),
            ip(head, 60, source6, target6, options=extension * 8 + b"\x06\0" + bytes(6)),
        )
    assert not scans(tap)
    after = counts()
    more = {name: after[name] - before[name] for name in before}
    assert more == {"fragment": 40, "short": 40, "length": 40, "extensions": 20}


def test_behind_headers(tap: Tap, net: Net) -> None:
    """Options and extension headers hide nothing."""
    for port in range(20, 35):
        head = struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 1024, 0, 0)
        net.send(ip(head, 6, SOURCE[4], ADDRESS[4], options=b"\1\1\1\0"))
        net.send(ip(head, 60, SOURCE[6], ADDRESS[6], options=b"\x06\0" + bytes(6)))
    assert {(record.family, record.distinct_ports) for record in scans(tap)} == {(2, 15), (10, 15)}


def test_new_namespace(tap: Tap, parameters: None) -> None:
    """One that comes to be while a session runs, and is gone before it ends."""
    net = Net()
    time.sleep(0.5)
    began = boottime()
    net.send(*(probe(SYN, port) for port in range(20, 60)))
    check(tap, net, one(tap), began)
    net.close()


def test_loopback(tap: Tap, parameters: None) -> None:
    """Only where it is asked for."""

    def knock() -> None:
        for port in range(1, 40):
            with socket.socket() as sock:
                sock.connect_ex(("127.0.0.1", port))

    knock()
    with ksonde.open(EVENTS, port_scan=PortScan(loopback=True)) as session:
        other = Tap(session)
        knock()
        assert one(other).remote_address == "127.0.0.1"
        session.set_port_scan(PortScan(loopback=False, ports=3))
        set_parameters(loopback=1)
        knock()
        assert not scans(other)
    record = one(tap)
    assert (record.remote_address, record.interface) == ("127.0.0.1", socket.if_nametoindex("lo"))
    assert record.scanned_net_ns == os.stat("/proc/self/ns/net").st_ino


def memory_of_the_module() -> list[tuple[str, int]]:
    """What it has from vmalloc(): who asked for it, and bytes."""
    lines = [line.split() for line in Path("/proc/vmallocinfo").read_text().splitlines()]
    return sorted((words[2], int(words[1])) for words in lines if "[ksonde]" in words)


def test_flood(net: Net, request: pytest.FixtureRequest) -> None:
    """Spoofed sources of a port each; a scanner among them is reported, and others lose nothing."""
    number, every = request.config.getoption("flood"), 500
    steps = ("ready", f"flood={number}:{every}:{SOURCE[4]}:{ADDRESS[4]}:scan0")
    acts = 0
    with ksonde.open([*EVENTS, "connect"]) as session:
        tap = Tap(session)
        flood = waiting(*steps, preexec_fn=lambda: LIBC.setns(net.spaces[0], CLONE_NEWNET))
        before, began = memory_of_the_module(), time.monotonic()
        # The tables of the detector, as docs/design.md has it, and those of connects in progress.
        prepared = [size for who, size in before if who.startswith("prepare+")]
        assert (1 << 20) < max(prepared) < 1400 << 10
        with flood.process as flooding:
            assert flooding.stdin is not None
            flooding.stdin.write(b"\n")
            flooding.stdin.flush()
            while flooding.poll() is None or acts < 3:
                act("udp=127.0.0.1:5")
                acts += 1
                time.sleep(0.5)
            seconds = time.monotonic() - began
            assert flood.next()["result"] >= number
        assert memory_of_the_module() == before
        found = scans(tap)
        assert len(tap.of("connect")) == acts
    # Whatever addresses were invented, none of them scans; and the scanner is told of once in a window.
    assert {record.remote_address for record in found} == {SOURCE[4]}
    assert 1 <= len(found) <= 1 + seconds / 300
    record = found[0]
    assert {int(port) for port in record.ports} <= set(range(20, 60))
    # It could be forgotten once or twice.
    assert 15 <= record.packets <= record.distinct_ports + 5
    print(f"{number / seconds:,.0f} packets a second, {acts} connects")


def test_many_scanners(net: Net) -> None:
    """A hundred records a second; the rest is counted."""
    with ksonde.open(EVENTS) as session:
        tap = Tap(session, lossy=True)
        for number in range(300):
            net.send(
                *(
                    probe(SYN, port, source=f"10.66.{2 + number // 250}.{1 + number % 250}")
                    for port in range(20, 35)
                )
            )
        time.sleep(0.2)
        session.stop()
        tap.collect()
        stats = session.event_stats("port_scan")
    lost = tap.of("lost")
    kept = len(tap.of("port_scan"))
    assert kept >= 100 and {record.reason for record in lost} <= {RATE_LIMIT}
    assert kept + stats.dropped["rate_limit"] == stats.produced == 300
