# SPDX-License-Identifier: GPL-2.0-only
"""Entry of `tools/bench`: the first word names the benchmark."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from ksonde_tools.common import ToolError, main_guard

BENCHMARKS = ("overhead", "profile", "mechanisms", "loss", "decode", "scans")
USAGE = f"usage: tools/bench {{{'|'.join(BENCHMARKS)}}} [--help] ..."


def main(arguments: Sequence[str]) -> int:
    """Run one benchmark; its module has a `main` like this one."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if not arguments or arguments[0] not in BENCHMARKS:
        raise ToolError(f"which benchmark? {USAGE}", code=2)
    module = importlib.import_module(f".{arguments[0]}", __package__)
    code: int = module.main(arguments[1:])
    return code


if __name__ == "__main__":
    main_guard(main)
