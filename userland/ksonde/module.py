# SPDX-License-Identifier: GPL-2.0-only
"""Loading, unloading and looking at the module ksonde."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ksonde import __version__
from ksonde.errors import Busy, DeviceMissing, KsondeError, PermissionRefused
from ksonde.machine import Machine
from ksonde.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Seconds that the device node may take to appear after the module was loaded.
PATIENCE = 5.0
#: What gzip, xz and zstd files begin with.
_COMPRESSED = (b"\x1f\x8b", b"\xfd7", b"(\xb5")
_NODE = Path("/dev/ksonde")
#: A parameter that is a list of calls, not a setting.
_PENDING = "pending"
CLONE = Path(__file__).resolve().parents[2]
#: Where a clone's build leaves the module.
BUILT = (CLONE / "driver" / "LKM" / "ksonde.ko", CLONE / "ksonde.ko")


class LoadFailed(KsondeError):
    """The module could not be loaded."""


class NotLoaded(DeviceMissing):
    """The module is not loaded."""

    def __init__(self) -> None:
        super().__init__("/dev/ksonde", "the module ksonde is not loaded")


class NotAllowed(PermissionRefused):
    """Loading and unloading modules needs a capability that this process lacks."""

    def __init__(self, what: str) -> None:
        KsondeError.__init__(self, f"no permission to {what}", "run it as root: CAP_SYS_MODULE is needed")
        self.path = "/sys/module"


class InUse(Busy):
    """The module cannot be unloaded: somebody has the device open, or calls go through the module still.

    Attributes:
        holders: those processes, as far as they can be seen.
        pending: those calls, "2 calls of do_filp_open" each.
    """

    def __init__(self, holders: Sequence[str], pending: Sequence[str] = ()) -> None:
        self.holders = tuple(holders)
        self.pending = tuple(pending)
        if pending and not holders:
            super().__init__(
                f"the module is in use: {', '.join(pending)} that it has followed did not return yet",
                "they sleep, as an open of a FIFO does: try again when they have returned",
            )
            return
        who = f": {', '.join(holders)}" if holders else ""
        super().__init__(
            f"the module is in use{who}", "end these readers first" if who else "end its readers first"
        )


class OtherVersion(KsondeError):
    """Another version of the module is loaded than was to be."""

    exit_code = 7

    def __init__(self, loaded: str, wanted: str) -> None:
        super().__init__(
            f"version {printable(loaded) or 'unknown'} of the module is loaded, not {printable(wanted)}",
            "`ksonde unload`, then `ksonde load` again",
        )
        self.loaded = loaded
        self.wanted = wanted


@dataclass(frozen=True)
class Status:
    """What /proc and /sys say about the module."""

    loaded: bool
    version: str = ""
    users: int = 0
    state: str = ""
    size: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    device: str = ""
    holders: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


def status(machine: Optional[Machine] = None) -> Status:
    """Look at the module, without opening its device."""
    machine = machine or Machine()
    version = machine.module_version()
    if version is None:
        return Status(loaded=False)
    size, users, state = _proc_modules(machine)
    directory = machine.path("/sys/module/ksonde/parameters")
    names = sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []
    names = [name for name in names if name != _PENDING]
    values = {name: (machine.read(f"/sys/module/ksonde/parameters/{name}") or "").strip() for name in names}
    node = machine.path("/dev/ksonde")
    device = f"{node.stat().st_mode & 0o7777:04o} {_owner(node)}" if node.exists() else ""
    return Status(
        True, version, users, state, size, values, device, tuple(holders(machine)), tuple(pending(machine))
    )


def pending(machine: Optional[Machine] = None) -> Iterable[str]:
    """Calls that no session follows any more, but that have yet to return through the module."""
    machine = machine or Machine()
    for line in (machine.read(f"/sys/module/ksonde/parameters/{_PENDING}") or "").splitlines():
        count, _, function = line.partition(" ")
        if count.isdecimal():
            yield f"{plural(int(count), 'call')} of {printable(function)}"


def holders(machine: Optional[Machine] = None) -> Iterable[str]:
    """The processes that have the device open, as comm[pid]; without rights only one's own."""
    machine = machine or Machine()
    for process in sorted(machine.path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with contextlib.suppress(OSError):  # gone, or another user's
            if any(fd.readlink() == _NODE for fd in (process / "fd").iterdir()):
                comm = (process / "comm").read_text("utf-8", "replace").strip()
                yield f"{printable(comm)}[{process.name}]"


def load(
    path: Optional[Path] = None, parameters: Sequence[str] = (), machine: Optional[Machine] = None
) -> tuple[bool, str]:
    """Load the module: whether it was not loaded yet, and where from.

    Args:
        path: of ksonde.ko; None: the one built in this clone for the running kernel, else the installed one.
        parameters: name=value each.
        machine: the machine.
    """
    machine = machine or Machine()
    path = path or built(machine)
    if path is not None:
        _check_file(path, machine)
        _check_parameters(path, parameters)
    loaded = machine.module_version()
    if loaded is not None:
        wanted = module_info(path).get("version", __version__) if path is not None else __version__
        if loaded != wanted:
            raise OtherVersion(loaded, wanted)
        _check_loaded_parameters(parameters, machine)
        return False, ""
    if machine.switched_off():
        raise LoadFailed(
            "the kernel was booted with ksonde=off", "remove it from the kernel command line and reboot"
        )
    if not machine.may_load_modules():
        raise NotAllowed("load modules")
    program = "insmod" if path is not None else "modprobe"
    tool = machine.find(program)
    if tool is None:
        raise LoadFailed(f"there is no {program}", "install kmod")
    answer = machine.run([tool, str(path.resolve()) if path is not None else "ksonde", *parameters])
    if answer.returncode:
        raise _refused(answer.stderr, path, machine)
    _wait_for_node(machine)
    return True, str(path) if path is not None else "the installed modules"


def unload(machine: Optional[Machine] = None) -> None:
    """Unload the module.  NotLoaded, InUse, NotAllowed."""
    machine = machine or Machine()
    if machine.module_version() is None:
        raise NotLoaded
    if not machine.may_load_modules():
        raise NotAllowed("unload modules")
    tool = machine.find("rmmod")
    if tool is None:
        raise LoadFailed("there is no rmmod", "install kmod")
    answer = machine.run([tool, "ksonde"])
    if not answer.returncode:
        return
    said = answer.stderr.strip()
    if "in use" in said or "temporarily unavailable" in said or "busy" in said.lower():
        raise InUse(list(holders(machine)), list(pending(machine)))
    raise KsondeError(f"the module cannot be unloaded: {_last_line(said)}", "`dmesg | tail` may say more")


def built(machine: Machine, places: Sequence[Path] = BUILT) -> Optional[Path]:
    """The module built in this clone, if it is for the running kernel."""
    for place in places:
        if place.is_file() and module_info(place).get("vermagic", "").split(" ")[0] == machine.release:
            return place
    return None


def module_info(path: Path) -> dict[str, str]:
    """What a module's file says of itself: version, vermagic, license...  {} when it is none."""
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for name in ("version", "vermagic", "license"):
        _, key, rest = data.partition(b"\0" + name.encode() + b"=")
        if key:
            found[name] = rest.partition(b"\0")[0].decode("utf-8", "replace")
    return found


def module_parameters(path: Path) -> list[str]:
    """Names of the parameters that a module's file declares; [] when it is compressed, or none."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    return sorted(name.decode("utf-8", "replace") for name in set(re.findall(rb"\0parmtype=(\w+):", data)))


def _check_file(path: Path, machine: Machine) -> None:
    if not path.is_file():
        raise LoadFailed(f"there is no file {path}", f"build it: {build_command(machine)}")
    with path.open("rb") as file:
        begin = file.read(4)
    if begin[:2] in _COMPRESSED:
        return  # insmod will say
    vermagic = module_info(path).get("vermagic")
    if vermagic is None or begin != b"\x7fELF":
        raise LoadFailed(f"{path} is no kernel module", "give the path of a ksonde.ko")
    release = vermagic.split(" ")[0]
    if release != machine.release:
        raise LoadFailed(
            f"{path} is for kernel {printable(release)}, this is {machine.release}",
            f"build it again: {build_command(machine)}",
        )


def _check_parameters(path: Path, parameters: Sequence[str]) -> None:
    """The kernel only notes an unknown parameter in its log: that is too quiet."""
    known = module_parameters(path)
    for parameter in parameters:
        name = parameter.partition("=")[0]
        if known and name not in known:
            raise LoadFailed(f"the module has no parameter {name!r}", f"it has {', '.join(known)}")


def _check_loaded_parameters(parameters: Sequence[str], machine: Machine) -> None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        now = (machine.read(f"/sys/module/ksonde/parameters/{name}") or "").strip()
        if now != value:
            raise LoadFailed(
                f"the module is loaded already, with {name}={printable(now)}",
                "`ksonde unload` first",
            )


def build_command(machine: Machine) -> str:
    """What builds the module for the running kernel, in a clone."""
    return f"make -C /lib/modules/{machine.release}/build M=$PWD modules"


def _refused(said: str, path: Optional[Path], machine: Machine) -> KsondeError:
    said = _last_line(said)
    low = said.lower()
    if "not found" in low and path is None:
        return LoadFailed(
            f"no module ksonde is installed for kernel {machine.release}",
            f"build it ({build_command(machine)}) then `ksonde load --module PATH`; or see `ksonde doctor`",
        )
    if "key was rejected" in low or "required key" in low or "key has" in low:
        return LoadFailed(
            "the kernel takes signed modules only, and does not know the signature of this one",
            "sign it with an enrolled key; `ksonde doctor` says how",
        )
    if "invalid module format" in low:
        return LoadFailed(
            f"the module was not built for kernel {machine.release}",
            f"build it again: {build_command(machine)}",
        )
    if "operation not permitted" in low:
        lockdown = machine.lockdown()
        if lockdown != "none":
            return LoadFailed(
                f"kernel lockdown ({lockdown}) refuses the module", "`ksonde doctor` says what can be done"
            )
        return NotAllowed("load modules")
    if "unknown parameter" in low or "invalid parameters" in low or "invalid argument" in low:
        return LoadFailed(
            f"the module refuses a parameter: {said}",
            "`modinfo -p` of the module lists them; `dmesg | tail` may say more",
        )
    return LoadFailed(f"the module cannot be loaded: {said}", "`dmesg | tail` may say more")


def _last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return printable(lines[-1]) if lines else "no reason given"


def _wait_for_node(machine: Machine) -> None:
    end = time.monotonic() + PATIENCE
    while not machine.path("/dev/ksonde").exists():
        if time.monotonic() > end:
            raise LoadFailed(
                "the module is loaded, but /dev/ksonde does not appear",
                "is devtmpfs mounted at /dev, or udev running?",
            )
        time.sleep(0.02)


def _proc_modules(machine: Machine) -> tuple[int, int, str]:
    """Size, users and state of the module in /proc/modules."""
    for line in (machine.read("/proc/modules") or "").splitlines():
        words = line.split()
        if len(words) >= 5 and words[0] == "ksonde":
            return int(words[1]), int(words[2]) if words[2].isdigit() else 0, words[4]
    return 0, 0, ""


def _owner(path: Path) -> str:
    try:
        return f"{path.owner()}:{path.group()}"
    except KeyError:
        found = path.stat()
        return f"{found.st_uid}:{found.st_gid}"
