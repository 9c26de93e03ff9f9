# SPDX-License-Identifier: GPL-2.0-only
"""docs/kernels.md: what was measured, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ksonde_tools.common import ROOT, cache_dir

from .rows import KDIR, ROWS
from .run import Result, last, last_trees, sources
from .trees import TREES

PATH = ROOT / "docs/kernels.md"

#: Events in one table, at most.
_COLUMNS = 8
_HEAD = """\
<!-- SPDX-License-Identifier: GPL-2.0-only -->
<!-- Written by tools/kernels; do not edit: change tools/ksonde_tools/kernels/report.py. -->
# Kernels

`tools/kernels run` fetches each kernel from the Debian mirror that the machine is configured for, builds
the module with that kernel's compiler (in a chroot where its tools need one; all with `W=1` and warnings
as errors), boots it in QEMU with `panic_on_warn=1` and a program that does what ksonde records, and
compares the records with what the program knows. The column "boot" is ✔ only when all of that went well,
the kernel's log has no warning, arming and disarming went well while the machine was busy, lost records
were counted to the last one, and the module could be unloaded. A kernel that dies before its first
process (emulated CPUs do so now and then), without the module, is booted once more: "2nd boot". The debug
kernel (KASAN, KFENCE, lockdep, PROVE_RCU, DEBUG_ATOMIC_SLEEP, kmemleak, fault injection) is built by
`tools/kernels`, too.

One JSON file a kernel, with every test, hook, time and bad line of the log, is in `kernels/results` of the
cache. `tools/kernels run --kdir PATH` does the same for any other kernel tree or headers folder.

✔ recorded by the first candidate, ◐ degraded: by a later candidate, with what hindered the better ones,
○ armed, but no act of this test is for it (only where a tree lacks what the act needs), ✘ failed (see
below), ◌ the kernel cannot do that, with what it has not, - not run.

"""


_OTHERS = """\
Of what no mirror offers, `tools/kernels run --only 'tree-*'` builds a kernel that boots (its defaults and
the options of tools/guest/tree.config) from sources that somebody has put into `trees` of the cache, and
does the same with it. "compiled" means with `W=1` and warnings as errors, but for those that a compiler newer
than the kernel has about the kernel's own headers; "booted" that all went well as above.
"""


def render() -> str:
    """Return the page."""
    results = {row.name: last(row) for row in ROWS}
    others = {tree.name: last(tree) for tree in TREES}
    ran = {name: result for name, result in others.items() if result}
    trees = {result["row"].removeprefix(KDIR): result for result in last_trees()}
    lines = [_HEAD.rstrip("\n"), "", *_builds(results), "", *_matrices(results)]
    lines += ["", "## Older and other kernels", "", _OTHERS, *_others(others), "", *_matrices(ran)]
    if trees:
        lines += ["", "## Other trees", "", "Given with `--kdir`.", ""]
        lines += [*_builds(trees), "", *_matrices(trees)]
    lines += ["", "## Times and sizes", "", *_times({**results, **ran, **trees}), ""]
    lines += ["## What is not plain ✔", "", *_remarks({**results, **ran}, trees), ""]
    return "\n".join(lines)


def write() -> None:
    PATH.write_text(render())


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def _builds(results: Mapping[str, Result | None]) -> list[str]:
    rows = [
        [name, (result or {}).get("version", "-"), _build(result), _boot(result)]
        for name, result in results.items()
    ]
    return _table(["kernel", "version", "build", "boot"], rows)


def _others(results: Mapping[str, Result | None]) -> list[str]:
    rows = []
    for tree in TREES:
        result = results[tree.name] or {}
        state = "not run"
        if "build" in result:
            state = "booted" if result["state"] == "passed" else "compiled"
        rows.append([tree.name, result.get("version", "-"), tree.origin, result.get("compiler", "-"), state])
    return _table(["kernel", "version", "whose", "compiler", "outcome"], rows)


def _build(result: Result | None) -> str:
    if result is None:
        return "-"
    return "✔" if "build" in result else "✘" if result["state"] == "failed" else "-"


def _boot(result: Result | None) -> str:
    state = result["state"] if result and "build" in result else "not run"
    mark = {"passed": "✔", "failed": "✘"}.get(state, "-")
    return f"{mark} (2nd boot)" if result and result.get("boot", {}).get("died_early") else mark


def _matrices(results: Mapping[str, Result | None]) -> list[str]:
    """Return the kernels and their events, in tables that a page holds."""
    events: list[str] = []
    for result in results.values():
        events += [name for name in (result or {}).get("events", {}) if name not in events]
    lines: list[str] = []
    tables = max(1, -(-len(events) // _COLUMNS))
    width = max(1, -(-len(events) // tables))
    for begin in range(0, len(events), width):
        some = events[begin : begin + width]
        rows = [
            [name, *(_cell((result or {}).get("events", {}).get(event)) for event in some)]
            for name, result in results.items()
        ]
        lines += [*([""] if lines else []), *_table(["kernel", *some], rows)]
    return lines


def _cell(event: dict[str, Any] | None) -> str:
    if event is None:
        return "-"
    mark = {"ok": "✔", "degraded": "◐", "armed": "○", "failed": "✘", "lacking": "◌"}[event["verdict"]]
    mechanisms = list(dict.fromkeys(name for name in event["mechanisms"] if name != "none"))
    said = f"{mark} {', '.join(mechanisms)}".strip()
    if event["verdict"] not in ("degraded", "lacking") or not _hindered(event):
        return said
    return f"{said}; no {_plain('; no '.join(_hindered(event)))}"


def _hindered(event: dict[str, Any]) -> list[str]:
    """Return the candidates that came before the one that was taken, each with the reason."""
    lines = [line for why in event["why"] for line in why.partition(": ")[2].split("; ")]
    return [line for line in dict.fromkeys(lines) if line and not line.endswith(": taken")]


def _times(results: Mapping[str, Result | None]) -> list[str]:
    head = "kernel; compiler; all s; build s; boot, test s; load ms; arm ms; disarm ms; unload ms; "
    head += "KiB loaded; KiB with debug info"
    rows = []
    for name, result in results.items():
        if result is None or "build" not in result:
            continue
        times = result.get("times_ns", {})
        load = result.get("load", {})
        rows.append(
            [
                name,
                result["compiler"],
                str(result["seconds"]),
                "cached" if result["build"].get("cached") else str(result["build"]["seconds"]),
                str(result.get("boot", {}).get("seconds", "-")),
                _ms(load.get("ns")),
                *(_ms(times[key][0] if key in times else None) for key in ("arm", "disarm")),
                _ms(result.get("unload", {}).get("ns")),
                str(load["bytes"] // 1024) if load.get("bytes", -1) >= 0 else "-",
                str(result["build"]["size"] // 1024),
            ]
        )
    return [
        "Emulated CPUs on a machine that does other things, too: to be compared with each other only. What",
        "had been fetched and built before is not in the seconds.",
        "",
        *_table(head.split("; "), rows),
    ]


def _ms(ns: int | None) -> str:
    return "-" if ns is None else f"{ns / 1e6:.0f}"


def _remarks(results: Mapping[str, Result | None], trees: Mapping[str, Result]) -> list[str]:
    lines = []
    rows = {row.name: row for row in (*ROWS, *TREES)}
    for name, result in [*results.items(), *trees.items()]:
        if result is None:
            lines.append(f"- **{name}**: not run")
            continue
        if result["why"]:
            lines.append(f"- **{name}**: {result['state']}: {_plain(result['why'])}")
        elif result["state"] == "built":
            lines.append(f"- **{name}**: built, not booted")
        if name in rows and result["sources"] != sources(rows[name]):
            lines.append(f"- **{name}**: of {result['date']}, with other sources than these")
        lines += [f"- **{name}**, faults: {line}" for line in _faults(result)]
        lines += [
            f"- **{name}**, {event}: {_plain('; '.join(verdict['why']))}"
            for event, verdict in result.get("events", {}).items()
            if verdict["verdict"] in ("degraded", "lacking")
        ]
    return lines or ["Nothing."]


def _faults(result: Result) -> Iterator[str]:
    """Say of each call what came of the allocations that were made to fail in it."""
    for call, facts in result.get("faults", {}).items():
        tried, refused = facts["tried"], facts["refused"]
        if call == "random":
            yield (
                f"at random: {refused} of {tried} sessions did not start, "
                f"{facts['killed']} processes were killed for want of their own pages"
            )
        else:
            reach = "all of them" if facts["whole"] else "as far as the time went"
            yield f"{call}: {tried - 1} places that can fail, one by one, {reach}; {refused} calls refused"


def _plain(text: str) -> str:
    """Return text that a table's cell holds, and that names no place of this machine."""
    text = text.replace(f"{cache_dir()}/", "").replace("|", "/").replace("<", "&lt;")
    return " ".join(text.split())[:600]
