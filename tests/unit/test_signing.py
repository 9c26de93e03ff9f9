# SPDX-License-Identifier: GPL-2.0-only
"""What the doctor makes of it is tested with the doctor."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import tree
from ksonde import signing
from ksonde.machine import Machine

SIGN_FILE = "/lib/modules/6.1.0/build/scripts/sign-file"
FILES = {
    SIGN_FILE: '#!/bin/sh\necho "$1 $(basename $2) $(basename $3)" >>"$4"\n',
    "/var/lib/dkms/mok.key": "",
    "/var/lib/dkms/mok.pub": "",
    "/boot/config-6.1.0": 'CONFIG_MODULE_SIG_HASH="sha512"\n',
}


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    root = tree(tmp_path, FILES)
    (root / SIGN_FILE.lstrip("/")).chmod(0o755)
    return Machine(root, release="6.1.0")


def test_a_module_is_signed_with_the_kernels_hash(machine: Machine, tmp_path: Path) -> None:
    found = signing.look(machine)
    assert (found.needed, found.efi, found.enrolled) == ("", False, signing.UNKNOWN)
    ko = tmp_path / "ksonde.ko"
    assert signing.sign(machine, found, ko) == ""
    assert ko.read_text() == "sha512 mok.key mok.pub\n"


def test_a_tool_that_fails_is_quoted(machine: Machine, tmp_path: Path) -> None:
    tree(machine.root, {SIGN_FILE: "#!/bin/sh\necho 'no engine' >&2\nexit 1\n"})
    assert signing.sign(machine, signing.look(machine), tmp_path / "ksonde.ko") == "no engine"
    tree(machine.root, {SIGN_FILE: "#!/bin/sh\nexit 3\n"})
    assert signing.sign(machine, signing.look(machine), tmp_path / "ksonde.ko") == "exit code 3"


def test_secure_boot_that_cannot_be_there(machine: Machine) -> None:
    assert signing.secure_boot(machine) is None
