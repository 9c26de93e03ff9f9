# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksonde import text

HOSTILE = [
    "\x1b[2J",
    "a\nb",
    "a\rb",
    "\x07",
    "\x7f",
    "\x9b31m",
    "\u202egnp",
    "\u200b",
    "\udcff\udc80",
    "\u2028",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_controls_the_terminal(hostile: str) -> None:
    for shown in (text.printable(hostile), text.quote(hostile), text.quote_all(["ls", hostile])):
        assert shown.isprintable()


def test_escapes_are_those_of_the_shell() -> None:
    assert text.quote("\x1b[0m\n\t") == r"$'\e[0m\n\t'"
    assert text.quote("a\udcffb") == r"$'a\xffb'"
    assert text.quote("\u202e'\\") == r"$'\u202e\'\\'"
    assert text.quote("\U000e0001") == r"$'\U000e0001'"


@pytest.mark.parametrize(
    ("plain", "quoted"),
    [
        ("ls", "ls"),
        ("", "''"),
        ("a b", "'a b'"),
        ("it's", "'it'\"'\"'s'"),
        ("$HOME", "'$HOME'"),
        ("grün", "grün"),
    ],
)
def test_words_are_quoted_only_when_they_must_be(plain: str, quoted: str) -> None:
    assert text.quote(plain) == quoted


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda word: b"\0" not in word), max_size=4))
def test_a_shown_command_line_is_one_line(words: list[bytes]) -> None:
    shown = text.quote_all(word.decode("utf-8", "surrogateescape") for word in words)
    assert shown.isprintable()


def test_a_shown_command_line_can_be_pasted_into_bash() -> None:
    words = [
        b"a b",
        b"\x1b]0;x\x07",
        b"\xff\xfe",
        "\u202e\u00e9\U000e0001".encode(),
        b"it's",
        b"\\",
        b"*",
        b"\x01\x7f1",
        b"",
    ]
    line = text.quote_all(word.decode("utf-8", "surrogateescape") for word in words)
    script = f"printf '%s\\0' {line}"
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout.split(b"\0")[:-1] == words


@pytest.mark.parametrize(
    ("given_", "seconds"), [("500ms", 0.5), ("20s", 20), ("2m", 120), ("1.5h", 5400), ("7", 7), (" 3 s ", 3)]
)
def test_durations(given_: str, seconds: float) -> None:
    assert text.parse_duration(given_) == pytest.approx(seconds)


@pytest.mark.parametrize("wrong", ["", "x", "-3s", "3 parsecs", "0s", "1e3", "s"])
def test_wrong_durations(wrong: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        text.parse_duration(wrong)


def test_sizes() -> None:
    assert [text.parse_size(size) for size in ("65536", "64K", "4M", "1GiB", "4mb")] == [
        65536,
        65536,
        4 << 20,
        1 << 30,
        4 << 20,
    ]
    with pytest.raises(ValueError, match="not a size"):
        text.parse_size("4 apples")
    assert [text.size(n) for n in (0, 1023, 1024, 1536, 200 << 10, 4 << 20, 5 << 40)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "1.5 KiB",
        "200 KiB",
        "4 MiB",
        "5 TiB",
    ]


def test_spans() -> None:
    spans = [5, 1500, 2_500_000, 1_500_000_000, 150_000_000_000, 7_500_000_000_000, 200_000_000_000_000]
    assert [text.duration(ns) for ns in spans] == [
        "5 ns",
        "1.5 us",
        "2.5 ms",
        "1.5 s",
        "2 min 30 s",
        "2 h 5 min",
        "2 d 7 h",
    ]


def test_tables() -> None:
    assert text.table(("A", "NUMBER"), [("x", "1"), ("long", "22")], right="<>") == (
        "A     NUMBER\nx          1\nlong      22"
    )


def test_shorten() -> None:
    assert text.shorten("abcdef", 6) == "abcdef"
    assert text.shorten("abcdefg", 6) == "abc..."
    assert text.shorten("abcdefg", None) == "abcdefg"
    assert text.plural(1, "event") == "1 event"
    assert text.plural(1234, "entry", "entries") == "1,234 entries"


def test_interval() -> None:
    assert [text.parse_interval(word) for word in ("0", " 0s", "500ms", "5m")] == [0.0, 0.0, 0.5, 300.0]
    with pytest.raises(ValueError, match="x"):
        text.parse_interval("x")
