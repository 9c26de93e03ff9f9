# SPDX-License-Identifier: GPL-2.0-only
"""The driver's detector of port scans: packets of all sorts, windows, and floods."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from hosted import build, run

SEEDS = Path(__file__).parent / "scan_seeds.txt"
SOURCES = ["hooks/scan_packet.c", "hooks/scan_detect.c"]
PROBE, OTHER, FRAGMENT, SHORT, LENGTH, EXTENSIONS = range(6)
SYN, NULL, FIN, XMAS, ACK, UDP = range(1, 7)


class Report(NamedTuple):
    source: int
    kind: int
    ports: int
    hosts: int
    packets: int
    first: float
    last: float
    sample: tuple[int, ...]
    asker: int = 0


class Rule(NamedTuple):
    """Of one who asks: ports, hosts, seconds, and since when."""

    ports: int = 15
    hosts: int = 0
    window: int = 300
    since: int = 0


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("scan"), "scan_test", SOURCES)


def ask(program: Path, *arguments: str, text: str) -> list[str]:
    command = [str(program), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def count(program: Path, packets: Sequence[tuple[float, int, int, int, int]], *rules: Rule) -> list[Report]:
    """Reports of packets (time, source, kind, host, port)."""
    text = "\n".join(" ".join(map(str, packet)) for packet in packets)
    out = []
    words = [str(number) for rule in rules or [Rule()] for number in rule]
    for line in ask(program, "count", *words, text=text):
        asker, *words = line.split()
        numbers, times, sample = map(int, words[:5]), map(float, words[5:7]), map(int, words[7:])
        out.append(Report(*numbers, *times, tuple(sample), int(asker)))  # type: ignore[call-arg,arg-type]
    return out


def scan(
    source: int = 1, *, ports: int = 15, every: float = 0.01, begin: float = 1000, kind: int = SYN
) -> list[tuple[float, int, int, int, int]]:
    return [(begin + every * i, source, kind, 7, 100 + i) for i in range(ports)]


# -------------------------------------------------------------------- packets


def ipv4(payload: str, protocol: int = 6, head: str = "45", fragment: str = "0000", options: str = "") -> str:
    return f"{head}00 0000 0000 {fragment} 40 {protocol:02x} 0000 c0000201 c6336402 {options} {payload}"


def ipv6(payload: str, protocol: int = 6, extensions: str = "") -> str:
    ends = f"20010db8{'00' * 11}01 20010db8{'00' * 11}02"
    return f"60000000 0000 {protocol:02x} 40 {ends} {extensions} {payload}"


def tcp(flags: int, head: str = "50", data: str = "") -> str:
    return f"3039 0016 00000001 00000000 {head}{flags:02x} 2000 0000 0000 {data}"


def udp(length: int = 8, data: str = "") -> str:
    return f"0035 0a00 {length:04x} 0000 {data}"


def parse(program: Path, *packets: str) -> list[list[str]]:
    text = "\n".join(packet.replace(" ", "") for packet in packets)
    return [line.split(" ") for line in ask(program, "parse", text=text)]


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (0x02, SYN),
        (0xC2, SYN),
        (0x03, SYN),
        (0x00, NULL),
        (0x01, FIN),
        (0x29, XMAS),
        (0x08, XMAS),
        (0x10, ACK),
    ],
)
def test_kinds(program: Path, flags: int, kind: int) -> None:
    four, six = parse(program, ipv4(tcp(flags)), ipv6(tcp(flags)))
    assert four[:4] == six[:4] == [str(PROBE), str(kind), "12345", "22"]
    assert four[4:] == [f"c0000201{'0' * 24}", f"c6336402{'0' * 24}"]
    wanted = [ipaddress.IPv6Address(text).packed.hex() for text in ("2001:db8::1", "2001:db8::2")]
    assert six[4:] == wanted


@pytest.mark.parametrize("flags", [0x12, 0x04, 0x14, 0x11, 0x18, 0x38])
def test_of_a_connection(program: Path, flags: int) -> None:
    """Answers, data and ends."""
    assert parse(program, ipv4(tcp(flags)), ipv6(tcp(flags))) == [[str(OTHER)]] * 2


def test_data(program: Path) -> None:
    """An ACK with data is of a connection, a SYN with data is none."""
    got = parse(program, ipv4(tcp(0x10, data="00")), ipv4(tcp(0x02, data="00")), ipv4("08000000", 1))
    assert [one[:2] for one in got] == [[str(OTHER)], [str(PROBE), str(SYN)], [str(OTHER)]]


def test_udp(program: Path) -> None:
    got = parse(program, ipv4(udp(), 17), ipv6(udp(9, "00"), 17), ipv6(udp(0, "00"), 17))
    assert [one[:4] for one in got] == [[str(PROBE), str(UDP), "53", "2560"]] * 3


def test_options(program: Path) -> None:
    """What comes before the ports is stepped over."""
    hop = "3c 00 0104 0000 0000"
    destination = "06 01" + "00" * 14
    authentication = "06 04" + "00" * 22
    routing = "2c 00" + "00" * 6
    fragment = "06 00 0000 00000001"
    got = parse(
        program,
        ipv4(tcp(2), head="46", options="01010101"),
        ipv4(tcp(2, "60", "01010101")),
        ipv6(tcp(2), 0, hop + destination),
        ipv6(tcp(2), 51, authentication),
        ipv6(tcp(2), 43, routing + fragment),
    )
    assert [one[:4] for one in got] == [[str(PROBE), str(SYN), "12345", "22"]] * 5


FATES = [
    ("", SHORT),
    ("45", SHORT),
    (ipv4("")[:-2], SHORT),
    (ipv4(tcp(2)[:-2]), SHORT),
    (ipv4(udp()[:-2], 17), SHORT),
    (ipv4(tcp(2), head="46", options="010101")[:-2], SHORT),
    (ipv4(tcp(2), head="44"), LENGTH),
    (ipv4(tcp(2), head="55"), LENGTH),
    (ipv4(tcp(2, "40")), LENGTH),
    (ipv4(tcp(2, "60")), LENGTH),
    (ipv4(udp(7), 17), LENGTH),
    (ipv4(udp(9), 17), LENGTH),
    (ipv4(udp(9), 17, fragment="2000"), PROBE),
    (ipv4(tcp(2, "60"), fragment="2000"), PROBE),
    (ipv4(tcp(2), fragment="0001"), FRAGMENT),
    (ipv4(tcp(2), fragment="2001"), FRAGMENT),
    (ipv4(tcp(2), fragment="4000"), PROBE),
    (ipv6("")[:-6], SHORT),
    (ipv6(tcp(2)[:-2]), SHORT),
    (ipv6("", 60, "06 00"), SHORT),
    (ipv6("", 60, "06 ff" + "00" * 6), SHORT),
    (ipv6(tcp(2), 44, "06 00 0008 00000001"), FRAGMENT),
    (ipv6(tcp(2), 44, "06 00 0001 00000001"), PROBE),
    (ipv6("", 59), OTHER),
    (ipv6(tcp(2), 60, ("3c 00" + "00" * 6) * 7 + "06 00" + "00" * 6), PROBE),
    (ipv6(tcp(2), 60, ("3c 00" + "00" * 6) * 8 + "06 00" + "00" * 6), EXTENSIONS),
]


@pytest.mark.parametrize(("packet", "fate"), FATES)
def test_damaged(program: Path, packet: str, fate: int) -> None:
    # An empty line is no packet.
    (got,) = parse(program, packet or "x")
    assert got[0] == str(fate)


# ------------------------------------------------------------------- counting


def test_scan(program: Path) -> None:
    (got,) = count(program, scan())
    assert got == Report(1, SYN, 15, 1, 15, 1000.0, 1000.14, tuple(range(100, 115)))
    assert not count(program, scan(ports=14))


def test_one_report_a_window(program: Path) -> None:
    """The second one counts all that the source did, also beyond what is kept of ports."""
    first, second = count(program, scan(ports=400, every=1))
    assert (first.ports, first.packets, first.last) == (15, 15, 1014.0)
    assert (second.ports, second.first) == (second.packets, 1000.0)
    # A window later, but for the unit in which that is known.
    assert 1313.9 <= second.last <= 1315.0
    assert second.packets == second.last - 999
    assert len(second.sample) == 32
    last = 100 + int(second.last) - 1000
    assert set(second.sample) == set(range(last - 31, last + 1))


def test_slow(program: Path) -> None:
    """A port in 20 s is 15 within 300 s; one in 25 s is not."""
    assert len(count(program, scan(ports=16, every=20))) == 1
    assert not count(program, scan(ports=200, every=25))


def test_window_slides(program: Path) -> None:
    """Ten ports at the end of five minutes and ten at the beginning of the next are twenty."""
    packets = [*scan(ports=10, begin=1290), *scan(ports=20, begin=1310)[10:]]
    assert len(count(program, packets)) == 1
    late = [*scan(ports=10, begin=1000), *scan(ports=20, begin=1310)[10:]]
    assert not count(program, late)


def test_after_a_pause(program: Path) -> None:
    """Who was silent for a window begins anew: what it did before is not told of its scan."""
    (got,) = count(program, [*scan(ports=10, begin=1000), *scan(begin=2000)])
    assert (got.ports, got.packets, got.first) == (15, 15, 2000.0)


def test_each_by_itself(program: Path) -> None:
    """Kinds and sources do not add up."""
    kinds = [packet for kind in range(1, 7) for packet in scan(ports=14, kind=kind)]
    sources = [packet for source in range(2, 40) for packet in scan(source, ports=14)]
    assert not count(program, kinds + sources)
    reports = count(program, [packet for kind in range(1, 7) for packet in scan(kind=kind)])
    assert [(report.kind, report.ports) for report in reports] == [(kind, 15) for kind in range(1, 7)]


def test_client(program: Path) -> None:
    """Many packets to a few ports."""
    assert not count(program, [(1000 + i / 100, 1, SYN, 7, (22, 80, 443)[i % 3]) for i in range(3000)])


def test_hosts(program: Path) -> None:
    """The same port of many hosts, where that matters."""
    sweep = [(1000 + i, 1, SYN, 1000 + i, 22) for i in range(40)]
    assert not count(program, sweep)
    (got,) = count(program, sweep, Rule(hosts=20))
    # Of the first host no more than that there was one is known.
    assert (got.ports, got.hosts, got.packets, got.sample) == (1, 20, 21, (22,))


def test_memory(program: Path) -> None:
    """What docs/design.md says."""
    assert int(run(program, "size")) < 1350 * 1024


def test_each_by_a_rule_of_his_own(program: Path) -> None:
    """Who asks for fewer ports is told first; each of a scan within his own window."""
    reports = count(program, scan(ports=40), Rule(ports=30), Rule(ports=5), Rule(ports=32))
    assert [(report.asker, report.ports) for report in reports] == [(1, 5), (0, 30), (2, 32)]
    slow = scan(ports=40, every=10)
    reports = count(program, slow, Rule(), Rule(window=100), Rule(ports=10, window=95))
    assert [(report.asker, report.last) for report in reports][:2] == [(2, 1090.0), (0, 1140.0)]
    assert {report.asker for report in reports} == {0, 2}
    # The shorter window is over three times meanwhile.
    assert [report.last for report in reports if report.asker == 2] == [1090.0, 1190.0, 1290.0, 1390.0]


def test_who_comes_later(program: Path) -> None:
    """Is told of a scan that goes on, whomever his number belonged to before."""
    packets = scan(ports=30, every=1)
    assert [report.last for report in count(program, packets, Rule(since=1014))] == [1014.0]
    before, after = count(program, packets, Rule(since=1020))
    assert (before.last, after.last, after.ports) == (1014.0, 1020.0, 21)


@pytest.mark.parametrize("every", [1000, 10_000])
def test_flood(program: Path, every: int) -> None:
    """A million spoofed sources; a scanner among them is found by its first 15 probes, or a few more."""
    found = int(run(program, "flood", "1000000", str(every), "20261128"))
    assert 15 <= found / every <= 25


def test_sources_of_two_ports(program: Path) -> None:
    """They take places, but not of who has tried more."""
    packets: list[tuple[float, int, int, int, int]] = []
    now = 1000.0
    for probe in range(15):
        for _ in range(0 if probe < 3 else 2000):
            now += 0.001
            source = len(packets) + 10
            packets += [(now, source, SYN, 7, 1), (now, source, SYN, 7, 2)]
        packets.append((now, 1, SYN, 7, 100 + probe))
    assert [report.source for report in count(program, packets)] == [1]


def test_fuzz(program: Path) -> None:
    """`tools/fuzz` does the same for longer."""
    (line,) = ask(program, "fuzz", "200000", "20261128", text=SEEDS.read_text())
    *fates, reports = map(int, line.split())
    assert sum(fates) == 200_000
    assert all(fates), "each fate was met"
    assert reports


def test_seeds(program: Path) -> None:
    lines = [line for line in SEEDS.read_text().splitlines() if line[0] != "#"]
    assert {int(fate) for fate, *_ in parse(program, *lines)} <= {PROBE, OTHER, FRAGMENT, EXTENSIONS}
