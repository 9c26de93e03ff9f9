# SPDX-License-Identifier: GPL-2.0-only
"""Text for a terminal: nothing that a hostile program wrote can control it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

_NAMED = {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\x1b": "\\e",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>ns|us|ms|s|m|min|h|d)?")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}


def escape_character(character: str) -> str:
    """One character as bash's $'...' would have it: backslash and all."""
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def printable(text: str) -> str:
    """text with every character that is not plainly visible escaped.

    Control characters, invalid bytes, invisible and direction-changing
    characters: whatever str.isprintable() denies.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else escape_character(c) for c in text)


def quote(text: str) -> str:
    """text as a shell word that can be pasted back: plain, '...' or $'...'."""
    if text.isprintable():
        return shlex.quote(text) if text.isascii() or _needs_quotes(text) else text
    escaped = (
        "\\\\" if c == "\\" else "\\'" if c == "'" else c if c.isprintable() else escape_character(c)
        for c in text
    )
    return "$'" + "".join(escaped) + "'"


def quote_all(words: Iterable[str]) -> str:
    """Words as a shell command line."""
    return " ".join(quote(word) for word in words)


def _needs_quotes(text: str) -> bool:
    return any(c.isascii() and not (c.isalnum() or c in "@%+=:,./-_") for c in text)


def shorten(text: str, width: int | None) -> str:
    """At most width characters; what was cut is marked."""
    if width is None or len(text) <= width:
        return text
    return text[: max(width - 3, 0)] + "..."


def parse_duration(text: str) -> float:
    """Seconds of '500ms', '20s', '2m', '1h' or '20'.  ValueError says what is wrong."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 500ms, 20s or 2m")
    seconds = float(match["number"]) * _SECONDS[match["unit"] or "s"]
    if seconds <= 0:
        raise ValueError("a duration must be greater than zero")
    return seconds


def parse_interval(text: str) -> float:
    """Seconds, as parse_duration(); 0 is never."""
    return 0.0 if text.strip() in ("0", "0s") else parse_duration(text)


def parse_size(text: str) -> int:
    """Bytes of '64K', '4M', '1G' or '65536'.  ValueError says what is wrong."""
    match = re.fullmatch(r"(\d+)\s*(?:([KMG])(?:i?B)?)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 64K, 4M or 65536")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[(match[2] or "").upper()]


def duration(nanoseconds: float) -> str:
    """A time span in the unit that reads best."""
    seconds = nanoseconds / 1e9
    if seconds < 1e-6:
        return f"{nanoseconds:.0f} ns"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole} s"


def size(count: int) -> str:
    """A number of bytes in the unit that reads best."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            break
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.1f} {unit}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """1 event, 1,234 events."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> str:
    """Columns aligned with spaces; right: a character per column, '>' aligns it to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    sides = right.ljust(len(head), "<")

    def cell(text: str, column: int) -> str:
        return text.rjust(widths[column]) if sides[column] == ">" else text.ljust(widths[column])

    return "\n".join("  ".join(cell(text, i) for i, text in enumerate(line)).rstrip() for line in lines)
