# SPDX-License-Identifier: GPL-2.0-only
"""Is the sensor of this machine well: the one answer that `ksonde status` and a roll-out look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ksonde import __version__, breaker
from ksonde.machine import Machine
from ksonde.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ksonde.device import HookInfo
    from ksonde.module import Status

#: settling: loaded, and not yet long enough to be called healthy; degraded: some hook cannot be armed, though
#: nobody has left it out, and the kernel has what it is about.
HEALTHY, SETTLING, DEGRADED, UNHEALTHY = "healthy", "settling", "degraded", "unhealthy"


@dataclass(frozen=True)
class Health:
    """An answer.

    Attributes:
        state: healthy, settling, degraded or unhealthy.
        why: a sentence; "" when it is healthy and nothing is held back or left out.
        notes: what the crash breaker knows beyond that.
    """

    state: str
    why: str = ""
    notes: tuple[str, ...] = ()


def examine(
    found: Status, hooks: Iterable[HookInfo], problem: str, machine: Optional[Machine] = None
) -> Health:
    """Judge what status() found, the hooks of the open device, and why it could not be opened."""
    machine = machine or Machine()
    note, notes = None, []
    try:
        note = breaker.look(machine)
    except breaker.Damaged as error:
        notes.append(f"{error}: that counts as a crash at the next load")
    except OSError as error:
        notes.append(f"the crash breaker's note cannot be read: {error.strerror}")
    if note is not None:
        notes += breaker.remarks(note)
    state, why = _judge(found, hooks, problem, note, machine)
    return Health(state, why, tuple(notes))


def _judge(
    found: Status, hooks: Iterable[HookInfo], problem: str, note: Optional[breaker.Note], machine: Machine
) -> tuple[str, str]:
    if not found.loaded:
        kept = note is not None and note.mode == breaker.REFUSED
        return UNHEALTHY, "the crash breaker keeps it from loading" if kept else "the module is not loaded"
    if problem:
        return UNHEALTHY, problem
    nothing = found.parameters.get("observe_nothing", "")
    if nothing not in ("", "(null)"):
        return UNHEALTHY, f"it observes nothing: {printable(nothing)}"
    if found.version != __version__:
        return UNHEALTHY, f"version {printable(found.version)} is loaded, this package is {__version__}"
    seconds = breaker.left(note, machine) if note is not None else 0.0
    if seconds:
        return SETTLING, f"healthy in {seconds:.0f} s, if nothing happens"
    hooks = list(hooks)
    missing = [
        hook.name for hook in hooks if hook.state == "unavailable" and not hook.left_out and not hook.moot
    ]
    if missing:
        return DEGRADED, f"hooks cannot be armed: {', '.join(printable(name) for name in missing)}"
    # As it was told to: a load that passes, a budget that is too small, or a hook left out is no fault of it.
    said = []
    held = [f"{printable(hook.name)} ({hook.held})" for hook in hooks if hook.held]
    if held:
        said.append(f"the governor holds hooks back: {', '.join(held)}")
    out = [printable(hook.name) for hook in hooks if hook.left_out]
    if out:
        said.append(f"hooks are left out by the module's parameter avoid: {', '.join(out)}")
    return HEALTHY, "; ".join(said)
