# SPDX-License-Identifier: GPL-2.0-only
"""Event 601."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rrset
import pytest

import ksonde
from acting import TRUNCATED, Tap, act, context_of, flags_of, waiting
from ksonde import Rule

EVENTS = ["dns_query"]

GOOD, SHORT, COUNTS, POINTER = 0, 1, 2, 4
RATE_LIMIT = 4
AF_INET, AF_INET6 = socket.AF_INET, socket.AF_INET6
UDP, TCP = socket.IPPROTO_UDP, socket.IPPROTO_TCP


def answer(name: str, *records: tuple[str, str], kind: str = "A", rcode: int = 0, opcode: int = 0) -> bytes:
    message = dns.message.make_response(dns.message.make_query(name, kind))
    message.id = 0x1234
    message.flags |= dns.flags.RA
    message.set_rcode(dns.rcode.Rcode(rcode))
    message.set_opcode(dns.opcode.Opcode(opcode))
    for record, data in records:
        message.answer.append(dns.rrset.from_text(name, 300, "IN", record, data))
    return bytes(message.to_wire())


WEB = answer("www.example.com.", ("A", "192.0.2.1"), ("A", "192.0.2.2"))
FIELDS = {
    "name": "www.example.com",
    "qtype": 1,
    "qclass": 1,
    "opcode": 0,
    "rcode": 0,
    "dns_flags": 0x8180,
    "query_id": 0x1234,
    "answer_count": 2,
    "problem": GOOD,
    "answers": ("A 192.0.2.1", "A 192.0.2.2"),
}


class Server:
    """Answers everything with the same bytes."""

    def __init__(self, address: str, port: int = 53) -> None:
        self.address, self.port = address, port
        self.reply = WEB
        self.times = 1
        self.sent = threading.Event()
        self.pieces: list[bytes] = []  # of a connection, instead
        self.pause = 0.0  # between them
        self.family = AF_INET6 if ":" in address else AF_INET
        self.udp = socket.socket(self.family, socket.SOCK_DGRAM)
        self.tcp = socket.create_server((address, port), family=self.family)
        self.udp.bind((address, port))
        self.threads = [threading.Thread(target=target) for target in (self._serve_udp, self._serve_tcp)]
        for thread in self.threads:
            thread.start()

    def _serve_udp(self) -> None:
        while True:
            _query, peer = self.udp.recvfrom(4096)
            if not peer[1] or _query == b"end":
                return
            for _ in range(self.times):
                self.udp.sendto(self.reply, peer)
            self.sent.set()

    def _serve_tcp(self) -> None:
        while True:
            connection, _peer = self.tcp.accept()
            with connection:
                if connection.recv(4096) == b"end":
                    return
                for piece in self.pieces or [len(self.reply).to_bytes(2, "big") + self.reply]:
                    connection.sendall(piece)
                    time.sleep(self.pause)

    def close(self) -> None:
        with socket.socket(self.family, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", (self.address, self.port))
        with socket.create_connection((self.address, self.port)) as end:
            end.sendall(b"end")
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(*getattr(request, "param", ("127.0.0.1",)))
    yield server
    server.close()


def data_of(server: Server, facts: dict[str, Any], protocol: int, **other: Any) -> dict[str, Any]:
    own = "::1" if server.family == AF_INET6 else "127.0.0.1"
    return {
        **FIELDS,
        "family": server.family,
        "protocol": protocol,
        "remote_port": server.port,
        "remote_address": server.address,
        "local_port": facts["local_port"],
        "local_address": own,
        "socket": facts["socket"],
        "length": len(server.reply),
        **other,
    }


@pytest.mark.parametrize("how", ["recvfrom", "recvmsg", "recvmmsg", "read"])
def test_udp(tap: Tap, server: Server, bits: int, how: str) -> None:
    """Also what the program had no room for is in the record."""
    done = act(f"dns={how}:53:127.0.0.1", bits=bits)
    facts = done["dns"]
    assert facts["result"] == (20 if how == "recvfrom" else len(WEB))
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    tap.check(record, context_of(facts), data_of(server, facts, UDP), flags=flags_of(bits), within=done)


@pytest.mark.parametrize("server", [("::1",), ("::1", 5353), ("127.0.0.1", 5353)], indirect=True)
def test_udp_elsewhere(tap: Tap, server: Server) -> None:
    facts = act(f"dns=read:{server.port}:{server.address}")["dns"]
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    tap.check(record, context_of(facts), data_of(server, facts, UDP), flags=0)


def test_mapped(tap: Tap, server: Server) -> None:
    """An IPv4 packet to an IPv6 socket is one of IPv4."""
    facts = act("dns=read:53:::ffff:127.0.0.1")["dns"]
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    tap.check(record, context_of(facts), data_of(server, facts, UDP), flags=0)


@pytest.mark.parametrize("how", ["pieces", "whole", "bytes", "iovecs", "peek"])
@pytest.mark.parametrize("server", [("127.0.0.1",), ("::1",)], indirect=True)
def test_tcp(tap: Tap, server: Server, bits: int, how: str) -> None:
    """However the program takes it out of the stream; what it only looked at is not recorded again."""
    done = act(f"dnstcp={how}:53:{server.address}", bits=bits)
    facts = done["dnstcp"]
    assert facts["result"] == 2 + len(WEB)
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    tap.check(record, context_of(facts), data_of(server, facts, TCP), flags=flags_of(bits), within=done)


def length_of(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big")


def split(data: bytes, *at: int) -> list[bytes]:
    return [data[begin:end] for begin, end in zip((0, *at), (*at, len(data)))]


@pytest.mark.parametrize("at", [(2,), (1, 2, 3), (1,), (30,), (2, 20, 40)], ids=str)
def test_tcp_in_several_buffers(tap: Tap, server: Server, bits: int, at: tuple[int, ...]) -> None:
    """Packets that come when the program has read those before."""
    server.pieces = split(length_of(WEB) + WEB, *at)
    server.pause = 0.2
    done = act("dnstcp=pieces:53:127.0.0.1", bits=bits)
    facts = done["dnstcp"]
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    tap.check(record, context_of(facts), data_of(server, facts, TCP), flags=flags_of(bits), within=done)


def test_tcp_long(tap: Tap, server: Server) -> None:
    """More than is looked at, in many buffers; what comes behind it is found."""
    long = answer("long.example.", *(("TXT", f'"{"x" * 250}" "{i}"') for i in range(200)), kind="TXT")
    assert len(long) > 50_000
    server.pieces = split(length_of(long) + long + length_of(WEB) + WEB, 3, 1000, 20_000)
    server.pause = 0.05
    facts = act("dnstcp=pieces:53:127.0.0.1", "dnsmore")["dnsmore"]
    tap.collect()
    first, second = tap.of("dns_query", facts["tgid"])
    assert (first.name, first.length, first.answer_count) == ("long.example", len(long), 200)
    assert (first.flags, len(first.answers)) == (TRUNCATED, 15)
    assert (second.name, second.length, second.flags) == ("www.example.com", len(WEB), 0)


LOST = Path("/sys/module/ksonde/parameters/dns_lost")


def test_tcp_begin_not_seen(tap: Tap, server: Server) -> None:
    """Bytes that are thrown away in the kernel are missed: counted, and nothing is made up."""
    before = int(LOST.read_text())
    server.pieces = split(length_of(WEB) + WEB, 30)
    facts = act("dnstcp=tail:53:127.0.0.1")["dnstcp"]
    assert facts["result"] == 2 + len(WEB)
    tap.collect()
    assert not tap.of("dns_query", facts["tgid"])
    assert int(LOST.read_text()) > before


def test_networks(server: Server) -> None:
    """Rules ask who answered, over UDP and TCP."""
    both = ("dns=read:53:127.0.0.1", "dnstcp=pieces:53:127.0.0.1", "facts")
    for network, action, count in (
        ("127.0.0.0/8", "exclude", 0),
        ("127.0.0.0/8", "include", 2),
        ("128.0.0.0/8", "exclude", 2),
        ("::/0", "include", 0),
    ):
        rule = Rule(action, ("dns_query",), network=network)  # type: ignore[arg-type]
        with ksonde.open(EVENTS, rules=[rule]) as session:
            tap = Tap(session)
            tgid = act(*both)["facts"]["tgid"]
            tap.collect()
            assert len(tap.of("dns_query", tgid)) == count
            assert session.rule_stats()[0].records == (2 if network.startswith("127") else 0)


def test_two_in_one(tap: Tap, server: Server) -> None:
    other = answer("other.example.", ("CNAME", "a.example."))
    server.pieces = [b"".join(len(one).to_bytes(2, "big") + one for one in (WEB, other))]
    facts = act("dnstcp=whole:53:127.0.0.1")["dnstcp"]
    tap.collect()
    records = tap.of("dns_query", facts["tgid"])
    assert [(record.name, record.answers) for record in records] == [
        ("www.example.com", ("A 192.0.2.1", "A 192.0.2.2")),
        ("other.example", ("CNAME a.example",)),
    ]


def test_refused_name(tap: Tap, server: Server) -> None:
    """A name that is not there, with whatever bytes."""
    server.reply = answer("a\\010b\\.c.\\255\\030.example.", kind="TXT", rcode=3, opcode=4)
    facts = act("dns=read:53:127.0.0.1")["dns"]
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    other = {
        "name": "a\\010b\\.c.\\255\\030.example",
        "qtype": 16,
        "rcode": 3,
        "opcode": 4,
        "dns_flags": 0x8180,
        "answer_count": 0,
        "answers": (),
    }
    tap.check(record, context_of(facts), data_of(server, facts, UDP, **other), flags=0)


def test_long(tap: Tap, server: Server) -> None:
    """More than is looked at: what is there is told, and that it is not all."""
    text = '"' + "x" * 250 + '"'
    server.reply = answer("example.com.", *(("TXT", f'{text} "{i}"') for i in range(30)), kind="TXT")
    assert len(server.reply) > 4096
    facts = act("dns=read:53:127.0.0.1")["dns"]
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    told = tuple(f'TXT {text} "{i}"' for i in range(15))
    other = {"name": "example.com", "qtype": 16, "answer_count": 30, "answers": told}
    tap.check(record, context_of(facts), data_of(server, facts, UDP, **other), flags=TRUNCATED)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (b"", SHORT),
        (b"\x12\x34\x81", SHORT),
        (WEB[:20], COUNTS),
        (bytes.fromhex("123481800001000000000000 c00c00010001"), POINTER),
    ],
)
def test_damaged(tap: Tap, server: Server, reply: bytes, problem: int) -> None:
    """Counted by what is wrong, never believed."""
    server.reply = reply
    facts = act("dns=read:53:127.0.0.1")["dns"]
    tap.collect()
    record = tap.one("dns_query", facts["tgid"])
    whole = len(reply) >= 12
    other = {
        "name": None,
        "qtype": 0,
        "qclass": 0,
        "dns_flags": 0x8180 if whole else 0,
        "query_id": 0x1234 if whole else 0,
        "answer_count": reply[7] if whole else 0,
        "problem": problem,
        "answers": (),
    }
    tap.check(record, context_of(facts), data_of(server, facts, UDP, **other), flags=0)


def test_not_recorded(tap: Tap, server: Server) -> None:
    """A question, what was only looked at, and the same from another port."""
    facts = act("dns=peek:53:127.0.0.1")["dns"]
    assert facts["result"] == len(WEB)
    server.reply = b"\x12\x34\x01\x00" + WEB[4:]
    act("dns=read:53:127.0.0.1")
    other = Server("127.0.0.1", 5354)
    act("dns=read:5354:127.0.0.1", "dnstcp=pieces:5354:127.0.0.1")
    other.close()
    tap.collect()
    assert not tap.of("dns_query")


def test_too_many(server: Server) -> None:
    """A thousand a second; the rest is counted."""
    server.times = 3000
    with ksonde.open(EVENTS) as session:
        tap = Tap(session, lossy=True)
        asking = waiting("dnsask=53:127.0.0.1", "ready", "dnsdrain=3000")
        # All of them wait in the program's buffer.
        assert server.sent.wait(60)
        facts = asking.go()["dnsdrain"]
        session.stop()
        tap.collect()
        stats = session.event_stats("dns_query")
    assert facts["result"] == 3000
    kept = len(tap.of("dns_query", facts["tgid"]))
    lost = tap.of("lost")
    # A second's share, and what it was given back while it took: however slow the machine is.
    assert 1000 <= kept <= 1000 + facts["milliseconds"] + 10
    assert {record.reason for record in lost} <= {RATE_LIMIT}
    assert sum(record.count for record in lost) == stats.dropped["rate_limit"] == 3000 - kept
    if facts["milliseconds"] < 1900:
        assert lost
