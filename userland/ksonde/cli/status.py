# SPDX-License-Identifier: GPL-2.0-only
"""ksonde status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from . import exit  # noqa: A004
from .options import JsonOption

if TYPE_CHECKING:
    from ksonde.device import HookInfo, Info
    from ksonde.health import Health
    from ksonde.module import Status


def status(json: JsonOption = False) -> int:
    """Say whether the module is loaded, its version, and who uses it; exits with 3 when it is not loaded."""
    import ksonde
    from ksonde import health, module

    found = module.status()
    info, problem = None, ""
    rows: list[HookInfo] = []
    if found.loaded:
        try:
            with ksonde.Device() as device:
                info, rows = device.info(), device.hooks()
        except ksonde.KsondeError as error:
            problem = f"{error}; {error.hint}" if error.hint else str(error)
    judged = health.examine(found, rows, problem)
    if json:
        from dataclasses import asdict
        from json import dumps

        driver = asdict(info) if info is not None else None
        parts = {"driver": driver, "problem": problem or None, "health": asdict(judged)}
        typer.echo(dumps({**asdict(found), **parts}, indent=2))
    else:
        typer.echo("\n".join([_lines(found, info, problem), *_health(judged)]))
    return exit.OK if found.loaded else exit.NO_DEVICE


def _health(judged: Health) -> list[str]:
    from ksonde.text import printable

    first = f"health: {judged.state}" + (f": {printable(judged.why)}" if judged.why else "")
    return [first, *(f"crash breaker: {printable(note)}" for note in judged.notes)]


def _lines(found: Status, info: Info | None, problem: str) -> str:
    from ksonde.text import plural, printable, size

    if not found.loaded:
        return "not loaded; `ksonde load` loads the module, `ksonde doctor` says whether this machine can"
    lines = [
        f"loaded: version {printable(found.version) or 'unknown'}, {size(found.size)}, {found.state.lower()}"
    ]
    lines.append(
        f"device: /dev/ksonde {found.device}" if found.device else "device: /dev/ksonde is not there"
    )
    if info is not None:
        lines.append(f"protocol: ABI {info.abi}, schema {info.schema}, {plural(info.hooks, 'hook')}")
        # This very look is a session, too.
        lines.append(f"sessions: {max(info.sessions - 1, 0)} of {info.max_sessions}")
        lines.append(
            f"rings: {size(info.ring_min)} to {size(info.ring_max)} each, {plural(info.cpus, 'CPU')}"
        )
    if found.holders:
        lines.append(f"readers: {', '.join(found.holders)}")
    if found.pending:
        lines.append(f"waits for: {', '.join(found.pending)} to return")
    if found.parameters:
        values = " ".join(f"{name}={printable(value)}" for name, value in found.parameters.items())
        lines.append(f"parameters: {values}")
    if problem:
        lines.append(f"problem: {printable(problem)}")
    return "\n".join(lines)
