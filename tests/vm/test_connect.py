# SPDX-License-Identifier: GPL-2.0-only
"""Event 42."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute

from acting import COMPAT, NASTY, Between, Facts, Tap, act, context_of, flags_of, waiting

EVENTS = ["connect"]

IFA_F_NODAD = 2
CALL, OUTCOME = 1, 2
AF_UNIX, AF_INET, AF_INET6 = socket.AF_UNIX, socket.AF_INET, socket.AF_INET6


def fields_of(facts: Facts, **other: Any) -> dict[str, Any]:
    """What a program that connected knows of its socket; absent what is not said."""
    expected = {
        "family": facts["domain"],
        "type": facts["type"],
        "protocol": facts["protocol"],
        "local_port": facts.get("local_port"),
        "remote_port": None,
        "in_progress": 0,
        "local_address": facts.get("local_address"),
        "remote_address": None,
        "scope_id": None,
        "result": facts["result"],
        "socket": facts["socket"],
        "path": None,
        "stage": CALL,
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


def refused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_tcp(tap: Tap, listener: socket.socket, bits: int) -> None:
    port = listener.getsockname()[1]
    done = act(f"tcp=127.0.0.1:{port}", bits=bits)
    facts = done["tcp"]
    assert facts["result"] == 0 and facts["peer_port"] == port and facts["local_port"]
    tap.collect()
    record = tap.one("connect", facts["tgid"])
    data = fields_of(facts, remote_port=port, remote_address="127.0.0.1")
    assert data["type"] == socket.SOCK_STREAM and data["protocol"] == socket.IPPROTO_TCP
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_tcp_by_socketcall(tap: Tap, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    done = act("socketcall", f"tcp=127.0.0.1:{port}", bits=32)
    facts = done["tcp"]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("connect", facts["tgid"])
    data = fields_of(facts, remote_port=port, remote_address="127.0.0.1")
    tap.check(record, context_of(facts), data, flags=COMPAT, within=done)


def test_refused(tap: Tap, bits: int) -> None:
    port = refused_port()
    done = act(f"tcp=127.0.0.2:{port}", bits=bits)
    facts = done["tcp"]
    assert facts["result"] == -errno.ECONNREFUSED
    tap.collect()
    data = fields_of(facts, remote_port=port, remote_address="127.0.0.2")
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data, flags=flags_of(bits), within=done)


def test_unreachable(tap: Tap) -> None:
    facts = act("tcp=198.51.100.7:80")["tcp"]
    assert facts["result"] == -errno.ENETUNREACH
    tap.collect()
    data = fields_of(facts, remote_port=80, remote_address="198.51.100.7")
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data)


def test_udp(tap: Tap, bits: int) -> None:
    facts = act("udp=127.0.0.1:53", bits=bits)["udp"]
    assert facts["result"] == 0 and facts["local_port"]
    tap.collect()
    data = fields_of(facts, remote_port=53, remote_address="127.0.0.1")
    assert data["type"] == socket.SOCK_DGRAM and data["protocol"] == socket.IPPROTO_UDP
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_ipv6(tap: Tap, bits: int) -> None:
    with socket.create_server(("::1", 0), family=AF_INET6) as server:
        port = server.getsockname()[1]
        facts = act(f"tcp6={port}:0:::1", bits=bits)["tcp6"]
        assert facts["result"] == 0 and facts["local_address"] == "::1"
        tap.collect()
        data = fields_of(facts, remote_port=port, remote_address="::1")
        tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_ipv4_mapped(tap: Tap, listener: socket.socket) -> None:
    """An IPv6 socket that speaks IPv4: what the address given said."""
    port = listener.getsockname()[1]
    facts = act(f"tcp6={port}:0:::ffff:127.0.0.1")["tcp6"]
    assert facts["result"] == 0 and facts["local_address"] == "::ffff:127.0.0.1"
    tap.collect()
    record = tap.one("connect", facts["tgid"])
    data = fields_of(facts, remote_port=port, remote_address="::ffff:7f00:1", local_address="::ffff:7f00:1")
    tap.check(record, context_of(facts), normal_addresses(record, data))


def normal_addresses(record: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The same mapped address in the spelling of this Python."""
    mapped = {"::ffff:7f00:1", "::ffff:127.0.0.1"}
    for name in ("local_address", "remote_address"):
        if data[name] in mapped and getattr(record, name) in mapped:
            data[name] = getattr(record, name)
    return data


def test_ipv6_scope(tap: Tap, bits: int) -> None:
    """Link-local: the interface is part of the address."""
    subprocess.run(["modprobe", "dummy", "numdummies=0"], check=True)
    with IPRoute() as route:
        route.link("add", ifname="scoped", kind="dummy")
        index = socket.if_nametoindex("scoped")
        try:
            route.link("set", index=index, state="up")
            route.addr("add", index=index, address="fe80::77", prefixlen=64, flags=IFA_F_NODAD)
            facts = act(f"tcp6=9:{index}:fe80::77", bits=bits)["tcp6"]
        finally:
            route.link("del", index=index)
    assert facts["result"] == -errno.ECONNREFUSED and index > 1
    tap.collect()
    data = fields_of(facts, remote_port=9, remote_address="fe80::77", scope_id=index)
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def assert_outcome(tap: Tap, facts: Facts, port: int, result: int | None, bits: int) -> None:
    """The call says that it is in progress, a second record what became of that: both say who asked."""
    assert facts["result"] == -errno.EINPROGRESS
    call, outcome = tap.of("connect", facts["tgid"])
    data = fields_of(facts, remote_port=port, remote_address="127.0.0.1", in_progress=1)
    tap.check(call, context_of(facts), data, flags=flags_of(bits))
    data.update(stage=OUTCOME, in_progress=0, result=result)
    tap.check(outcome, context_of(facts), data, flags=flags_of(bits))
    assert tap.hooks[outcome.hook or 0].name == "connect_outcome"
    assert outcome.time > call.time


def test_in_progress_then_connected(tap: Tap, listener: socket.socket, bits: int) -> None:
    port = listener.getsockname()[1]
    done = act(f"tcp=127.0.0.1:{port}:nonblock", "outcome", bits=bits)
    assert done["outcome"]["result"] == 0
    tap.collect()
    assert_outcome(tap, done["tcp"], port, 0, bits)


def test_in_progress_then_refused(tap: Tap, bits: int) -> None:
    port = refused_port()
    done = act(f"tcp=127.0.0.1:{port}:nonblock", "outcome", bits=bits)
    assert done["outcome"]["result"] == -errno.ECONNREFUSED
    tap.collect()
    assert_outcome(tap, done["tcp"], port, -errno.ECONNREFUSED, bits)


def test_in_progress_then_connected_by_others(tap: Tap, full: socket.socket) -> None:
    """The answer finds some other task: the record is about who asked."""
    port = full.getsockname()[1]
    program = waiting(f"tcp=127.0.0.1:{port}:nonblock", "ready", "outcome")
    tap.collect()
    assert tap.one("connect", program.facts["tgid"]).in_progress == 1
    before = tap.all
    full.accept()[0].close()
    done = program.go()
    assert done["outcome"]["result"] == 0
    tap.all = [*before, *tap.collect()]
    assert_outcome(tap, done["tcp"], port, 0, 64)


@pytest.mark.parametrize("how", ["nonblock", "timeout"])
def test_in_progress_then_given_up(tap: Tap, full: socket.socket, bits: int, how: str) -> None:
    port = full.getsockname()[1]
    facts = act(f"tcp=127.0.0.1:{port}:{how}", bits=bits)["tcp"]
    tap.collect()
    assert_outcome(tap, facts, port, None, bits)


@pytest.mark.parametrize("name", ["plain", NASTY], ids=["plain", "nasty"])
def test_unix(tap: Tap, place: Path, bits: int, name: str) -> None:
    path = os.fsencode(place) + b"/" + os.fsencode(name)
    with socket.socket(AF_UNIX) as server:
        server.bind(path)
        server.listen()
        facts = act(b"unix=" + path, bits=bits)["unix"]
        assert facts["result"] == 0
        tap.collect()
        record = tap.one("connect", facts["tgid"])
        tap.check(record, context_of(facts), fields_of(facts, path=os.fsdecode(path)), flags=flags_of(bits))
        assert os.fsencode(record.path) == path


def test_unix_refused(tap: Tap, place: Path) -> None:
    facts = act(f"unix={place}/nobody")["unix"]
    assert facts["result"] == -errno.ENOENT
    tap.collect()
    data = fields_of(facts, path=f"{place}/nobody")
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data)


def test_unix_longest(tap: Tap, place: Path) -> None:
    """A path that fills sun_path to the last byte."""
    path = str(place) + "/"
    path += "n" * (107 - len(path))
    facts = act(f"unix={path}")["unix"]
    tap.collect()
    record = tap.one("connect", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, path=path))


def test_abstract(tap: Tap, bits: int) -> None:
    """A NUL byte and a name that ends where the address's length says."""
    name = b"\0" + os.fsencode(NASTY)
    with socket.socket(AF_UNIX) as server:
        server.bind(name)
        server.listen()
        facts = act(b"abstract=" + name[1:], bits=bits)["abstract"]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("connect", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, path=os.fsdecode(name)), flags=flags_of(bits))


@pytest.mark.parametrize("length", [110, 111, 112, 128])
def test_unix_longer_than_a_path(tap: Tap, bits: int, length: int) -> None:
    """The kernel takes the address in, then refuses it: no more than sun_path is looked at."""
    facts = act(f"longunix={length}", bits=bits)["longunix"]
    assert facts["result"] == (-errno.ECONNREFUSED if length == 110 else -errno.EINVAL)
    tap.collect()
    data = fields_of(facts, path="\0" + "L" * 107)
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_not_recorded(tap: Tap, bits: int) -> None:
    done = act("udp=127.0.0.1:53", "unspec", "netlink", "badconnect", bits=bits)
    assert done["unspec"]["result"] == 0 and done["netlink"]["result"] == 0
    tap.collect()
    assert len(tap.of("connect", done["udp"]["tgid"])) == 1


def test_thread(tap: Tap, bits: int) -> None:
    facts = act("thread", "comm=worker", "udp=127.0.0.1:53", bits=bits)["udp"]
    assert facts["tid"] != facts["tgid"] and facts["comm"] == "worker"
    tap.collect()
    data = fields_of(facts, remote_port=53, remote_address="127.0.0.1")
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_who(tap: Tap, bits: int, cgroup: Path) -> None:
    """Every part of the context differs from every other and from its default."""
    master, slave = os.openpty()
    try:
        done = act(
            f"cgroup={cgroup}",
            "loginuid=4711",
            "setsid",
            f"terminal={os.ttyname(slave)}",
            "fork",
            "setpgid",
            "unshare=mnt:net:uts:pid",
            "fork",
            b"hostname=" + os.fsencode(NASTY)[:20],
            b"comm=" + os.fsencode(NASTY)[:15],
            "securebits=4",
            "ids=1001:1002:1003:2001:2002:2003",
            "capabilities=0x1400:0x3400:0",
            "tcp=127.0.0.1:7",
            bits=bits,
        )
    finally:
        os.close(slave)
        os.close(master)
    facts = done["tcp"]
    own = os.getpid()
    assert facts["ns_pid"] == 1
    assert len({facts["tgid"], facts["pgid"], facts["sid"], facts["parent_tgid"], own}) >= 4
    assert [facts[name] for name in ("uid", "euid", "gid", "egid")] == [1001, 1002, 2001, 2002]
    assert facts["cap_effective"] == 0x1400 and facts["loginuid"] == 4711
    assert facts["audit_session"] not in (0, 0xFFFFFFFF) and facts["cgroup_path"] == f"/{cgroup.name}"
    assert tap.session is not None
    for name in ("mnt", "net", "pid"):
        assert facts[f"{name}_ns"] != os.stat(f"/proc/self/ns/{name}").st_ino
    tap.collect()
    context = context_of(facts)
    assert context["tty"] and context["cgroup"] != 1
    data = fields_of(facts, remote_port=7, remote_address="127.0.0.1")
    tap.check(tap.one("connect", facts["tgid"]), context, data, flags=flags_of(bits), within=done)


def test_user_namespace(tap: Tap) -> None:
    """Ids are those of the initial user namespace, whatever the process calls itself."""
    facts = act("ids=1234:1234:1234:2345:2345:2345", "unshare=user", "idmap=1234:2345", "udp=127.0.0.1:5")[
        "udp"
    ]
    assert facts["uid"] == 0 and facts["gid"] == 0
    assert facts["user_ns"] != os.stat("/proc/self/ns/user").st_ino
    tap.collect()
    context = context_of(facts, uid=1234, euid=1234, gid=2345, egid=2345)
    data = fields_of(facts, remote_port=5, remote_address="127.0.0.1")
    tap.check(tap.one("connect", facts["tgid"]), context, data)


def test_start_time(tap: Tap) -> None:
    """A process starts when it is forked, not when it is executed."""
    done = act("udp=127.0.0.1:6")
    tap.collect()
    record = tap.one("connect", done["udp"]["tgid"])
    assert record.start_time == Between(done.began, record.time)
    assert record.parent_start_time == Between(0, done.began)


def test_executable_name(tap: Tap, place: Path, bits: int) -> None:
    """A nasty path of an executable, and a thread name of all 15 bytes."""
    from shutil import copy

    from acting import ACT

    program = os.fsencode(place) + b"/" + os.fsencode(NASTY)
    copy(os.fsencode(ACT[bits]), program)
    facts = act("comm=123456789012345", "udp=127.0.0.1:5", program=program)["udp"]
    assert os.fsencode(facts["exe"]) == program and len(facts["comm"]) == 15
    tap.collect()
    data = fields_of(facts, remote_port=5, remote_address="127.0.0.1")
    tap.check(tap.one("connect", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))
