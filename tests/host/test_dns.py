# SPDX-License-Identifier: GPL-2.0-only
"""The driver's parser of DNS answers, compared with dnspython and with bytes that no server sends."""

from __future__ import annotations

import ipaddress
import random
import subprocess
from pathlib import Path
from typing import NamedTuple

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from hosted import build

SEEDS = Path(__file__).parent / "dns_seeds.txt"
GOOD, SHORT, COUNTS, LABEL, POINTER, LONG, DATA = range(7)
HEADER = "1234 8180 0001 0001 0000 0000"
QUESTION = "01 61 00 0001 0001"


class Parsed(NamedTuple):
    problem: int
    id: int
    flags: int
    type: int
    class_: int
    questions: int
    answers: int
    more: int
    name: str
    told: list[str]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dns"), "dns_test", ["hooks/dns_parse.c"])


def parse(program: Path, *messages: str) -> list[Parsed]:
    """Parse messages in hexadecimal, spaces allowed."""
    lines = "\n".join(message.replace(" ", "") for message in messages)
    command = [str(program), "parse"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    out = []
    for line in done.stdout.splitlines():
        *numbers, text = line.split(" ", 8)
        name, *told = text.split("\t")
        out.append(Parsed(*map(int, numbers), name, told))  # type: ignore[call-arg,arg-type]
    assert len(out) == len(messages)
    return out


def answer_of(name: str, *records: tuple[str, str], kind: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    answer = dns.message.make_response(query)
    for record, data in records:
        answer.answer.append(dns.rrset.from_text(name, 300, "IN", record, data))
    return answer


def text_of(record: str, data: str) -> str:
    """As the driver writes it: no dot at the end of names."""
    words = data.split(" ")
    if record in ("CNAME", "NS", "PTR", "MX", "SRV") and words[-1] != ".":
        words[-1] = words[-1].removesuffix(".")
    return " ".join((record, *words))


RECORDS = [
    ("A", "192.0.2.1"),
    ("A", "0.0.0.0"),
    ("A", "255.255.255.255"),
    ("AAAA", "2001:db8::1"),
    ("AAAA", "::"),
    ("AAAA", "::1"),
    ("AAAA", "1::"),
    ("AAAA", "2001:db8:0:1:0:0:0:1"),
    ("AAAA", "2001:0:0:1::2"),
    ("AAAA", "1:2:3:4:5:6:7:8"),
    ("AAAA", "1:0:3:4:5:6:7:8"),
    ("CNAME", "www.example.net."),
    ("NS", "ns1.example."),
    ("PTR", "host.example.net."),
    ("MX", "10 mail.example.net."),
    ("SRV", "1 2 65535 server.example."),
    ("TXT", '"v=spf1 -all"'),
    ("TXT", '"one" "t\\"wo\\\\" ""'),
    ("CNAME", "."),
]


@pytest.mark.parametrize(("record", "data"), RECORDS)
def test_types(program: Path, record: str, data: str) -> None:
    answer = answer_of("www.example.com.", (record, data), kind=record)
    (got,) = parse(program, answer.to_wire().hex())
    kind = dns.rdatatype.from_text(record)
    assert got == Parsed(GOOD, answer.id, got.flags, kind, 1, 1, 1, 0, "www.example.com", got.told)
    assert got.told == [_rfc5952(text_of(record, data))]
    assert got.flags == answer.flags | answer.rcode()


def _rfc5952(text: str) -> str:
    kind, _, rest = text.partition(" ")
    return f"AAAA {ipaddress.IPv6Address(rest)}" if kind == "AAAA" else text


@pytest.mark.parametrize("kind", ["HTTPS", "SVCB"])
def test_service_bindings(program: Path, kind: str) -> None:
    """Priority and target; the parameters are not told."""
    answer = answer_of(
        "example.com.", (kind, "1 . alpn=h2 ipv4hint=192.0.2.1"), (kind, "2 b.example."), kind=kind
    )
    (got,) = parse(program, answer.to_wire().hex())
    assert (got.problem, got.told) == (GOOD, [f"{kind} 1 .", f"{kind} 2 b.example"])


def test_names(program: Path) -> None:
    """Whatever a label may hold is written so that it cannot be taken for something else."""
    label = bytes(range(63)).hex()
    wire = f"{HEADER} 3f {label} 04 2e5c22ff 00 0001 0001".replace("0001 0001 0000", "0001 0000 0000", 1)
    (got,) = parse(program, wire)
    odd = "".join(f"\\{c:03}" if c <= 0x20 else "\\." if chr(c) == "." else chr(c) for c in range(63))
    assert got.name == odd + '.\\.\\\\"\\255'
    assert got.problem == GOOD


def test_longest_name(program: Path) -> None:
    name = ".".join(["\\255" * 63] * 3 + ["\\255" * 61])
    query = dns.message.make_response(dns.message.make_query(name, "TXT"))
    (got,) = parse(program, query.to_wire().hex())
    assert (got.problem, got.name, len(got.name)) == (GOOD, name, 1003)


def test_without_a_question(program: Path) -> None:
    """As multicast DNS answers: what the first answer is of."""
    answer = answer_of("printer.local.", ("A", "192.0.2.7"), ("AAAA", "fe80::1"))
    answer.question.clear()
    answer.flags |= dns.flags.AA
    (got,) = parse(program, answer.to_wire().hex())
    assert (got.problem, got.name, got.type, got.class_) == (GOOD, "printer.local", 1, 1)
    assert got.told == ["A 192.0.2.7", "AAAA fe80::1"]
    assert got.questions == 0


def test_what_is_not_told(program: Path) -> None:
    """A type without a text stands between two that have one; the rest is more than is told."""
    answer = answer_of("a.example.", ("A", "192.0.2.1"), ("CAA", '0 issue "x"'), ("A", "192.0.2.2"))
    (got,) = parse(program, answer.to_wire().hex())
    assert (got.problem, got.answers, got.told, got.more) == (GOOD, 3, ["A 192.0.2.1", "A 192.0.2.2"], 0)
    many = answer_of("a.example.", *(("A", f"192.0.2.{i}") for i in range(40)))
    (got,) = parse(program, many.to_wire().hex())
    assert (got.problem, got.answers, got.more) == (GOOD, 40, 1)
    assert got.told == [f"A 192.0.2.{i}" for i in range(16)]


def test_text_that_does_not_fit(program: Path) -> None:
    """A string of an answer is told whole or not at all."""
    big = '"' + "\\255" * 250 + '"'
    answer = answer_of("a.example.", *(("TXT", f'{big} "{i}"') for i in range(10)), kind="TXT")
    (got,) = parse(program, answer.to_wire().hex())
    assert (got.problem, got.more) == (GOOD, 1)
    assert got.told == [f'TXT {big} "{i}"' for i in range(4)]


WRONG = [
    ("", SHORT),
    ("1234", SHORT),
    (HEADER[:-2], SHORT),
    (HEADER, COUNTS),
    (f"{HEADER} 05 61", COUNTS),
    (f"{HEADER} {QUESTION}", COUNTS),
    (f"{HEADER} 01 61 00 0001", COUNTS),
    (f"{HEADER} 40 61 00 0001 0001", LABEL),
    (f"{HEADER} 80 61 00 0001 0001", LABEL),
    (f"{HEADER} c00c 0001 0001", POINTER),  # to itself
    (f"{HEADER} c00d 0001 0001", POINTER),
    (f"{HEADER} c000 0001 0001", POINTER),  # into the header
    (f"{HEADER} 01 61 c00c 0001 0001", POINTER),  # to where it began
    (f"{HEADER} c0", COUNTS),
    (f"{HEADER} {QUESTION} c00c 0001 0001 00000000 0005 c0000201", COUNTS),
    (f"{HEADER} {QUESTION} c00c 0001 0001 00000000 0003 c00002", COUNTS),
    (f"{HEADER} {QUESTION} c00c 0001 0001 00000000 0003 c00002 ff", DATA),
    (f"{HEADER} {QUESTION} c00c 0001 0001 00000000 0005 c000020101", DATA),
    (f"{HEADER} {QUESTION} c00c 0005 0001 00000000 0001 c00c", DATA),  # a pointer that leads out of the data
    (f"{HEADER} {QUESTION} c00c 0010 0001 00000000 0002 0561 6161616161", DATA),
    (
        f"{HEADER} {'3f' + '61' * 63} {'3f' + '61' * 63} {'3f' + '61' * 63} {'3f' + '61' * 63} 00 0001 0001",
        LONG,
    ),
]


@pytest.mark.parametrize(("message", "problem"), WRONG)
def test_damaged(program: Path, message: str, problem: int) -> None:
    got = parse(program, message, message.replace(" ", "") + "+")
    assert got[0].problem == problem
    assert (got[1].problem, got[1].more) == ((GOOD, 1) if problem == COUNTS else (problem, 0))


def test_chain_of_pointers(program: Path) -> None:
    """Each to the one before: backwards, but nobody needs so many."""

    def message(pointers: int) -> str:
        # Data of an answer without a type begins at byte 23: a root, then the pointers.
        chain = "00" + "".join(f"{0xC000 | at:04x}" for at in (23, *range(24, 22 + 2 * pointers, 2)))
        last = f"{0xC000 | 22 + 2 * pointers:04x}"
        first = f"00 0000 0001 00000000 {len(chain) // 2:04x} {chain}"
        return f"1234 8180 0000 0002 0000 0000 {first} 00 0005 0001 00000000 0002 {last}"

    assert parse(program, message(63))[0].problem == GOOD
    assert parse(program, message(63))[0].told == ["CNAME ."]
    assert parse(program, message(65))[0].problem == POINTER


def test_against_dnspython(program: Path) -> None:
    """Answers at random, compressed by another hand."""
    chance = random.Random(20261128)
    words = ["a", "www", "example", "com", "net", "x" * 63, "under_score", "mail"]
    texts, wanted = [], []
    for _ in range(400):
        names = [".".join(chance.sample(words, chance.randint(1, 4))) + "." for _ in range(3)]
        records = []
        for _ in range(chance.randint(0, 12)):
            kind = chance.choice(["A", "AAAA", "CNAME", "MX", "TXT", "SRV", "PTR"])
            address = ".".join(str(chance.randrange(256)) for _ in range(4))
            groups = ":".join(f"{chance.choice([0, 0, 1, 0xABCD]):x}" for _ in range(8))
            texts_of = {
                "A": address,
                "AAAA": groups,
                "TXT": '"t"',
                "MX": f"5 {names[1]}",
                "SRV": f"0 1 2 {names[2]}",
            }
            records.append((kind, texts_of.get(kind, names[2])))
        answer = dns.message.make_response(dns.message.make_query(names[0], "ANY"))
        for kind, data in records:
            # One set for each, so that the order stays.
            answer.answer.append(dns.rrset.from_text(chance.choice(names), 60, "IN", kind, data))
        texts.append(answer.to_wire().hex())
        wanted.append((names[0][:-1], [_rfc5952(text_of(*record)) for record in records]))
    for got, (name, told) in zip(parse(program, *texts), wanted):
        assert (got.problem, got.name, got.told) == (GOOD, name, told)


def test_fuzz(program: Path) -> None:
    """`tools/fuzz` does the same for longer."""
    command = [str(program), "fuzz", "200000", "20261128"]
    done = subprocess.run(
        command, input=SEEDS.read_text(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    problems = [int(count) for count in done.stdout.split()]
    assert sum(problems) == 200_000
    assert all(problems), "each kind of problem was met"


def test_seeds(program: Path) -> None:
    """All of them are good ones."""
    lines = [line.split(" ")[0] for line in SEEDS.read_text().splitlines() if line[0] != "#"]
    assert all(got.problem == GOOD for got in parse(program, *lines))
