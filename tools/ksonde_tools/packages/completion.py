# SPDX-License-Identifier: GPL-2.0-only
"""Completion for bash, zsh and fish, as files that the shells find by themselves.

Runs where the packages are built, with the system's Python: it needs typer, and nothing of the other tools.
"""

from __future__ import annotations

import sys
from pathlib import Path

from typer import completion

FILES = {"bash": "ksonde", "zsh": "_ksonde", "fish": "ksonde.fish"}


def script(shell: str) -> str:
    """Return what a shell reads."""
    text: str = completion.get_completion_script(  # type: ignore[attr-defined] # not exported, but of all versions
        prog_name="ksonde", complete_var="_KSONDE_COMPLETE", shell=shell
    )
    if shell == "zsh":
        # A file of $fpath is the function itself, which only defines another one: call that.
        text = text.replace("compdef _ksonde_completion ksonde", '_ksonde_completion "$@"')
    return text.strip() + "\n"


def main() -> int:
    for shell, name in FILES.items():
        path = Path(sys.argv[1]) / shell / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script(shell), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
