# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench decode`: records per second that Python makes of the ring's bytes.

The record is a connect with all its strings, of the schema that the driver's rows give.  Times are this
process's own CPU time, the best of several rounds: the machine is shared.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksonde.decoder import Decoder
    from ksonde.schema import Schema

#: Records that are decoded at a time, as in a session.
BATCH = 1000
#: What must be reached, to objects with all fixed fields as attributes.
OBJECTS = "generated, to objects"
TARGET = 300_000


class Case(NamedTuple):
    """A way to decode; run() handles BATCH records (or fewer: the slow ones)."""

    name: str
    records: int
    run: Callable[[], object]


def record_bytes() -> tuple[str, bytes]:
    """The schema's text and a record, as the unit tests make them from the driver's rows."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "unit"))
    from support import CONNECT, PROCESS, build_record, schema_text

    return schema_text(), build_record("connect", {**CONNECT, "path": "/run/example.sock"}, PROCESS)


def cases(schema: Schema, decoder: Decoder, raw: bytes) -> list[Case]:
    """All ways, the slowest first."""
    raws = [raw] * BATCH
    few = raws[:50]
    struct = schema.by_id[raw[4] | raw[5] << 8].struct
    compiled = struct.compile()
    encode = json.JSONEncoder().encode

    def texts() -> None:
        for r in decoder.decode_all(raws):
            _ = r.comm, r.exe, r.hostname, r.tty, r.path, r.local_address, r.remote_address

    return [
        Case("construct, plain", len(few), lambda: [struct.parse(item) for item in few]),
        Case("construct, compiled", len(few), lambda: [compiled.parse(item) for item in few]),
        Case(
            "generated, to JSON lines", BATCH, lambda: [encode(r.to_dict()) for r in decoder.decode_all(raws)]
        ),
        Case("generated, to dicts", BATCH, lambda: [r.to_dict() for r in decoder.decode_all(raws)]),
        Case("generated, all texts and addresses touched", BATCH, texts),
        Case(OBJECTS, BATCH, lambda: decoder.decode_all(raws)),
    ]


def rate(case: Case, seconds: float) -> float:
    """Records per second of CPU time: the best round."""
    best = float("inf")
    end = time.process_time() + seconds
    while True:
        begin = time.process_time()
        case.run()
        now = time.process_time()
        best = min(best, now - begin)
        if now >= end:
            return case.records / best


def main(argv: Sequence[str] | None = None) -> int:
    """Run it: 0, or 1 when the target is missed."""
    parser = argparse.ArgumentParser(prog="tools/bench decode", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a list of {case, records_per_second, bytes}")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="of CPU time for each case (default: %(default)s)"
    )
    options = parser.parse_args(argv)

    from ksonde.decoder import Decoder
    from ksonde.schema import Schema

    text, raw = record_bytes()
    schema = Schema.parse(text)
    found = {case.name: round(rate(case, options.seconds)) for case in cases(schema, Decoder(schema), raw)}
    if options.json:
        rows = [
            {"case": name, "records_per_second": value, "bytes": len(raw)} for name, value in found.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        print(f"decoding a connect of {len(raw)} bytes with five texts and two addresses")
        for name, value in found.items():
            print(f"  {name:44} {value:>10,} records/s")
    reached = found[OBJECTS]
    if reached < TARGET:
        print(f"below the target of {TARGET:,} records/s to objects", file=sys.stderr)
    return 0 if reached >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
