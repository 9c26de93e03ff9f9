# SPDX-License-Identifier: GPL-2.0-only
"""Event 10."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acting import NASTY, Facts, Tap, Ticks, act, context_of, flags_of

EVENTS = ["mprotect"]

READ, WRITE, EXEC = 1, 2, 4


def fields_of(facts: Facts, protection: int, owner: Facts, **other: Any) -> dict[str, Any]:
    mapping, page = facts["mapping"], facts["page"]
    return {
        "start": mapping + page,
        "length": 2 * page,
        "mapping_start": mapping,
        "mapping_end": mapping + 4 * page,
        "protection": protection,
        "current_protection": READ,
        "path": None,
        "owner_tgid": owner["tgid"],
        "owner_start_time": Ticks(owner["start_ticks"]),
        "owner_exe": owner["exe"],
        **other,
    }


def of(tap: Tap, facts: Facts) -> list[Any]:
    """What concerns those pages: the program's start makes others executable."""
    start = facts["mapping"] + facts["page"]
    return [record for record in tap.of("mprotect", facts["tgid"]) if record.start == start]


@pytest.mark.parametrize("protection", [EXEC, READ | EXEC, READ | WRITE | EXEC])
def test_anonymous(tap: Tap, bits: int, protection: int) -> None:
    done = act(f"mprotect={protection}", bits=bits)
    facts = done["mprotect"]
    assert facts["result"] == 0
    tap.collect()
    (record,) = of(tap, facts)
    data = fields_of(facts, protection, facts)
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_file(tap: Tap, place: Path, bits: int) -> None:
    path = place / NASTY
    path.write_bytes(bytes(65536))
    facts = act(f"mprotect={READ | EXEC}:{path}", bits=bits)["mprotect"]
    assert facts["result"] == 0
    tap.collect()
    (record,) = of(tap, facts)
    data = fields_of(facts, READ | EXEC, facts, path=str(path))
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_again(tap: Tap, bits: int) -> None:
    """What is executable already: the second time it is a mapping of its own."""
    facts = act(f"mprotect2={READ | WRITE | EXEC}", bits=bits)["mprotect2"]
    assert facts["result"] == facts["again"] == 0
    tap.collect()
    _, record = of(tap, facts)
    start = facts["mapping"] + facts["page"]
    data = fields_of(
        facts,
        READ | WRITE | EXEC,
        facts,
        mapping_start=start,
        mapping_end=start + 2 * facts["page"],
        current_protection=READ | WRITE | EXEC,
    )
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_memory_of_the_parent(tap: Tap, bits: int) -> None:
    done = act(f"borrowed={READ | EXEC}", bits=bits)
    facts, owner = done["mprotect"], done["borrowed"]
    assert facts["tgid"] != owner["tgid"]
    tap.collect()
    (record,) = of(tap, facts)
    tap.check(record, context_of(facts), fields_of(facts, READ | EXEC, owner), flags=flags_of(bits))


def test_not_recorded(tap: Tap, bits: int) -> None:
    """What does not ask for PROT_EXEC."""
    for protection in (0, READ, WRITE, READ | WRITE):
        facts = act(f"mprotect={protection}", bits=bits)["mprotect"]
        assert facts["result"] == 0
        tap.collect()
        assert not of(tap, facts)
