# SPDX-License-Identifier: GPL-2.0-only
"""Does a kernel take only signed modules, with which key can one be signed, and does the firmware know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from pathlib import Path

    from ksonde.machine import Machine

_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#: Private key and certificate: DKMS's own, Ubuntu's.
_KEYS = (
    ("/var/lib/dkms/mok.key", "/var/lib/dkms/mok.pub"),
    ("/var/lib/shim-signed/mok/MOK.priv", "/var/lib/shim-signed/mok/MOK.der"),
)


YES, NO, REQUESTED, UNKNOWN = "yes", "no", "requested", "unknown"


@dataclass(frozen=True)
class Signing:
    """What was found.

    Attributes:
        needed: why a signature is needed; "" when it is not.
        efi: the machine was booted by EFI: keys can be enrolled at all.
        sign_file: the kernel's tool that signs; "" when the headers lack it.
        key: path of a private key; "" when there is none.
        certificate: its public half.
        enrolled: whether the firmware knows it: yes, no, requested (it asks at the next boot), unknown.
    """

    needed: str
    efi: bool
    sign_file: str
    key: str
    certificate: str
    enrolled: str


def secure_boot(machine: Machine) -> Optional[bool]:
    """Whether Secure Boot is on; None where there is none."""
    variable = machine.read_bytes(_SECURE_BOOT)
    if variable:
        return variable[-1] == 1
    if not _efi(machine):
        return None
    tool = machine.find("mokutil")
    if tool is None:
        return None
    return "SecureBoot enabled" in machine.run([tool, "--sb-state"]).stdout


def look(machine: Machine) -> Signing:
    """Look at the kernel that the machine is asked about."""
    sign_file = f"/lib/modules/{machine.release}/build/scripts/sign-file"
    key, certificate = next(
        (pair for pair in _KEYS if all(machine.path(part).is_file() for part in pair)), ("", "")
    )
    return Signing(
        needed=_needed(machine),
        efi=_efi(machine),
        sign_file=sign_file if machine.path(sign_file).is_file() else "",
        key=key,
        certificate=certificate,
        enrolled=_enrolled(machine, certificate) if certificate else UNKNOWN,
    )


def sign(machine: Machine, signing: Signing, module: Path) -> str:
    """Sign a module's file in its place; what the tool complains of, "" when it went well."""
    config = machine.kernel_config() or {}
    command = [
        str(machine.path(signing.sign_file)),
        config.get("MODULE_SIG_HASH") or "sha256",
        str(machine.path(signing.key)),
        str(machine.path(signing.certificate)),
        str(module),
    ]
    done = machine.run(command)
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


def _needed(machine: Machine) -> str:
    config = machine.kernel_config() or {}
    words = (machine.read("/proc/cmdline") or "").split()
    if config.get("MODULE_SIG_FORCE") == "y":
        return "the kernel was built with CONFIG_MODULE_SIG_FORCE"
    if "module.sig_enforce" in words or "module.sig_enforce=1" in words:
        return "module.sig_enforce is on the kernel command line"
    if (machine.read("/sys/module/module/parameters/sig_enforce") or "").strip() == "Y":
        return "the running kernel enforces it (sig_enforce)"
    if machine.lockdown() != "none":
        return f"kernel lockdown is on ({machine.lockdown()})"
    return ""


def _efi(machine: Machine) -> bool:
    return machine.path("/sys/firmware/efi").is_dir()


def _enrolled(machine: Machine, certificate: str) -> str:
    tool = machine.find("mokutil")
    if tool is None or not _efi(machine):
        return UNKNOWN
    done = machine.run([tool, "--test-key", str(machine.path(certificate))])
    said = f"{done.stdout}{done.stderr}"
    if "is already enrolled" in said or "is already in db" in said:
        return YES
    if "in the enrollment request" in said:
        return REQUESTED
    return NO if "is not enrolled" in said else UNKNOWN
