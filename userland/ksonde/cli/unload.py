# SPDX-License-Identifier: GPL-2.0-only
"""ksonde unload."""

from __future__ import annotations

import typer


def unload() -> None:
    """Unload the module; refused while somebody has a session open."""
    from ksonde import breaker, module

    try:
        module.unload()
    except module.NotLoaded:
        breaker.note_stopped()  # by rmmod, which does not say so
        raise
    breaker.note_stopped()
    typer.echo("unloaded")
