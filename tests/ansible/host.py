# SPDX-License-Identifier: GPL-2.0-only
"""Stands for `ksonde` on a host of the roll-out's tests: does what the host's folder says, and notes it.

    host.py FOLDER load | status --json | preflight --json

FOLDER/states has the states of health that status tells one after the other, the last one for ever;
FOLDER/preflight the exit code of preflight.  FOLDER/../log gets a line a call.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    with (folder.parent / "log").open("a") as log:
        log.write(f"{folder.name} {' '.join(words)}\n")
    if words == ["load"]:
        (folder / "loaded").touch()
        print("loaded version 0.1.0 from the installed modules")
        return 0
    if words == ["preflight", "--json"]:
        code = int((folder / "preflight").read_text())
        print(json.dumps({"exit_code": code, "why": "6.1.0: build: fails" if code else ""}))
        return code
    if not (folder / "loaded").exists():
        print(json.dumps({"loaded": False, "health": {"state": "unhealthy", "why": "not loaded"}}))
        return 3
    state, *rest = (folder / "states").read_text().split()
    (folder / "states").write_text(" ".join(rest or [state]))
    print(json.dumps({"loaded": True, "health": {"state": state, "why": "a fixture says so", "notes": []}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
