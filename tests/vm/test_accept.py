# SPDX-License-Identifier: GPL-2.0-only
"""Event 43."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from acting import NASTY, Facts, Tap, act, context_of, flags_of
from test_bind import INET, INET6, MPTCP, STREAM, UNIX, inet, inet6, local

EVENTS = ["accept"]

NONBLOCK, CLOEXEC = socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC


def check(tap: Tap, facts: Facts, bits: int, **data: Any) -> None:
    nothing = dict.fromkeys(("local_port", "remote_port", "local_address", "remote_address", "path"))
    known = {"type": facts["type"], "protocol": facts["protocol"], "socket": facts["socket"]}
    told = {"fd": facts["fd"], "family": facts["domain"], "socket_flags": 0, "result": facts["result"]}
    expected = {**nothing, **known, **told, **data}
    tap.collect()
    tap.check(tap.one("accept", facts["tgid"]), context_of(facts), expected, flags=flags_of(bits))


def accepted(address: bytes, bits: int, *steps: str, family: int = INET, protocol: int = 0) -> Facts:
    listener = f"bindto={family}:{STREAM}:{protocol}:{address.hex()}"
    return act(*[step or listener for step in steps], bits=bits).lines[-1]


def ends_of(facts: Facts) -> dict[str, Any]:
    return {
        "local_port": facts["local_port"],
        "local_address": facts["local_address"],
        "remote_port": facts["peer_port"],
        "remote_address": facts["peer_address"],
    }


@pytest.mark.parametrize("flags", [-1, 0, NONBLOCK | CLOEXEC])
def test_ipv4(tap: Tap, bits: int, flags: int) -> None:
    facts = accepted(inet("127.0.0.5", 0), bits, "", f"accept={flags}")
    assert facts["result"] > facts["fd"]
    assert facts["local_address"] == "127.0.0.5" and facts["peer_port"] != facts["local_port"] > 1024
    check(tap, facts, bits, socket_flags=max(flags, 0), **ends_of(facts))


@pytest.mark.parametrize("host", ["::1", "::ffff:127.0.0.6"])
def test_ipv6(tap: Tap, bits: int, host: str) -> None:
    """Of an IPv4 connection a socket of IPv6 has mapped addresses."""
    facts = accepted(inet6(host, 0), bits, "", "accept=0", family=INET6)
    assert facts["local_address"] == host
    check(tap, facts, bits, **ends_of(facts))


def test_multipath(tap: Tap, bits: int) -> None:
    facts = accepted(inet("127.0.0.1", 0), bits, "", "accept=0", protocol=MPTCP)
    assert facts["result"] > 0
    # Where both sides speak it; it is named as what it became.
    check(tap, facts, bits, **ends_of(facts))


def test_unix(tap: Tap, tmpfs: Path, bits: int) -> None:
    path = os.fsencode(tmpfs / NASTY)
    facts = accepted(local(path), bits, "", "accept=0", family=UNIX)
    check(tap, facts, bits, path=os.fsdecode(path))
    facts = accepted(local(b"\0a\n\0b"), bits, "", "accept=0", family=UNIX)
    check(tap, facts, bits, path="\0a\n\0b")


@pytest.mark.parametrize("flags", [-1, CLOEXEC])
def test_socketcall(tap: Tap, flags: int) -> None:
    facts = accepted(inet("127.0.0.5", 0), 32, "socketcall", "", f"accept={flags}")
    check(tap, facts, 32, socket_flags=max(flags, 0), **ends_of(facts))


def test_refused(tap: Tap, bits: int) -> None:
    """A socket that does not listen, what is no socket, and what is nothing."""
    facts = accepted(inet("127.0.0.5", 0), bits, "", "noaccept=0")
    assert facts["result"] == -errno.EINVAL
    check(tap, facts, bits, local_port=facts["local_port"], local_address="127.0.0.5")
    for number, error in ((2, errno.ENOTSOCK), (1000, errno.EBADF)):
        facts = act(f"noaccept={number}", bits=bits)["noaccept"]
        assert facts["result"] == -error
        facts |= {"type": None, "protocol": None, "socket": None, "domain": None}
        check(tap, facts, bits)


def test_not_recorded(tap: Tap, bits: int) -> None:
    """That there is no connection yet."""
    listener = f"bindto={INET}:{STREAM | NONBLOCK}:0:{inet('127.0.0.5', 0).hex()}"
    done = act(listener, "accept=0", "noaccept=0", bits=bits)
    assert done["noaccept"]["result"] == -errno.EAGAIN
    tap.collect()
    assert len(tap.of("accept", done["accept"]["tgid"])) == 1
