# SPDX-License-Identifier: GPL-2.0-only
"""The packages in a Debian 12: installed, upgraded and removed.

What compiles runs natively in the root file system (chroot), because a compiler in an emulated machine takes
minutes; what needs a running kernel or services runs in a virtual machine that boots that very root.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ksonde_tools.common import cache_dir

from . import build, root, vm
from .report import Report
from .root import Base

_UNITS = ("ksonde-load.service", "ksonde-agent.service")
#: What every RPM distribution has.
_RPM_FOLDERS = ("usr/lib/python3.11/site-packages", "usr/share/licenses")
_BOOT_SECONDS = 900.0
_ALL_SECONDS = 3600.0


def debian(folder: Path, old: str, new: str, *, boot: bool = True) -> int:
    """Try the .deb files of this clone, and an upgrade to a version that differs in its number only."""
    report = Report()
    base = root.base()
    packages = {version: build.deb(version, folder / version) for version in (old, new)}
    with root.copy(base.path) as system, tempfile.TemporaryDirectory(dir=cache_dir()) as scratch:
        before = root.snapshot(system)
        names = vm.named(system)
        _install(system, base, packages[old], old, report)
        _later_kernel(system, base, old, report)
        if boot:
            _boot(system, base, (packages[new], old, new, names), Path(scratch), folder, report)
        _verbs(system, base, old, report)
        _upgrade(system, base, packages[new], new, report)
        _purge(system, base, before, report)
    return report.verdict()


def rpm(folder: Path, old: str, new: str) -> int:
    """Try the .rpm files: their scriptlets run in the same Debian 12, by its own rpm."""
    report = Report()
    base = root.base()
    packages = {version: build.rpm(version, folder / version) for version in (old, new)}
    with root.copy(base.path) as system:
        # One kernel to build for is enough: the loop over all is the same.
        _without_headers(system, base.kernels[1:])
        for name in _RPM_FOLDERS:
            (system / name).mkdir(parents=True, exist_ok=True)
        before = root.snapshot(system)
        for version in (old, new):
            said = _rpm(system, "--upgrade", packages[version])
            state = _state(system, version)
            report.check(f"rpm: version {version} is installed", said if base.kernels[0] not in state else "")
            report.check(
                f"rpm: version {version} is the module's", _wrong_modules(system, base.kernels[:1], version)
            )
        report.check("rpm: nothing of the old version is left", ", ".join(_states(system, old)))
        report.check("rpm: the user is there", "" if _has_user(system) else "it is not")
        report.check("rpm: the units are enabled", _not_enabled(system))
        done = root.run(system, "rpm", "--erase", "--nodeps", "ksonde", "ksonde-dkms")
        report.check("rpm: it is erased", done.stdout if done.returncode else "")
        # As RPM distributions do, the user and what the agent wrote stay.
        users = {"! etc/passwd", "! etc/group", "! etc/shadow", "! etc/gshadow"}
        left = [one for one in root.differences(before, root.snapshot(system)) if one not in users]
        report.check("rpm: erasing leaves nothing but the user", "\n".join(left))
    return report.verdict()


def _install(system: Path, base: Base, packages: list[Path], version: str, report: Report) -> None:
    code, said = _dpkg(system, packages)
    report.check("the packages install", said if code else "")
    state = _state(system, version)
    for kernel in base.kernels:
        report.check(f"DKMS has the module for {kernel}", "" if kernel in state else said)
    report.check("the modules are of this version, and signed", _wrong_modules(system, base.kernels, version))
    report.check("there are a user and a group", "" if _has_user(system) else "there are not")
    report.check("the units are enabled", _not_enabled(system))
    units = root.run(system, "systemd-analyze", "verify", *_UNITS)
    report.check("systemd finds nothing wrong with the units", units.stdout)
    rule = root.run(system, "udevadm", "test", "/sys/devices/virtual/misc/null")
    report.check("udev reads its rule", "" if "60-ksonde.rules" in rule.stdout else rule.stdout)
    page = root.run(system, "man", "--pager=cat", "8", "ksonde-agent")
    report.check("there is a manual page", "" if "ksonde agent" in page.stdout else page.stdout)
    shell = "source /usr/share/bash-completion/bash_completion; _completion_loader ksonde; complete -p ksonde"
    words = (
        'COMP_WORDS=(ksonde wa); COMP_CWORD=1; _ksonde_completion ksonde wa ksonde; echo "${COMPREPLY[@]}"'
    )
    completed = root.run(system, "bash", "-c", f"{shell} >/dev/null; {words}")
    report.check("bash completes", "" if completed.stdout.strip() == "watch" else completed.stdout)


def _later_kernel(system: Path, base: Base, version: str, report: Report) -> None:
    code, said = _dpkg(system, sorted((system / root.LATER).glob("*.deb")))
    report.check("a third kernel installs", said if code else "")
    report.check(
        f"AUTOINSTALL has made its module, {base.added}",
        "" if base.added in _state(system, version) else said,
    )
    report.check("its module is of this version, and signed", _wrong_modules(system, (base.added,), version))


def _verbs(system: Path, base: Base, version: str, report: Report) -> None:
    """Each of DKMS's own commands, for one kernel."""
    name, kernel = f"ksonde/{version}", base.kernels[0]
    for command, wanted in (
        (("uninstall", name, "-k", kernel), "built"),
        (("remove", name, "-k", kernel), None),
        (("build", name, "-k", kernel), "built"),
        (("install", name, "-k", kernel), "installed"),
    ):
        done = root.run(system, "dkms", *command)
        found = _states(system, version).get(kernel)
        report.check(
            f"dkms {command[0]}", "" if (done.returncode, found) == (0, wanted) else f"{found}\n{done.stdout}"
        )


def _boot(
    system: Path,
    base: Base,
    what: tuple[list[Path], str, str, list[str]],
    scratch: Path,
    folder: Path,
    report: Report,
) -> None:
    packages, old, new, names = what
    with root.copy(system) as guest:
        # The upgrade in the machine builds for the running kernel only: the others have no headers there.
        _without_headers(guest, (base.kernels[0], base.added))
        vm.equip(guest, {"old": old, "new": new, "named": names}, packages)
        disk = vm.Disk(guest, scratch)
        disk.boot(base.kernels[0], "short", folder / "console-1.log", report, _BOOT_SECONDS)
        disk.boot(base.kernels[1], "all", folder / "console-2.log", report, _ALL_SECONDS)


def _upgrade(system: Path, base: Base, packages: list[Path], version: str, report: Report) -> None:
    code, said = _dpkg(system, packages)
    report.check("the upgrade installs", said if code else "")
    kernels = (*base.kernels, base.added)
    states = _states(system, version)
    report.check("it has made the modules of all kernels", said if states.keys() != set(kernels) else "")
    report.check("they are of the new version, and signed", _wrong_modules(system, kernels, version))
    status = root.run(system, "dkms", "status", "ksonde").stdout.splitlines()
    # Its other lines are readelf's, which misses a section in a kernel that has none.
    known = [line for line in status if line.startswith("ksonde/")]
    others = [line for line in known if not line.startswith(f"ksonde/{version},")]
    report.check("DKMS knows the new version only", "\n".join(others) if known else "it knows none")


def _purge(system: Path, base: Base, before: dict[str, str], report: Report) -> None:
    (system / "var/log/ksonde").mkdir()
    (system / "var/log/ksonde/events.jsonl").write_text("{}\n")
    done = root.run(system, "dpkg", "--remove", "ksonde", "ksonde-dkms")
    report.check("the packages are removed", done.stdout if done.returncode else "")
    kept = (system / "var/log/ksonde/events.jsonl").exists() and (system / "etc/logrotate.d/ksonde").exists()
    report.check("removing keeps the events and the configuration", "" if kept else "it does not")
    done = root.run(system, "dpkg", "--purge", "ksonde", "ksonde-dkms")
    report.check("the packages are purged", done.stdout if done.returncode else "")
    report.check("DKMS knows nothing more of it", root.run(system, "dkms", "status", "ksonde").stdout)
    # The kernel that was added meanwhile is not ours.
    root.run(system, "dpkg", "--purge", f"linux-image-{base.added}", f"linux-headers-{base.added}")
    left = root.differences(before, root.snapshot(system))
    report.check("purging leaves nothing behind, and nothing changed", "\n".join(left))


def _without_headers(system: Path, kernels: tuple[str, ...]) -> None:
    root.run(system, "dpkg", "--purge", "--force-depends", *(f"linux-headers-{kernel}" for kernel in kernels))


def _dpkg(system: Path, packages: list[Path]) -> tuple[int, str]:
    """Install packages in a root."""
    names = _carried(system, packages)
    done = root.run(system, "dpkg", "-i", *names)
    return done.returncode, done.stdout


def _rpm(system: Path, verb: str, packages: list[Path]) -> str:
    # Debian's dpkg has what the packages depend on, rpm does not know.
    return root.run(system, "rpm", verb, "--nodeps", *_carried(system, packages)).stdout


def _carried(system: Path, packages: list[Path]) -> list[str]:
    """Copy packages to where the root sees them."""
    names = []
    for path in packages:
        (system / "tmp" / path.name).write_bytes(path.read_bytes())
        names.append(f"/tmp/{path.name}")
    return names


def _states(system: Path, version: str) -> dict[str, str]:
    """What `dkms status` says of a version: the state by kernel."""
    found = {}
    for line in root.run(system, "dkms", "status", f"ksonde/{version}").stdout.splitlines():
        name, _, state = line.partition(": ")
        words = name.split(", ")
        if len(words) == 3 and words[0] == f"ksonde/{version}":
            found[words[1]] = state.split()[0]
    return found


def _state(system: Path, version: str) -> set[str]:
    """The kernels that a version of the module is installed for."""
    return {kernel for kernel, state in _states(system, version).items() if state == "installed"}


def _wrong_modules(system: Path, kernels: tuple[str, ...], version: str) -> str:
    wrong = []
    for kernel in kernels:
        found = {field: _modinfo(system, kernel, field) for field in ("version", "vermagic", "signer")}
        right = {
            "version": found["version"] == version,
            "vermagic": found["vermagic"].startswith(f"{kernel} "),
            "signer": bool(found["signer"]),
        }
        wrong += [f"{kernel}: {field} is {found[field]!r}" for field in right if not right[field]]
    return "\n".join(wrong)


def _modinfo(system: Path, kernel: str, field: str) -> str:
    return root.run(system, "modinfo", "-k", kernel, "-F", field, "ksonde").stdout.strip()


def _has_user(system: Path) -> bool:
    return all(root.run(system, "getent", kind, "ksonde").returncode == 0 for kind in ("passwd", "group"))


def _not_enabled(system: Path) -> str:
    states = root.run(system, "systemctl", "is-enabled", *_UNITS).stdout.split()
    return "" if states == ["enabled"] * len(_UNITS) else ", ".join(states)
