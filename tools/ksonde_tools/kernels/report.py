# SPDX-License-Identifier: GPL-2.0-only
"""docs/kernels.md: what was measured, and nothing else."""

from __future__ import annotations

from typing import Any

from ksonde_tools.common import ROOT

from .rows import ROWS, Row
from .run import Result, last

PATH = ROOT / "docs/kernels.md"

_HEAD = """\
<!-- SPDX-License-Identifier: GPL-2.0-only -->
<!-- Written by tools/kernels; do not edit: change tools/ksonde_tools/kernels/report.py. -->
# Kernels

`tools/kernels run` fetches each kernel from the Debian mirror that the machine is configured for, builds
the module with that kernel's compiler (in a chroot where its tools need one; all with `W=1` and warnings
as errors), boots it in QEMU with `panic_on_warn=1` and a program that does what ksonde records, and
compares the records with what the program knows. The column "boot" is ✔ only when all of that went well,
the kernel's log has no warning, arming and disarming went well while the machine was busy, lost records
were counted to the last one, and the module could be unloaded.

✔ recorded by the first candidate, ◐ degraded: by a later candidate (see below), ✘ failed (see below),
- not run.

"""


def render() -> str:
    """Return the page."""
    results = {row.name: last(row) for row in ROWS}
    events: list[str] = []
    for result in results.values():
        events += [name for name in (result or {}).get("events", {}) if name not in events]
    lines = [_HEAD.rstrip("\n"), ""]
    lines.append("| kernel | version | build | boot | " + " | ".join(events) + " |")
    lines.append("| " + " | ".join(["---"] * (4 + len(events))) + " |")
    lines += [_line(row, results[row.name], events) for row in ROWS]
    lines += ["", "## Times and sizes", "", *_times(results), ""]
    lines += ["## What is not plain ✔", "", *_remarks(results), ""]
    lines += _beyond()
    return "\n".join(lines)


def write() -> None:
    PATH.write_text(render())


def _line(row: Row, result: Result | None, events: list[str]) -> str:
    result = result or {}
    build = "✔" if "build" in result else "✘" if result.get("state") == "failed" else "-"
    state = result.get("state", "not run")
    boot = {"passed": "✔", "failed": "✘" if "build" in result else "-"}.get(state, "-")
    cells = [row.name, result.get("version", "-"), build, boot]
    cells += [_cell(result.get("events", {}).get(event)) for event in events]
    return "| " + " | ".join(cells) + " |"


def _cell(event: dict[str, Any] | None) -> str:
    if event is None or event["verdict"] == "not run":
        return "-"
    mark = {"ok": "✔", "degraded": "◐", "failed": "✘"}[event["verdict"]]
    mechanisms = list(dict.fromkeys(name for name in event["mechanisms"] if name != "none"))
    return f"{mark} {', '.join(mechanisms)}".strip()


def _times(results: dict[str, Result | None]) -> list[str]:
    lines = [
        "Emulated CPUs on a machine that does other things, too: to be compared with each other only.",
        "",
        "| kernel | compiler | build s | boot, test s | load ms | arm ms | disarm ms | unload ms | .ko KiB |",
        "| " + " | ".join(["---"] * 9) + " |",
    ]
    for name, result in results.items():
        if result is None or "build" not in result:
            continue
        times = result.get("times_ns", {})
        cells = [name, result["compiler"], str(result["build"]["seconds"])]
        cells.append(str(result.get("boot", {}).get("seconds", "-")))
        cells.append(_ms(result.get("load", {}).get("ns")))
        cells += [_ms(times[key][0] if key in times else None) for key in ("arm", "disarm")]
        cells.append(_ms(result.get("unload", {}).get("ns")))
        cells.append(str(result["build"]["size"] // 1024))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _ms(ns: int | None) -> str:
    return "-" if ns is None else f"{ns / 1e6:.0f}"


def _remarks(results: dict[str, Result | None]) -> list[str]:
    lines = []
    for name, result in results.items():
        if result is None:
            lines.append(f"- **{name}**: not run")
            continue
        if result["why"]:
            lines.append(f"- **{name}**: {result['state']}: {_plain(result['why'])}")
        elif result["state"] == "built":
            lines.append(f"- **{name}**: built, not booted")
        for event, verdict in result.get("events", {}).items():
            if verdict["verdict"] == "degraded":
                lines.append(f"- **{name}**, {event}: {_plain('; '.join(verdict['why']))}")
    return lines or ["Nothing."]


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").replace("<", "&lt;").split())[:600]


def _beyond() -> list[str]:
    return [
        "## Not in the matrix",
        "",
        "- Kernels older than 5.10 and those of other distributions: untested.",
        "  `tools/kernels run --kdir PATH` builds for any tree or headers folder.",
        "- A debug kernel (KASAN, lockdep): not part of this run.",
        "",
    ]
