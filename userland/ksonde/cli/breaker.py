# SPDX-License-Identifier: GPL-2.0-only
"""ksonde breaker: what the units that load and stop the module call."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Fact(str, Enum):
    """What can be noted."""

    HEALTHY = "healthy"
    STOPPED = "stopped"


def breaker(
    fact: Annotated[
        Fact,
        typer.Argument(
            ...,
            help="healthy: wait until the time of `load --healthy-after` is over, and note it; "
            "stopped: the machine is shut down.",
        ),
    ],
) -> None:
    """Note for the crash breaker that this boot is healthy, or ends as it should."""
    from ksonde import breaker as logic

    new = logic.note_healthy() if fact is Fact.HEALTHY else logic.note_stopped()
    typer.echo(f"noted: {fact.value}" if new else "nothing to note")
