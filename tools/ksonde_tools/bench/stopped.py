# SPDX-License-Identifier: GPL-2.0-only
"""The reader of `tools/bench loss`, which reads nothing until all is over.

Runs inside the guest: ``stopped.py MIB OPENS``; prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import ksonde


def main(mib: int, opens: int) -> None:
    """Have the ring filled, then read it, and do the sum."""
    with ksonde.open(["open"], ring_bytes=mib << 20) as session:
        subprocess.run(["/workloads", "open", "1", str(opens), "0"], check=True, stdout=subprocess.DEVNULL)
        session.stop()
        read = size = 0
        lost: Counter[str] = Counter()
        schema = ksonde.Device().schema()
        while records := session.read(0):
            for record in records:
                if record.event == "lost":
                    lost[schema.by_id[record.lost_event].name] += record.count
                else:
                    read += 1
        sums = session.event_stats("open")
        stats = session.stats()
        size = sum(session.cpu_stats(cpu).head for cpu in session.cpus)
    print(
        json.dumps(
            {
                "mib": mib,
                "opens": sums.produced,
                "produced": stats.produced,
                "read": read,
                "lost": dict(lost),
                "dropped": stats.dropped,
                "bytes": size,
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
