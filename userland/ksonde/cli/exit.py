# SPDX-License-Identifier: GPL-2.0-only
"""What the exit codes mean: the one table, from which --help shows it."""

from __future__ import annotations

OK = 0
ERROR = 1
USAGE = 2
NO_DEVICE = 3
#: Of lsm, inventory and scan, which exit with ERROR where there is no device.
FINDINGS = 3

#: Exit codes and their meaning; the classes of ksonde.errors carry theirs as exit_code.
CODES: dict[str, str] = {
    "0": "all went well",
    "1": "something failed; doctor: this machine cannot run the module",
    "2": "the command line is wrong",
    "3": "no device: the module is not loaded; lsm, inventory, scan: something is not as it should be",
    "4": "no permission",
    "5": "busy: the module is in use, or all its sessions are taken",
    "6": "no event, or no profile, of that name",
    "7": "the module and this package are of different versions",
    "8": "damaged data: no record, no schema",
    "9": "no such process",
    "10": "load: the crash breaker keeps the module from being loaded",
    "11": "a profile, a rule or a limit is wrong: the error says where",
    "20": "preflight: the kernel of the next boot will not have the module",
    "21": "preflight: another installed kernel will not have it",
    "22": "preflight: all kernels will have it, some hooks will be degraded or unavailable",
    "126": "watch -- COMMAND: cannot be executed",
    "127": "watch -- COMMAND: not found",
    "N": "watch -- COMMAND: what COMMAND exited with; 128 + number of the signal that killed it",
}


def epilog() -> str:
    """The table as the end of a help text."""
    return "\b\nExit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in CODES.items())
