# SPDX-License-Identifier: GPL-2.0-only
"""Can this machine build, sign and load the module, and what to do where it cannot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Optional

from ksonde import __version__, signing
from ksonde.machine import Machine
from ksonde.module import built
from ksonde.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

OK, WARN, FAIL = "ok", "warn", "fail"

_ARCHITECTURES = ("x86_64", "aarch64", "riscv64")
#: Kernel options: what happens without them.
REQUIRED = {"MODULES": "no module can be loaded", "TRACEPOINTS": "processes cannot be told apart"}
WANTED = {
    "KPROBES": "kprobe hooks cannot be armed",
    "KRETPROBES": "results of calls are not seen by kretprobe hooks",
    "FUNCTION_TRACER": "ftrace hooks fall back to kprobes",
    "DYNAMIC_FTRACE": "ftrace hooks fall back to kprobes",
    "KALLSYMS": "kernel symbols cannot be found",
    "HAVE_SYSCALL_TRACEPOINTS": "system call hooks have one way less",
    "IRQ_WORK": "readers are woken late",
}
DKMS_CERTIFICATE = "/var/lib/dkms/mok.pub"
_MAKE_KEY = (
    "let DKMS make one (dkms generate_mok), or do it by hand: openssl req -new -x509 -newkey rsa:2048 -nodes "
    "-days 36500 -subj /CN=ksonde/ -outform DER -keyout /var/lib/dkms/mok.key "
    f"-out {DKMS_CERTIFICATE}; then enrol it: "
)
#: What shim shows at the boot after `mokutil --import`; it goes on without after ten seconds.
_MOK_MANAGER = (
    "before the system starts a blue screen says `Perform MOK management`: press a key within 10 seconds, "
    "choose Enroll MOK, Continue, Yes, type the password, choose Reboot"
)
#: How a certificate gets into the firmware.
ENROL = (
    f"mokutil --import {DKMS_CERTIFICATE} (it asks twice for a password that is needed once); reboot, with "
    f"somebody at the console: {_MOK_MANAGER}"
)


@dataclass(frozen=True)
class Check:
    """A question and its answer.

    Attributes:
        name: what was looked at.
        state: ok, warn or fail.
        text: what was found.
        hint: what to do about it; "" when nothing has to be done.
    """

    name: str
    state: str
    text: str
    hint: str = ""


def examine(machine: Optional[Machine] = None) -> list[Check]:
    """All checks, in the order in which they matter."""
    machine = machine or Machine()
    checks: tuple[Callable[[Machine], Iterator[Check]], ...] = (
        kernel,
        switched_off,
        _permission,
        modules,
        options,
        headers,
        compiler,
        make,
        lockdown,
        _secure_boot,
        signatures,
        _probes,
        _loaded,
    )
    return [check for question in checks for check in question(machine)]


def verdict(checks: list[Check]) -> str:
    """One sentence over all."""
    failed = [check.name for check in checks if check.state == FAIL]
    if failed:
        return f"this machine cannot run ksonde as it is: {', '.join(dict.fromkeys(failed))}"
    warned = [check.name for check in checks if check.state == WARN]
    return (
        f"this machine can run ksonde; look at: {', '.join(dict.fromkeys(warned))}"
        if warned
        else "all is well"
    )


def kernel(machine: Machine) -> Iterator[Check]:
    what = f"{machine.release} on {machine.architecture}"
    if machine.architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        yield Check("kernel", FAIL, what, f"ksonde knows {known}")
        return
    match = re.match(r"(\d+)\.(\d+)", machine.release)
    if match is None or (int(match[1]), int(match[2])) < (4, 14):
        yield Check("kernel", WARN, what, "ksonde is tested from kernel 4.14 on")
    else:
        yield Check("kernel", OK, what)


def switched_off(machine: Machine) -> Iterator[Check]:
    if machine.switched_off():
        yield Check(
            "ksonde=off",
            FAIL,
            "the kernel was booted with it",
            "remove it from the kernel command line and reboot",
        )


def _permission(machine: Machine) -> Iterator[Check]:
    if not machine.in_initial_user_namespace():
        yield Check("permission", FAIL, "this is a container's user namespace", "run it on the host itself")
    elif not machine.may_load_modules():
        yield Check(
            "permission", WARN, "no CAP_SYS_MODULE", "load and unload as root, or let root load at boot"
        )
    else:
        yield Check("permission", OK, "may load modules")


def modules(machine: Machine) -> Iterator[Check]:
    if machine.read("/proc/modules") is None:
        yield Check(
            "modules",
            FAIL,
            "this kernel loads no modules (built without CONFIG_MODULES)",
            "boot a distribution's kernel, or use a virtual machine: tools/watch does",
        )
    elif (machine.read("/proc/sys/kernel/modules_disabled") or "0").strip() != "0":
        yield Check(
            "modules",
            FAIL,
            "loading was switched off (kernel.modules_disabled)",
            "reboot, and load before it is set",
        )
    else:
        yield Check("modules", OK, "can be loaded")


def options(machine: Machine) -> Iterator[Check]:
    config = machine.kernel_config()
    if config is None:
        where = f"/boot/config-{machine.release}, /proc/config.gz"
        yield Check("kernel options", WARN, f"not to be found ({where})", "`modprobe configs` may bring them")
        return
    missing = [name for name in (*REQUIRED, *WANTED) if config.get(name) not in ("y", "m")]
    for name in missing:
        state = FAIL if name in REQUIRED else WARN
        effect = REQUIRED.get(name) or WANTED[name]
        yield Check(
            "kernel options", state, f"CONFIG_{name} is off: {effect}", "boot a kernel that has it on"
        )
    if not missing:
        yield Check("kernel options", OK, ", ".join((*REQUIRED, *WANTED)).lower())


def headers(machine: Machine, *, anew: bool = False) -> Iterator[Check]:
    """Is there what the module is built with; anew: also where it has been built before."""
    build = f"/lib/modules/{machine.release}/build"
    if machine.path(f"{build}/Makefile").is_file():
        yield Check("headers", OK, build)
    elif not anew and _is_built(machine):
        yield Check("headers", OK, "not there, and not needed: the module is built already")
    else:
        yield Check("headers", FAIL, f"none for {machine.release}", _install_headers(machine))


def _is_built(machine: Machine) -> bool:
    """Whether there is a module for this kernel: loaded, or in the clone."""
    return (machine.is_running and machine.module_version() is not None) or built(machine) is not None


def _install_headers(machine: Machine) -> str:
    release = machine.release
    likes = _distribution(machine)
    if {"debian", "ubuntu"} & likes:
        return f"apt install linux-headers-{release}; if there is none, upgrade the kernel and reboot"
    if {"fedora", "rhel", "centos"} & likes:
        return f"dnf install kernel-devel-{release}"
    if {"suse", "opensuse"} & likes:
        return "zypper install kernel-default-devel"
    if "arch" in likes:
        return "pacman -S linux-headers"
    return "install the headers of the running kernel, as your distribution names them"


def _distribution(machine: Machine) -> set[str]:
    words: set[str] = set()
    for line in (machine.read("/etc/os-release") or "").splitlines():
        key, _, value = line.partition("=")
        if key in ("ID", "ID_LIKE"):
            words.update(value.strip('"').lower().split())
    return words


def compiler(machine: Machine) -> Iterator[Check]:
    config = machine.kernel_config() or {}
    built_with = config.get("CC_VERSION_TEXT") or machine.read("/proc/version") or ""
    kind = "clang" if "clang" in built_with and "gcc" not in built_with.split("clang")[0] else "gcc"
    match = re.search(
        rf"{kind}(?:-(\d+)| version (\d+)| \([^()]*(?:\([^()]*\))?[^()]*\) (\d+)|\D+(\d+)\.)", built_with
    )
    major = next((group for group in match.groups() if group), "") if match else ""
    program = f"{kind}-{major}" if major else kind
    install = (
        f"apt install {program}" if {"debian", "ubuntu"} & _distribution(machine) else f"install {program}"
    )
    found = machine.find(program) if major else None
    if found:
        yield Check("compiler", OK, f"{found}, as the kernel was built with")
        return
    other = machine.find(kind)
    if other is None:
        state = WARN if _is_built(machine) else FAIL
        yield Check("compiler", state, f"no {kind}; the kernel was built with {program}", install)
        return
    version = machine.run([other, "-dumpversion"]).stdout.strip().split(".")[0]
    if major and version != major:
        yield Check(
            "compiler", WARN, f"{other} is version {version}, the kernel was built with {major}", install
        )
    else:
        yield Check("compiler", OK, f"{other}, version {printable(version)}")


def make(machine: Machine) -> Iterator[Check]:
    missing = [tool for tool in ("make", "ld") if machine.find(tool) is None]
    if missing:
        state = WARN if _is_built(machine) else FAIL
        debian = {"debian", "ubuntu"} & _distribution(machine)
        yield Check(
            "make",
            state,
            f"no {', '.join(missing)}",
            "apt install make binutils" if debian else "install them",
        )
    else:
        yield Check("make", OK, str(machine.find("make")))
    if machine.find("insmod") is None:
        yield Check("kmod", WARN, "no insmod", "install kmod")


def lockdown(machine: Machine) -> Iterator[Check]:
    state = machine.lockdown()
    if state == "none":
        yield Check("lockdown", OK, state)
    elif _lockdown_by_hand(machine):
        yield Check(
            "lockdown",
            WARN,
            f"{state}, by lockdown= on the kernel command line: the kernel takes signed modules only",
            "sign the module (see signature), or remove it from the kernel command line and reboot",
        )
    else:
        yield Check(
            "lockdown",
            WARN,
            f"{state}, by Secure Boot or the kernel's own options: the kernel takes signed modules only",
            "sign the module (see signature)",
        )


def _lockdown_by_hand(machine: Machine) -> bool:
    return any(word.startswith("lockdown=") for word in (machine.read("/proc/cmdline") or "").split())


def _secure_boot(machine: Machine) -> Iterator[Check]:
    on = signing.secure_boot(machine)
    if on:
        yield Check(
            "secure boot",
            WARN,
            "on: most distributions then take signed modules only",
            "sign the module (see signature)",
        )
    elif on is None:
        yield Check("secure boot", OK, "not there")
    else:
        yield Check("secure boot", OK, "off")


def signatures(machine: Machine) -> Iterator[Check]:
    """Is a signature needed, can one be made here, and will the kernel believe it."""
    found = signing.look(machine)
    if not found.needed:
        yield Check("signature", OK, "not needed")
    elif not found.sign_file:
        yield Check(
            "signature",
            FAIL,
            f"needed ({found.needed}), and there is no "
            f"/lib/modules/{machine.release}/build/scripts/sign-file",
            _install_headers(machine),
        )
    elif not found.key:
        yield Check("signature", FAIL, f"needed ({found.needed}), and there is no key", _MAKE_KEY + ENROL)
    else:
        yield _enrolment(found)


def _enrolment(found: signing.Signing) -> Check:
    """DKMS signs by itself with a key that is there; whether that is believed is the firmware's affair."""
    what = f"needed ({found.needed}); {found.key} signs"
    enrol = ENROL.replace(DKMS_CERTIFICATE, found.certificate)
    if found.enrolled == signing.YES:
        by_hand = f"{found.sign_file} sha256 {found.key} {found.certificate} ksonde.ko"
        return Check(
            "signature", OK, f"{what}, and its certificate is enrolled", f"DKMS does it; by hand: {by_hand}"
        )
    if not found.efi:
        return Check(
            "signature",
            FAIL,
            f"{what}, but without EFI no certificate can be enrolled: only keys built into the kernel count",
            "boot without lockdown= and module.sig_enforce, or a kernel that has your certificate built in",
        )
    if found.enrolled == signing.REQUESTED:
        return Check(
            "signature",
            FAIL,
            f"{what}; its certificate is waiting to be enrolled",
            f"reboot, with somebody at the console: {_MOK_MANAGER}",
        )
    if found.enrolled == signing.NO:
        return Check("signature", FAIL, f"{what}, but its certificate is not enrolled", enrol)
    return Check(
        "signature",
        WARN,
        f"{what}; whether its certificate is enrolled cannot be told",
        f"install mokutil and ask it: mokutil --test-key {found.certificate}; if it is not: {enrol}",
    )


def _probes(machine: Machine) -> Iterator[Check]:
    """What switches probes off behind the module's back, or makes them hang."""
    if (machine.read("/proc/sys/kernel/ftrace_enabled") or "1").strip() == "0":
        yield Check(
            "ftrace", WARN, "switched off: ftrace hooks stay silent", "sysctl kernel.ftrace_enabled=1"
        )
    if (machine.read("/sys/kernel/debug/kprobes/enabled") or "1").strip() == "0":
        yield Check(
            "kprobes",
            WARN,
            "switched off: kprobe hooks stay silent",
            "echo 1 > /sys/kernel/debug/kprobes/enabled",
        )
    if (machine.read("/proc/sys/kernel/panic_on_warn") or "0").strip() != "0":
        yield Check("panic", WARN, "any kernel warning stops this machine", "sysctl kernel.panic_on_warn=0")
    others = {"hids_driver", "falco", "scap", "sysdig_probe", "lkrg", "p_lkrg"}
    loaded = {line.split(" ", 1)[0] for line in (machine.read("/proc/modules") or "").splitlines()}
    rivals = sorted(others & loaded)
    if rivals:
        yield Check(
            "other sensors",
            WARN,
            f"{', '.join(rivals)} probes this kernel, too",
            "each one costs; measure alone",
        )


def _loaded(machine: Machine) -> Iterator[Check]:
    version = machine.module_version()
    if version is None:
        place = built(machine)
        what = (
            f"not loaded; built for this kernel: {place}"
            if place
            else "not loaded, not built for this kernel"
        )
        yield Check("module", OK, what, "" if place else "tools/watch builds it")
        return
    if version != __version__:
        yield Check(
            "module",
            WARN,
            f"version {printable(version) or 'unknown'} is loaded, this package is {__version__}",
            "`ksonde unload`, then `ksonde load` of the module of this package",
        )
    else:
        yield Check("module", OK, f"version {version} is loaded")
    if not machine.path("/dev/ksonde").exists():
        yield Check(
            "device", FAIL, "there is no /dev/ksonde", "is devtmpfs mounted at /dev, or udev running?"
        )
