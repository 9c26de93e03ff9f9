# SPDX-License-Identifier: GPL-2.0-only
"""What is a scan of ports: what is said of it, and what is refused."""

from __future__ import annotations

import pytest

from ksonde.errors import BadPortScan
from ksonde.portscan import PortScan, check, pack, parse
from ksonde.rules import Rule


@pytest.mark.parametrize(
    ("scan", "sentence"),
    [
        (PortScan(), "as the module has it"),
        (PortScan(ports=5, hosts=3, window=60), "5 ports, 3 hosts, within 60 s"),
        (PortScan(hosts=0, loopback=True), "whatever the hosts, loopback, too"),
        (PortScan(loopback=False), "without loopback"),
    ],
)
def test_sentences(scan: PortScan, sentence: str) -> None:
    assert str(scan) == sentence
    assert scan.given == (scan != PortScan())


def test_over() -> None:
    below = PortScan(ports=5, hosts=3, loopback=True)
    assert PortScan(hosts=0, window=9).over(below) == PortScan(5, 0, 9, True)
    assert PortScan(loopback=False).over(below).loopback is False


def test_pack() -> None:
    assert pack(PortScan()) == {"set": 0}
    assert pack(PortScan(2, 0, 1, False)) == {"ports": 2, "hosts": 0, "window": 1, "loopback": 0, "set": 15}


@pytest.mark.parametrize(
    ("scan", "name"),
    [
        (PortScan(ports=1), "ports"),
        (PortScan(ports=33), "ports"),
        (PortScan(hosts=-1), "hosts"),
        (PortScan(hosts=33), "hosts"),
        (PortScan(window=0), "window"),
        (PortScan(window=86401), "window"),
    ],
)
def test_what_the_driver_would_not_take(scan: PortScan, name: str) -> None:
    with pytest.raises(BadPortScan) as caught:
        check(scan, ["port_scan"])
    assert caught.value.name == name
    assert caught.value.reason.startswith(f"{name} is ")


def test_of_other_events() -> None:
    check(PortScan(), ["connect"])
    with pytest.raises(BadPortScan, match="does not record port_scan"):
        check(PortScan(ports=5), ["connect"])


def test_parse() -> None:
    scan, rules = parse("ports=5, hosts=0,window=2m,loopback=yes,allow=10.0.0.0/8,allow=::1,allow=::1,")
    assert scan == PortScan(5, 0, 120, True)
    assert rules == tuple(
        Rule("exclude", ("port_scan",), network=network) for network in ("10.0.0.0/8", "::1")
    )
    assert parse("loopback=no,window=9") == (PortScan(window=9, loopback=False), ())
    assert parse("") == (PortScan(), ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("port=5", "there is no 'port': say ports, hosts, window, loopback or allow"),
        ("ports", "ports is a number, not ''"),
        ("ports=5,ports=6", "ports is said twice"),
        ("ports=-5", "ports is a number"),
        ("loopback=1", "loopback is yes or no, not '1'"),
        ("window=long", "long"),
        ("allow=10.0.0.1/8", "that is 10.0.0.0/8"),
    ],
)
def test_what_is_no_such_text(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)
