# SPDX-License-Identifier: GPL-2.0-only
"""Addresses and networks as rules of the driver compare them; Python's ipaddress is asked, too."""

from __future__ import annotations

import ipaddress
import random
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from hosted import build


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("network"), "network_test", ["core/network.c"])


def ask(program: Path, lines: Iterable[tuple[bytes, int, bytes]]) -> list[str]:
    text = "".join(f"{net.hex()} {prefix} {address.hex()}\n" for net, prefix, address in lines)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("network", "address", "wanted"),
    [
        ("10.0.0.0/8", "10.255.255.255", "in"),
        ("10.0.0.0/8", "11.0.0.0", "out"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "in"),
        ("10.0.0.0/8", "::10.1.2.3", "out"),
        ("10.0.0.0/8", "a00::", "out"),
        ("0.0.0.0/0", "255.255.255.255", "in"),
        ("0.0.0.0/0", "::1", "out"),
        ("192.0.2.1/32", "192.0.2.1", "in"),
        ("192.0.2.1/32", "192.0.2.0", "out"),
        ("192.0.2.0/31", "192.0.2.1", "in"),
        ("192.0.2.128/25", "192.0.2.127", "out"),
        ("::/0", "2001:db8::1", "in"),
        ("::/0", "10.0.0.1", "out"),
        ("::/0", "::ffff:10.0.0.1", "out"),
        ("2001:db8::/33", "2001:db8:7fff::", "in"),
        ("2001:db8::/33", "2001:db8:8000::", "out"),
        ("::1/128", "::1", "in"),
        ("::1/128", "::2", "out"),
    ],
)
def test_edges(program: Path, network: str, address: str, wanted: str) -> None:
    net = ipaddress.ip_network(network)
    line = (net.network_address.packed, net.prefixlen, ipaddress.ip_address(address).packed)
    assert ask(program, [line]) == [wanted]


@pytest.mark.parametrize(
    ("network", "prefix"),
    [
        ("0a000000", 33),
        ("0a000001", 31),
        ("0a000000", 6),
        ("00" * 16, 129),
        ("00" * 15 + "01", 127),
        ("0a", 8),
    ],
)
def test_no_networks(program: Path, network: str, prefix: int) -> None:
    assert ask(program, [(bytes.fromhex(network), prefix, bytes(4))]) == ["invalid"]


def test_many(program: Path) -> None:
    """Networks of all prefixes with addresses that are near them."""
    chance = random.Random(33)
    lines, wanted = [], []
    for _ in range(20_000):
        bits = chance.choice((32, 128))
        prefix = chance.randrange(bits + 1)
        address = chance.getrandbits(bits)
        base = (address ^ (1 << chance.randrange(bits) if chance.random() < 0.5 else 0)) >> bits - prefix
        base <<= bits - prefix
        size = bits // 8
        kind = ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network
        net = kind((base, prefix))
        lines.append((base.to_bytes(size, "big"), prefix, address.to_bytes(size, "big")))
        wanted.append("in" if address & int(net.netmask) == base else "out")
    assert ask(program, lines) == wanted
    assert set(wanted) == {"in", "out"}
