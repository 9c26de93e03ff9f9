# SPDX-License-Identifier: GPL-2.0-only
"""Before anything is installed: would the module of this version work on each installed kernel.

The module is really built, by the command of dkms.conf in a temporary folder, and signed where that is
needed; the hooks are then read from the built file and held against the kernel's options and symbols.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import string
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, ClassVar, Optional

from ksonde import __version__, bootloader, doctor, hooktable, module, signing, symbols
from ksonde.doctor import FAIL, OK, WARN, Check
from ksonde.errors import KsondeError
from ksonde.machine import Machine
from ksonde.text import plural, printable

if TYPE_CHECKING:
    from ksonde.hooktable import Hook, Point, Table
    from ksonde.symbols import Symbols

ARMED, DEGRADED, UNAVAILABLE, UNKNOWN = "armed", "degraded", "unavailable", "unknown"
FINE, FAILS = "fine", "fails"

#: What the module is built from, in a clone and in /usr/src/ksonde-VERSION.
_SOURCES = ("Kbuild", "dkms.conf", "driver")
_BUILT = Path("driver/LKM/ksonde.ko")
#: What DKMS does where a dkms.conf does not say.
_DKMS_MAKE = (
    "make KERNELRELEASE=${kernelver} -C ${kernel_source_dir} "
    "M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build"
)
#: What a failed build says, the most telling first.
_COMPLAINTS = (
    re.compile(r"^.*(?:\berror:|\bERROR: |: not found$|No such file or directory$).*$", re.MULTILINE),
    re.compile(r"^.*\*\*\* .*$", re.MULTILINE),
)


class NoSources(KsondeError):
    """The module's sources are neither in a clone nor installed."""


class NoKernels(KsondeError):
    """No kernel is installed."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True)
class Prediction:
    """What will become of a hook.

    Attributes:
        name: of the hook.
        state: armed, degraded (not by its first candidate), unavailable; unknown without symbols.
        mechanism: that will be taken; "" when none can be.
        target: what it will be attached to.
        detail: a sentence a candidate, as far as they were looked at.
    """

    name: str
    state: str
    mechanism: str = ""
    target: str = ""
    detail: tuple[str, ...] = ()

    @property
    def short(self) -> bool:
        """Whether less will be seen than there is: not where the kernel has not what it would be told of."""
        tried = [line.startswith("notifier ") and line.endswith(" is off") for line in self.detail]
        moot = bool(tried) and all(tried)
        return self.state == DEGRADED or (self.state == UNAVAILABLE and not moot)


@dataclass(frozen=True)
class Kernel:
    """An installed kernel.

    Attributes:
        release: its version.
        running: it is the one that runs now.
        next_boot: it is the one that the next boot takes.
        verdict: fine, degraded (some hook is not as it should be) or fails (it will not have the module).
        why: a sentence; "" when it is fine.
        checks: what was looked at, in the order in which it matters.
        hooks: what will become of each; none where the module does not build.
    """

    release: str
    running: bool
    next_boot: bool
    verdict: str
    why: str
    checks: tuple[Check, ...]
    hooks: tuple[Prediction, ...]


@dataclass(frozen=True)
class Report:
    """All that was found out.

    Attributes:
        version: of the module.
        source: folder that it was built from.
        next_boot: release of the kernel that the next boot takes.
        how: how that was determined.
        kernels: that one first, then the newest ones.
    """

    version: str
    source: str
    next_boot: str
    how: str
    kernels: tuple[Kernel, ...]


def examine(machine: Optional[Machine] = None, tell: Callable[[str], None] = lambda _words: None) -> Report:
    """Look at every installed kernel; tell says what is under way.  NoSources, NoKernels."""
    machine = machine or Machine()
    source = find_source(machine)
    releases = bootloader.installed(machine)
    chosen = bootloader.next_boot(machine, releases)
    if chosen is None:
        raise NoKernels("no kernel is installed: /lib/modules has none", "run it on the host itself")
    releases.sort(key=lambda release: release != chosen.release)
    kernels: list[Kernel] = []
    for release in releases:
        tell(f"building for {release}")
        kernels.append(_kernel(machine.of(release), source, chosen.release))
    return Report(__version__, str(source), chosen.release, chosen.how, tuple(kernels))


def find_source(machine: Machine, clone: Path = module.CLONE) -> Path:
    """The folder of the module's sources: this clone, else where the package puts them."""
    packaged = machine.path(f"/usr/src/ksonde-{__version__}")
    for place in (clone, packaged):
        if all((place / name).exists() for name in _SOURCES):
            return place
    raise NoSources(
        f"the module's sources are not here: neither {clone} nor {packaged} has them",
        "install the package ksonde-dkms, or run it from a clone",
    )


def _kernel(machine: Machine, source: Path, chosen: str) -> Kernel:
    checks = [check for question in _BEFORE for check in question(machine)]
    predictions: tuple[Prediction, ...] = ()
    with build(machine, source, checks) as (ko, built):
        if ko is not None:
            # What the build needs was there, wherever it came from.
            checks = [replace(c, state=WARN) if c.name in _BUILD and c.state == FAIL else c for c in checks]
        checks.append(built)
        if ko is not None:
            checks += obstacles(machine, ko)
            predictions, check = predict(machine, hooktable.read(ko))
            checks.append(check)
    verdict, why = _verdict(checks, predictions)
    return Kernel(
        machine.release,
        machine.is_running,
        machine.release == chosen,
        verdict,
        why,
        tuple(checks),
        predictions,
    )


def _modules(machine: Machine) -> Iterator[Check]:
    """Whether the running kernel loads modules can be asked; of others their options tell."""
    return doctor.modules(machine) if machine.is_running else iter(())


def _headers(machine: Machine) -> Iterator[Check]:
    return doctor.headers(machine, anew=True)


_BUILD = ("compiler", "make")
_BEFORE: tuple[Callable[[Machine], Iterator[Check]], ...] = (
    doctor.kernel,
    doctor.switched_off,
    _modules,
    doctor.options,
    _headers,
    doctor.compiler,
    doctor.make,
)


def _verdict(checks: Sequence[Check], hooks: Sequence[Prediction]) -> tuple[str, str]:
    failed = [check for check in checks if check.state == FAIL]
    if failed:
        return FAILS, f"{failed[-1].name}: {failed[-1].text}"
    short = [hook for hook in hooks if hook.short]
    if short:
        return DEGRADED, ", ".join(f"{hook.name} {hook.state}" for hook in short)
    return FINE, ""


# ---------------------------------------------------------------- building


@contextmanager
def build(
    machine: Machine, source: Path, checks: Sequence[Check] = ()
) -> Iterator[tuple[Optional[Path], Check]]:
    """Build the module for the machine's kernel: its file, None where that fails; and what came of it.

    It is gone after the context.
    """
    if any(check.name == "headers" and check.state == FAIL for check in checks):
        yield None, Check("build", FAIL, "not tried: there are no headers", "install them (see headers)")
        return
    with tempfile.TemporaryDirectory(prefix="ksonde-preflight-") as folder:
        home = Path(folder) / "ksonde" / __version__ / "build"
        home.mkdir(parents=True)
        copy(source, home)
        began = time.monotonic()
        command = build_command(machine, source, Path(folder))
        nice = machine.find("nice")
        done = machine.run([*([nice, "-n", "10"] if nice else []), *command])
        seconds = time.monotonic() - began
        ko = home / _BUILT
        said = (done.stdout + done.stderr).replace(f"{home}/", "")
        if done.returncode or not ko.is_file():
            # The folder that it was tried in will be gone.
            by_hand = shlex.join(command).replace(str(home), str(source))
            yield None, Check("build", FAIL, f"fails: {_complaint(said)}", f"see all of it: {by_hand}")
        else:
            yield ko, Check("build", OK, f"done in {seconds:.0f} s")


def copy(source: Path, home: Path) -> None:
    """Copy the sources, and nothing that was built in their place."""
    left_out = shutil.ignore_patterns(
        "*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd", "modules.order", "Module.symvers"
    )
    for name in _SOURCES:
        if (source / name).is_dir():
            shutil.copytree(source / name, home / name, ignore=left_out)
        else:
            shutil.copy(source / name, home / name)


def build_command(machine: Machine, source: Path, tree: Path) -> list[str]:
    """The words of dkms.conf's MAKE[0], or those of DKMS itself where it has none, as DKMS fills them in."""
    match = re.search(r'^MAKE\[0\]="(.*)"$', (source / "dkms.conf").read_text("utf-8"), re.MULTILINE)
    values = {
        "kernel_source_dir": str(machine.path(f"/lib/modules/{machine.release}/build")),
        "kernelver": machine.release,
        "arch": machine.architecture,
        "dkms_tree": str(tree),
        "PACKAGE_NAME": "ksonde",
        "PACKAGE_VERSION": __version__,
        "parallel_jobs": str(os.cpu_count() or 1),
    }
    try:
        words = shlex.split(string.Template(match[1] if match else _DKMS_MAKE).substitute(values))
    except (KeyError, ValueError) as error:
        raise NoSources(
            f"{source / 'dkms.conf'}: MAKE[0] has what is not known here: {error}",
            "is this a whole clone or package of this version?",
        ) from error
    return [*words, f"-j{os.cpu_count() or 1}"]


def _complaint(said: str) -> str:
    lines = [match[0] for pattern in _COMPLAINTS for match in pattern.finditer(said)] or said.splitlines()[
        -1:
    ]
    return printable(lines[0].strip()) if lines else "make says nothing"


# ----------------------------------------------------------------- loading


def obstacles(machine: Machine, ko: Path) -> Iterator[Check]:
    """What a module that is built can still be refused for."""
    vermagic = module.module_info(ko).get("vermagic", "").split(" ")[0]
    if vermagic != machine.release:
        yield Check(
            "version",
            FAIL,
            f"the headers are those of {printable(vermagic)}: the kernel will refuse the module",
            f"install the headers of {machine.release}",
        )
    yield from doctor.lockdown(machine)
    for check in doctor.signatures(machine):
        found = signing.look(machine)
        wrong = signing.sign(machine, found, ko) if found.needed and found.sign_file and found.key else ""
        if wrong:
            yield Check("signature", FAIL, f"signing with {found.key} fails: {printable(wrong)}", check.hint)
        else:
            yield check


# ------------------------------------------------------------------- hooks


def predict(machine: Machine, table: Table) -> tuple[tuple[Prediction, ...], Check]:
    """What will become of each hook, and what that was judged by."""
    found = symbols.find(machine)
    judge = Judge(machine.kernel_config() or {}, found, table, machine.architecture)
    predictions = judge.hooks()
    counts = {
        state: sum(one.state == state for one in predictions) for state in (ARMED, DEGRADED, UNAVAILABLE)
    }
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if found is None:
        return predictions, Check(
            "hooks",
            WARN,
            f"{plural(len(predictions), 'hook')}, judged by the options only: the symbols are nowhere",
            f"a real /boot/System.map-{machine.release} would do, or look again when it runs",
        )
    short = [one for one in predictions if one.short]
    return predictions, Check(
        "hooks",
        WARN if short else OK,
        f"{said}, judged by {found.source}",
        "see `ksonde preflight --verbose`" if short else "",
    )


@dataclass(frozen=True)
class Judge:
    """Answers, for one kernel, as the engine's attach functions would.

    Attributes:
        config: the kernel's options; empty: not known.
        symbols: its names; None: not known.
        table: of the module that was built for it.
        architecture: as uname has it.
    """

    config: dict[str, str]
    symbols: Optional[Symbols]
    table: Table
    architecture: str

    def hooks(self) -> tuple[Prediction, ...]:
        """What will become of each hook: those that are vital for an event are armed all, or none."""
        found = [self._hook(hook) for hook in self.table.hooks]
        lost: dict[int, str] = {}
        for hook, one in zip(self.table.hooks, found):
            if hook.vital and one.state == UNAVAILABLE:
                lost.setdefault(hook.event, hook.name)
        return tuple(
            Prediction(hook.name, UNAVAILABLE, detail=(f"useless without {lost[hook.event]}",))
            if hook.vital and one.state != UNAVAILABLE and hook.event in lost
            else one
            for hook, one in zip(self.table.hooks, found)
        )

    def _hook(self, hook: Hook) -> Prediction:
        said: list[str] = []
        state = ARMED
        for point in hook.points:
            why = self.obstacle(point)
            said.append(
                f"{point.mechanism} {point.target}: {why or ('taken' if self.symbols else 'may be taken')}"
            )
            if not why:
                if self.symbols is None:
                    state = UNKNOWN
                return Prediction(hook.name, state, point.mechanism, point.target, tuple(said))
            # A fexit costs less than what stands behind it, but records no more.
            if point.mechanism != "fexit":
                state = DEGRADED
        return Prediction(hook.name, UNAVAILABLE, detail=tuple(said))

    def obstacle(self, point: Point) -> str:
        """Why a candidate cannot be armed; "" when it can."""
        tests: dict[str, Callable[[str], str]] = {
            "tracepoint": self._tracepoint,
            "ftrace": self._ftrace,
            "kprobe": self._kprobe,
            "kretprobe": self._kretprobe,
            "fexit": self._fexit,
            "syscall": self._syscall,
            "sys_exit": self._sys_exit,
            "notifier": self._notifier,
            "netfilter": lambda _name: self._off("NETFILTER"),
        }
        return tests[point.mechanism](point.target)

    def _off(self, *names: str) -> str:
        missing = [name for name in names if self.config and self.config.get(name) != "y"]
        return f"CONFIG_{missing[0]} is off" if missing else ""

    def _notifier(self, name: str) -> str:
        """A chain may be in a module that comes later: that it can be built is all it takes."""
        if name == "reboot":
            return ""
        option = {"usb": "USB"}.get(name)
        if option is None:
            return "this kernel has no such chain"
        return "" if not self.config or self.config.get(option) in ("y", "m") else f"CONFIG_{option} is off"

    def _tracepoint(self, name: str) -> str:
        if self.symbols is not None and not self.symbols.has_tracepoint(name):
            return "this kernel has no such tracepoint"
        return self._off("TRACEPOINTS")

    def _function(self, name: str) -> str:
        if self.symbols is not None and not self.symbols.has_function(name):
            return "this kernel has no such function"
        return ""

    def _ftrace(self, name: str) -> str:
        if not self.table.ftrace_works:
            return "this kernel was built without it"
        return self._off("FUNCTION_TRACER", "KPROBES", "KALLSYMS") or self._function(name)

    def _fexit(self, name: str) -> str:
        """It may still be refused, where somebody else makes direct calls from there."""
        if not self.table.fexit_works:
            return "this kernel was built without it"
        return self._off("FUNCTION_TRACER", "KPROBES", "KALLSYMS") or self._function(name)

    def _kprobe(self, name: str) -> str:
        off = self._off("KPROBES") or self._function(name)
        if off:
            return off
        if self.symbols is not None and self.symbols.refuses_probes(name):
            return "the kernel refuses a probe there"
        # Its ftrace sites are the functions' first instructions, where no other kprobe may be; the
        # second ones since v6.16, b2137c3b6d7a ("riscv: ftrace: prepare ftrace for atomic code patching"),
        # whose series brought call ops.
        if self.architecture == "riscv64" and self.config.get("DYNAMIC_FTRACE") == "y":
            free = ("KPROBES_ON_FTRACE", "DYNAMIC_FTRACE_WITH_CALL_OPS")
            on = any(self.config.get(option) == "y" for option in free)
            return "" if on else "the kernel refuses a probe there"
        return ""

    def _kretprobe(self, names: str) -> str:
        """One or several functions: those that there are."""
        off = self._off("KRETPROBES")
        if off or self.symbols is None:
            return off or self._kprobe(names)
        there = [name for name in names.split() if self.symbols.has_function(name)]
        refused = next(filter(None, map(self._kprobe, there)), "")
        return refused if there else "this kernel has no such function"

    def _functions_of(self, call: str) -> list[str]:
        """Those of a system call that there are."""
        assert self.symbols is not None
        # A call without arguments is one function on x86; types have it by the last of these names only.
        ways = [f"{prefix}{call.rstrip('?')}" for prefix in (*self.table.syscall_prefixes, "__do_sys_")]
        return [way for way in ways if self.symbols.has_function(way)]

    def _sys_exit(self, names: str) -> str:
        """A call that the kernel does not know has no number."""
        off = self._tracepoint("sys_exit")
        if off or self.symbols is None or any(map(self._functions_of, names.split())):
            return off
        return f"this kernel has no function of any of {names}"

    def _syscall(self, names: str) -> str:
        off = self._off("KRETPROBES", "KALLSYMS")
        if off or self.symbols is None:
            return off
        found = False
        for name in names.split():
            there = self._functions_of(name)
            if not there and not name.endswith("?"):
                return f"this kernel has no function of {name}"
            found = found or bool(there)
            refused = next(filter(None, map(self._kretprobe, there)), "")
            if refused:
                return refused
        return "" if found else f"this kernel has no function of any of {names}"
