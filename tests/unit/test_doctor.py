# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import pytest

from fakes import tree
from ksonde import __version__, doctor
from ksonde.doctor import FAIL, OK, WARN, Check
from ksonde.machine import Machine

BUILD = "/lib/modules/6.1.0-56-amd64/build"
EFI = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
KEY = {"/var/lib/dkms/mok.key": "", "/var/lib/dkms/mok.pub": ""}
CONFIG = "".join(f"CONFIG_{name}=y\n" for name in (*doctor.REQUIRED, *doctor.WANTED))
GOOD = {
    "/proc/modules": "loop 1 0 - Live 0x0\n",
    "/proc/cmdline": "quiet\n",
    "/proc/self/status": "CapEff:\t000001ffffffffff\n",
    "/proc/self/uid_map": "         0          0 4294967295\n",
    "/boot/config-6.1.0-56-amd64": CONFIG
    + 'CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0"\n',
    f"{BUILD}/Makefile": "",
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "/sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
}


class FakeMachine(Machine):
    """Has the programs it is told to have."""

    programs: Sequence[str] = ("gcc-12", "gcc", "make", "ld", "insmod")
    says = "12\n"

    def find(self, program: str) -> Optional[str]:
        return f"/usr/bin/{program}" if program in self.programs else None

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(list(command), 0, self.says, "")


@pytest.fixture(autouse=True)
def _no_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "built", lambda _machine: None)


def examined(
    root: Path, files: dict[str, str], *, without: Sequence[str] = (), **machine: object
) -> list[Check]:
    fake = FakeMachine(
        tree(root, {name: text for name, text in {**GOOD, **files}.items() if name not in without}),
        release="6.1.0-56-amd64",
        architecture=str(machine.pop("architecture", "x86_64")),
    )
    for name, value in machine.items():
        setattr(fake, name, value)
    checks = doctor.examine(fake)
    assert all(check.hint for check in checks if check.state == FAIL), "a failure says what to do"
    return checks


def bad(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.name, check.state) for check in checks if check.state != OK]


def test_a_good_machine(tmp_path: Path) -> None:
    checks = examined(tmp_path, {})
    assert bad(checks) == []
    assert doctor.verdict(checks) == "all is well"


@pytest.mark.parametrize(
    ("files", "without", "options", "expected"),
    [
        ({}, (), {"architecture": "s390x"}, ("kernel", FAIL)),
        ({"/proc/cmdline": "ro ksonde=off"}, (), {}, ("ksonde=off", FAIL)),
        ({"/proc/self/status": "CapEff:\t0\n"}, (), {}, ("permission", WARN)),
        ({"/proc/self/uid_map": "0 100000 65536"}, (), {}, ("permission", FAIL)),
        ({}, ("/proc/modules",), {}, ("modules", FAIL)),
        ({"/proc/sys/kernel/modules_disabled": "1\n"}, (), {}, ("modules", FAIL)),
        ({}, ("/boot/config-6.1.0-56-amd64",), {}, ("kernel options", WARN)),
        (
            {"/boot/config-6.1.0-56-amd64": CONFIG.replace("CONFIG_KPROBES=y", "")},
            (),
            {},
            ("kernel options", WARN),
        ),
        (
            {"/boot/config-6.1.0-56-amd64": CONFIG.replace("CONFIG_MODULES=y", "")},
            (),
            {},
            ("kernel options", FAIL),
        ),
        ({}, (f"{BUILD}/Makefile",), {}, ("headers", FAIL)),
        ({}, (), {"programs": ["make", "ld", "insmod"]}, ("compiler", FAIL)),
        ({}, (), {"programs": ["gcc", "make", "ld", "insmod"], "says": "14"}, ("compiler", WARN)),
        ({}, (), {"programs": ["gcc-12", "insmod"]}, ("make", FAIL)),
        ({}, (), {"programs": ["gcc-12", "make", "ld"]}, ("kmod", WARN)),
        ({"/sys/kernel/security/lockdown": "none integrity [confidentiality]"}, (), {}, ("lockdown", WARN)),
        ({"/sys/kernel/security/lockdown": "none [integrity]"}, (), {}, ("lockdown", WARN)),
        ({EFI: "\6\0\0\0\1"}, (), {}, ("secure boot", WARN)),
        ({"/sys/module/module/parameters/sig_enforce": "Y\n"}, (), {}, ("signature", FAIL)),
        (
            {
                "/sys/module/module/parameters/sig_enforce": "Y\n",
                f"{BUILD}/scripts/sign-file": "",
                **KEY,
                f"{EFI}": "\6\0\0\0\0",
            },
            (),
            {},
            ("signature", WARN),
        ),
        (
            {"/sys/module/module/parameters/sig_enforce": "Y\n", f"{BUILD}/scripts/sign-file": ""},
            (),
            {},
            ("signature", FAIL),
        ),
        ({"/proc/sys/kernel/ftrace_enabled": "0"}, (), {}, ("ftrace", WARN)),
        ({"/sys/kernel/debug/kprobes/enabled": "0"}, (), {}, ("kprobes", WARN)),
        ({"/proc/sys/kernel/panic_on_warn": "1"}, (), {}, ("panic", WARN)),
        ({"/proc/modules": "hids_driver 1 0 - Live 0x0\n"}, (), {}, ("other sensors", WARN)),
        ({"/sys/module/ksonde/version": "0.0.1", "/dev/ksonde": ""}, (), {}, ("module", WARN)),
        ({"/sys/module/ksonde/version": __version__}, (), {}, ("device", FAIL)),
    ],
)
def test_what_can_be_wrong(
    tmp_path: Path,
    files: dict[str, str],
    without: Sequence[str],
    options: dict[str, object],
    expected: tuple[str, str],
) -> None:
    checks = examined(tmp_path, files, without=without, **options)
    assert expected in bad(checks)
    verdict = doctor.verdict(checks)
    failed = FAIL in [state for _, state in bad(checks)]
    assert verdict.startswith("this machine cannot" if failed else "this machine can run")
    assert expected[0] in verdict or (failed and expected[1] == WARN)


@pytest.mark.parametrize(
    ("os_release", "hint"),
    [
        ("ID=ubuntu\nID_LIKE=debian\n", "apt install linux-headers-6.1.0-56-amd64"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install kernel-devel-6.1.0-56-amd64"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "zypper install kernel-default-devel"),
        ("ID=arch\n", "pacman -S linux-headers"),
        ("", "as your distribution names them"),
    ],
)
def test_headers_by_distribution(tmp_path: Path, os_release: str, hint: str) -> None:
    checks = examined(tmp_path, {"/etc/os-release": os_release}, without=[f"{BUILD}/Makefile"])
    (headers,) = (check for check in checks if check.name == "headers")
    assert hint in headers.hint


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0", "gcc-12"),
        ("gcc (GCC) 14.2.1 20240912 (Red Hat 14.2.1-3)", "gcc-14"),
        ("x86_64-linux-gnu-gcc-13 (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0", "gcc-13"),
        ("gcc version 11.2.0", "gcc-11"),
        ("Debian clang version 16.0.6 (15~deb12u1)", "clang-16"),
        ("a mystery", "gcc"),
    ],
)
def test_the_compiler_of_the_kernel(tmp_path: Path, text: str, program: str) -> None:
    config = CONFIG + f'CONFIG_CC_VERSION_TEXT="{text}"\n'
    checks = examined(tmp_path, {"/boot/config-6.1.0-56-amd64": config}, programs=["make", "ld", "insmod"])
    (compiler,) = (check for check in checks if check.name == "compiler")
    assert compiler.hint == f"apt install {program}"


def test_a_built_module_needs_nothing_to_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "built", lambda _machine: Path("/clone/ksonde.ko"))
    checks = examined(tmp_path, {}, without=[f"{BUILD}/Makefile"], programs=["insmod"])
    assert [state for _, state in bad(checks)] == [WARN, WARN]
    assert any("/clone/ksonde.ko" in check.text for check in checks)


def test_secure_boot_by_mokutil(tmp_path: Path) -> None:
    (tmp_path / "sys/firmware/efi").mkdir(parents=True)
    programs = [*FakeMachine.programs, "mokutil"]
    assert ("secure boot", WARN) in bad(
        examined(tmp_path, {}, programs=programs, says="SecureBoot enabled\n")
    )
    assert bad(examined(tmp_path, {}, programs=programs, says="SecureBoot disabled\n")) == []
    assert bad(examined(tmp_path, {})) == []


LOCKED = {
    "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
    EFI: "\6\0\0\0\1",
    f"{BUILD}/scripts/sign-file": "",
}
MOKUTIL = [*FakeMachine.programs, "mokutil"]


def signature(root: Path, files: dict[str, str], *, without: Sequence[str] = (), **machine: object) -> Check:
    checks = examined(root, files, without=without, **machine)
    (found,) = (check for check in checks if check.name == "signature")
    return found


def test_no_key_yet(tmp_path: Path) -> None:
    """Make one, enrol it, reboot: who reads it can do it without looking anything up."""
    found = signature(tmp_path, LOCKED, programs=MOKUTIL)
    assert (found.state, found.text) == (
        FAIL,
        "needed (kernel lockdown is on (integrity)), and there is no key",
    )
    steps = (
        "dkms generate_mok",
        "openssl req -new -x509",
        "-keyout /var/lib/dkms/mok.key",
        "mokutil --import /var/lib/dkms/mok.pub",
        "asks twice for a password",
        "reboot, with somebody at the console",
        "`Perform MOK management`",
        "within 10 seconds",
        "Enroll MOK, Continue, Yes, type the password, choose Reboot",
    )
    places = [found.hint.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("says", "state", "text", "hint"),
    [
        ("mok.pub is already enrolled\n", OK, "its certificate is enrolled", "scripts/sign-file sha256"),
        ("mok.pub is not enrolled\n", FAIL, "not enrolled", "mokutil --import /var/lib/dkms/mok.pub ("),
        ("mok.pub is already in the enrollment request\n", FAIL, "waiting to be enrolled", "reboot, with"),
        ("EFI variables are not supported\n", WARN, "cannot be told", "mokutil --test-key"),
    ],
)
def test_a_key_and_what_the_firmware_knows(
    tmp_path: Path, says: str, state: str, text: str, hint: str
) -> None:
    found = signature(tmp_path, {**LOCKED, **KEY}, programs=MOKUTIL, says=says)
    assert found.state == state
    assert text in found.text
    assert hint in found.hint


def test_ubuntus_key(tmp_path: Path) -> None:
    keys = {"/var/lib/shim-signed/mok/MOK.priv": "", "/var/lib/shim-signed/mok/MOK.der": ""}
    found = signature(tmp_path, {**LOCKED, **keys}, programs=MOKUTIL, says="x is not enrolled")
    assert "mokutil --import /var/lib/shim-signed/mok/MOK.der" in found.hint
    assert "/var/lib/dkms" not in found.hint


def test_half_a_key_is_none(tmp_path: Path) -> None:
    found = signature(tmp_path, {**LOCKED, "/var/lib/dkms/mok.key": ""})
    assert "there is no key" in found.text


def test_without_efi_nothing_can_be_enrolled(tmp_path: Path) -> None:
    found = signature(tmp_path, {**LOCKED, **KEY}, without=[EFI], programs=MOKUTIL)
    assert found.state == FAIL
    assert "without EFI" in found.text
    assert "mokutil" not in found.hint


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"/proc/cmdline": "quiet module.sig_enforce=1"}, "module.sig_enforce is on the kernel command line"),
        ({"/sys/module/module/parameters/sig_enforce": "Y"}, "the running kernel enforces it (sig_enforce)"),
        (
            {"/boot/config-6.1.0-56-amd64": CONFIG + "CONFIG_MODULE_SIG_FORCE=y\n"},
            "the kernel was built with CONFIG_MODULE_SIG_FORCE",
        ),
    ],
)
def test_why_a_signature_is_needed(tmp_path: Path, files: dict[str, str], why: str) -> None:
    found = signature(tmp_path, files)
    assert found.text.startswith(f"needed ({why})")


@pytest.mark.parametrize(
    ("cmdline", "who", "hint"),
    [
        ("quiet", "by Secure Boot or the kernel's own options", "sign the module"),
        ("quiet lockdown=integrity", "by lockdown= on the kernel command line", "remove it from the kernel"),
    ],
)
def test_who_locked_the_kernel_down(tmp_path: Path, cmdline: str, who: str, hint: str) -> None:
    checks = examined(tmp_path, {**LOCKED, "/proc/cmdline": cmdline})
    (found,) = (check for check in checks if check.name == "lockdown")
    assert who in found.text
    assert hint in found.hint


def test_this_machine_is_examined_without_a_failure_of_the_doctor() -> None:
    assert doctor.examine()
