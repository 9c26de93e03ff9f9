# SPDX-License-Identifier: GPL-2.0-only
"""The reader of the benchmarked sessions: decodes every record, and says at its end what it saw.

Runs inside the guest: ``agent.py default|sandbox READY_FILE``.  SIGTERM ends it.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import FrameType

import ksonde

#: Bytes: has room for all records of a workload; to lose one would be cheaper than to keep it.
RING = 64 << 20


class _Stop(Exception):
    pass


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Stop


def main(case: str, ready: Path) -> None:
    """Read until told to stop."""
    wanted = None
    if case == "sandbox":
        schema = ksonde.Device().schema()
        wanted = [name for name, event in schema.events.items() if event.profile in ("D", "S")]
    elif case != "default":
        wanted = case.split(",")
    read = 0
    taken: list[str] = []
    with ksonde.open(wanted, ring_bytes=RING) as session:
        signal.signal(signal.SIGTERM, _stop)
        with ksonde.Device() as device:
            taken = [
                f"{hook.mechanism} {hook.target}" for hook in device.hooks() if hook.event in (wanted or ())
            ]
        ready.touch()
        try:
            for _record in session:
                read += 1
        except _Stop:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        session.stop()
        stats = session.stats()
    print(
        json.dumps(
            {
                "read": read,
                "produced": stats.produced,
                "dropped": sum(stats.dropped.values()),
                "taken": taken,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
