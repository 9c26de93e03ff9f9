# SPDX-License-Identifier: GPL-2.0-only
"""Event 49."""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

import bpf
from acting import NASTY, Facts, Tap, act, context_of, flags_of, waiting

EVENTS = ["bind"]

STREAM, DGRAM, RAW = 1, 2, 3
UNIX, INET, INET6, NETLINK, PACKET, VSOCK = 1, 2, 10, 16, 17, 40
TCP, UDP, ICMP, ROUTE, MPTCP = 6, 17, 1, 0, 262


@pytest.fixture(scope="module", autouse=True)
def _modules() -> None:
    subprocess.run(["modprobe", "-a", "vsock", "vsock_loopback"], check=True)


def inet(host: str, port: int, family: int = INET) -> bytes:
    return struct.pack("=H", family) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)


def inet6(host: str, port: int, scope: int = 0) -> bytes:
    head = struct.pack("=H", INET6) + struct.pack(">HI", port, 0)
    return head + socket.inet_pton(socket.AF_INET6, host) + struct.pack("=I", scope)


def local(name: bytes) -> bytes:
    return struct.pack("=H", UNIX) + name


def bound(family: int, kind: int, protocol: int, address: bytes, bits: int, *before: str) -> Facts:
    steps = [*before, f"bindto={family}:{kind}:{protocol}:{address.hex()}"]
    return act(*steps, bits=bits)["bindto"]


def check(tap: Tap, facts: Facts, bits: int, **data: Any) -> None:
    nothing = dict.fromkeys(("local_port", "port", "address", "scope_id", "groups", "cid", "path"), None)
    known = {"type": facts["type"], "protocol": facts["protocol"], "socket": facts["socket"]}
    expected = {**nothing, "family": facts["domain"], "result": facts["result"], **known, **data}
    tap.collect()
    tap.check(tap.one("bind", facts["tgid"]), context_of(facts), expected, flags=flags_of(bits))


@pytest.mark.parametrize(("kind", "protocol"), [(STREAM, TCP), (DGRAM, UDP), (RAW, ICMP)])
def test_ipv4(tap: Tap, bits: int, kind: int, protocol: int) -> None:
    facts = bound(INET, kind, protocol, inet("127.0.0.7", 4242), bits)
    assert facts["result"] == 0
    # A raw socket has the protocol for a port.
    port = ICMP if kind == RAW else 4242
    check(tap, facts, bits, port=4242, address="127.0.0.7", local_port=port)


def test_the_kernel_chooses_a_port(tap: Tap, bits: int) -> None:
    facts = bound(INET, STREAM, 0, inet("0.0.0.0", 0), bits)
    assert facts["result"] == 0 and facts["local_port"] > 1024
    check(tap, facts, bits, port=0, address="0.0.0.0", local_port=facts["local_port"])


def test_no_family(tap: Tap, bits: int) -> None:
    """Which IPv4 takes for its own."""
    facts = bound(INET, STREAM, 0, inet("0.0.0.0", 4243, 0), bits)
    assert (facts["result"], facts["local_port"]) == (0, 4243)
    check(tap, facts, bits, port=4243, address="0.0.0.0", local_port=4243)


@pytest.mark.parametrize("host", ["::1", "::ffff:127.0.0.3"])
def test_ipv6(tap: Tap, bits: int, host: str) -> None:
    facts = bound(INET6, STREAM, 0, inet6(host, 4244), bits)
    assert facts["result"] == 0
    check(tap, facts, bits, port=4244, address=host, local_port=4244)


def test_link_local(tap: Tap, bits: int) -> None:
    facts = bound(INET6, DGRAM, 0, inet6("fe80::7", 4245, 1), bits)
    assert facts["result"] == -errno.EADDRNOTAVAIL
    check(tap, facts, bits, port=4245, address="fe80::7", scope_id=1)


def test_unix(tap: Tap, tmpfs: Path, bits: int) -> None:
    path = os.fsencode(tmpfs / NASTY)
    facts = bound(UNIX, STREAM, 0, local(path + b"\0ignored"), bits)
    assert facts["result"] == 0 and Path(os.fsdecode(path)).is_socket()
    check(tap, facts, bits, path=os.fsdecode(path))


def test_abstract(tap: Tap, bits: int) -> None:
    name = b"\0ab\0c\n\xff\0"
    facts = bound(UNIX, DGRAM, 0, local(name), bits)
    assert facts["result"] == 0
    check(tap, facts, bits, path=os.fsdecode(name))


def test_the_kernel_chooses_a_name(tap: Tap, bits: int) -> None:
    facts = bound(UNIX, STREAM, 0, local(b""), bits)
    assert facts["result"] == 0
    tap.collect()
    path = tap.one("bind", facts["tgid"]).path
    assert len(path) == 6 and path[0] == "\0"
    data = {
        "family": UNIX,
        "type": STREAM,
        "protocol": 0,
        "result": 0,
        "socket": facts["socket"],
        "path": path,
    }
    nothing = dict.fromkeys(("local_port", "port", "address", "scope_id", "groups", "cid"))
    record = tap.one("bind", facts["tgid"])
    tap.check(record, context_of(facts), {**nothing, **data}, flags=flags_of(bits))


def test_netlink(tap: Tap, bits: int) -> None:
    facts = bound(NETLINK, RAW, ROUTE, struct.pack("=HHII", NETLINK, 0, 77777, 0x11), bits)
    assert facts["result"] == 0
    check(tap, facts, bits, port=77777, groups=0x11)


def test_packet(tap: Tap, bits: int) -> None:
    """Of it only the question is seen."""
    facts = bound(PACKET, RAW, 0, struct.pack("=HHiHBB8s", PACKET, 0, 1, 0, 0, 0, b""), bits)
    assert facts["result"] == 0
    check(tap, facts, bits, scope_id=1, result=None)


def test_vsock(tap: Tap, bits: int) -> None:
    facts = bound(VSOCK, STREAM, 0, struct.pack("=HHIII", VSOCK, 0, 4246, 0xFFFFFFFF, 0), bits)
    assert facts["result"] == 0
    check(tap, facts, bits, port=4246, cid=0xFFFFFFFF, result=None)


def test_multipath(tap: Tap, bits: int) -> None:
    facts = bound(INET, STREAM, MPTCP, inet("127.0.0.1", 4247), bits)
    assert facts["result"] == 0
    check(tap, facts, bits, port=4247, address="127.0.0.1", result=None)


def test_refused(tap: Tap, bits: int) -> None:
    """A port of root's, an address of nobody's, and one that is too short."""
    low = bound(INET, STREAM, 0, inet("127.0.0.1", 99), bits, "groups=1", "ids=1:1:1:1:1:1")
    assert low["result"] == -errno.EACCES
    check(tap, low, bits, port=99, address="127.0.0.1")
    other = bound(INET, STREAM, 0, inet("192.0.2.1", 4248), bits)
    assert other["result"] == -errno.EADDRNOTAVAIL
    check(tap, other, bits, port=4248, address="192.0.2.1")
    short = bound(INET, STREAM, 0, inet("127.0.0.1", 4249)[:10], bits)
    assert short["result"] == -errno.EINVAL
    check(tap, short, bits)


def test_refused_by_a_security_module(tap: Tap, bits: int) -> None:
    """It never comes to the protocol."""
    if "bpf" not in Path("/sys/kernel/security/lsm").read_text().split(","):
        pytest.skip("cannot run here: BPF's security module is off")
    target = waiting("ready", f"bindto={INET}:{STREAM}:0:{inet('127.0.0.1', 4251).hex()}", bits=bits)
    code = bpf.refuses(target.facts["tgid"])
    with (
        bpf.program(bpf.LSM_PROGRAM, bpf.LSM_MAC, "bpf_lsm_socket_bind", code=code) as program,
        bpf.attached(program),
    ):
        facts = target.go()["bindto"]
    assert facts["result"] == -errno.EACCES
    check(tap, facts, bits, port=4251, address="127.0.0.1")
    [record] = tap.of("bind", facts["tgid"])
    assert record.hook is not None and tap.hooks[record.hook].name == "bind_asked"


def test_socketcall(tap: Tap) -> None:
    facts = bound(INET, STREAM, 0, inet("127.0.0.1", 4250), 32, "socketcall")
    assert facts["result"] == 0
    check(tap, facts, 32, port=4250, address="127.0.0.1", local_port=4250)


def test_not_recorded(tap: Tap, bits: int) -> None:
    """What the kernel binds by itself."""
    done = act("udp=127.0.0.1:53", bits=bits)
    assert done["udp"]["local_port"]
    tap.collect()
    assert not tap.of("bind", done["udp"]["tgid"])
