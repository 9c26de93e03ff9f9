# SPDX-License-Identifier: GPL-2.0-only
"""Preflight against folders of kernels, whose Makefiles do what kbuild would: make is really run."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import pytest

from fakes import tree
from ksonde import __version__, bootloader, doctor, preflight, symbols
from ksonde.doctor import FAIL, OK, WARN
from ksonde.hooktable import Hook, Point, Table
from ksonde.machine import Machine
from ksonde.preflight import DEGRADED, FAILS, FINE, Kernel
from test_hooktable import SOURCE, compiled

NEW, OLD = "6.12.0-9-amd64", "6.1.0-50-amd64"
CONFIG = "".join(f"CONFIG_{name}=y\n" for name in (*doctor.REQUIRED, *doctor.WANTED))
CONFIG += 'CONFIG_CC_VERSION_TEXT="gcc-12 (Debian) 12.2.0"\n'
NAMES = (
    [f"function_{i}" for i in range(1200)]
    + ["__sys_connect_file", "security_socket_connect", "commit_creds", "__x64_sys_execve"]
    + ["__x64_sys_execveat", "__ia32_sys_execveat", "__tracepoint_module_load", "__tracepoint_sys_exit"]
)
BUILDS = "modules:\n\t@mkdir -p $(M)/driver/LKM\n\t@cp $(CURDIR)/ksonde.ko $(M)/driver/LKM/\n"


class FakeMachine(Machine):
    """Has all programs but those it lacks; make is the real one."""

    lacks: Sequence[str] = ()
    mokutil = ""

    def find(self, program: str) -> Optional[str]:
        if program in self.lacks or program == "mokutil":
            return "/usr/bin/mokutil" if program == "mokutil" and self.mokutil else None
        return f"/usr/bin/{program}"

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if command[0].endswith("mokutil"):
            return subprocess.CompletedProcess(list(command), 0, self.mokutil, "")
        return super().run(command)


@pytest.fixture(name="ko", scope="module")
def _ko(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compiled(tmp_path_factory.mktemp("ko"), SOURCE, "-DFORMAT=2", "-mcmodel=kernel").read_bytes()


@pytest.fixture(name="machine")
def _machine(tmp_path: Path, ko: bytes, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A machine that runs the older of two kernels, both as they should be."""
    clone = tree(
        tmp_path / "clone", {"Kbuild": "", "driver/LKM/core/main.c": "", "driver/LKM/core/main.o": ""}
    )
    dkms = Path(__file__).parents[2] / "dkms.conf"
    (clone / "dkms.conf").write_text(dkms.read_text())
    monkeypatch.setattr(preflight.find_source, "__defaults__", (clone,))
    monkeypatch.setattr(doctor, "built", lambda _machine: None)
    root = tmp_path / "root"
    tree(root, {"/proc/cmdline": "quiet", "/proc/modules": "", "/etc/os-release": "ID=debian\n"})
    for release in (NEW, OLD):
        add_kernel(root, release, ko)
    return FakeMachine(root, release=OLD, architecture="x86_64")


def add_kernel(root: Path, release: str, ko: bytes) -> None:
    build = f"/lib/modules/{release}/build"
    files = {
        f"/lib/modules/{release}/kernel/x.ko": "",
        f"{build}/Makefile": BUILDS,
        f"{build}/scripts/sign-file": "#!/bin/sh\necho signed >>$4\n",
        f"/boot/config-{release}": CONFIG,
        f"/boot/vmlinuz-{release}": "",
        f"/boot/System.map-{release}": "".join(f"0 T {name}\n" for name in NAMES),
    }
    tree(root, files)
    (root / f".{build}" / "scripts/sign-file").chmod(0o755)
    (root / f".{build}" / "ksonde.ko").write_bytes(ko + f"\0vermagic={release} SMP \0".encode())


def edit(machine: Machine, path: str, old: str, new: str) -> None:
    text = machine.read(path)
    assert text is not None
    assert old in text
    machine.path(path).write_text(text.replace(old, new))


def check(kernel: Kernel, name: str) -> doctor.Check:
    (found,) = (one for one in kernel.checks if one.name == name)
    return found


# ---------------------------------------------------------------- verdicts


def test_two_good_kernels(machine: FakeMachine) -> None:
    told: list[str] = []
    report = preflight.examine(machine, told.append)
    assert told == [f"building for {NEW}", f"building for {OLD}"]
    assert (report.version, report.next_boot) == (__version__, NEW)
    assert [(k.release, k.verdict, k.why) for k in report.kernels] == [(NEW, FINE, ""), (OLD, FINE, "")]
    assert [(k.running, k.next_boot) for k in report.kernels] == [(False, True), (True, False)]
    hooks = [(hook.name, hook.state, hook.mechanism, hook.target) for hook in report.kernels[0].hooks]
    assert hooks == [
        ("connect", "armed", "kretprobe", "__sys_connect_file"),
        ("execve_failed", "armed", "syscall", "execve execveat"),
    ]
    assert check(report.kernels[0], "build").state == OK
    assert check(report.kernels[0], "hooks").text == f"2 armed, judged by /boot/System.map-{NEW}"


def test_the_kernel_of_the_next_boot_comes_first(machine: FakeMachine) -> None:
    grub = f"set default=\"1\"\nmenuentry 'new' {{\n linux /boot/vmlinuz-{NEW}\n}}\n"
    grub += f"menuentry 'old' {{\n linux /boot/vmlinuz-{OLD}\n}}\n"
    tree(machine.root, {"/boot/grub/grub.cfg": grub})
    report = preflight.examine(machine)
    assert [kernel.release for kernel in report.kernels] == [OLD, NEW]
    assert report.how == "the default entry of /boot/grub/grub.cfg"


def test_no_headers(machine: FakeMachine) -> None:
    machine.path(f"/lib/modules/{NEW}/build/Makefile").unlink()
    new, old = preflight.examine(machine).kernels
    assert (new.verdict, old.verdict) == (FAILS, FINE)
    assert check(new, "headers").hint.startswith(f"apt install linux-headers-{NEW}")
    assert check(new, "build").text == "not tried: there are no headers"
    assert new.hooks == ()


def test_a_module_that_runs_is_no_headers(machine: FakeMachine) -> None:
    """The doctor is content with it; this version is not built by that."""
    machine.path(f"/lib/modules/{OLD}/build/Makefile").unlink()
    tree(machine.root, {"/sys/module/ksonde/version": "0.0.1\n"})
    old = preflight.examine(machine).kernels[1]
    assert old.running
    assert (old.verdict, check(old, "headers").state) == (FAILS, FAIL)
    assert check(old, "build").text == "not tried: there are no headers"


def test_the_wrong_compiler(machine: FakeMachine) -> None:
    """The kernel asks for one that is not there: the build says so, as it will then."""
    machine.lacks = ["gcc-12", "gcc"]
    makefile = f"/lib/modules/{NEW}/build/Makefile"
    edit(machine, makefile, "\t@mkdir", "\t@ksonde-no-such-gcc-12 -c main.c\n\t@mkdir")
    new, old = preflight.examine(machine).kernels
    assert new.verdict == FAILS
    assert "ksonde-no-such-gcc-12" in new.why
    assert check(new, "compiler").state == FAIL
    # The other kernel's build found what it needs in spite of the doctor's doubts.
    assert (old.verdict, check(old, "compiler").state) == (FINE, WARN)


def test_a_kernel_that_it_does_not_build_on(machine: FakeMachine) -> None:
    broken = "modules:\n\t@echo \"$(M)/driver/x.c:7:1: error: no 'task->state'\" >&2\n\t@false\n"
    tree(machine.root, {f"/lib/modules/{OLD}/build/Makefile": broken})
    new, old = preflight.examine(machine).kernels
    assert (new.verdict, old.verdict) == (FINE, FAILS)
    assert old.why == "build: fails: driver/x.c:7:1: error: no 'task->state'"
    assert f"-C {machine.path(f'/lib/modules/{OLD}/build')} " in check(old, "build").hint
    assert f"M={preflight.find_source(machine)} " in check(old, "build").hint


def test_a_build_that_leaves_nothing(machine: FakeMachine) -> None:
    tree(machine.root, {f"/lib/modules/{NEW}/build/Makefile": "modules:\n"})
    assert preflight.examine(machine).kernels[0].verdict == FAILS


def test_headers_of_another_kernel(machine: FakeMachine, ko: bytes) -> None:
    place = machine.path(f"/lib/modules/{NEW}/build/ksonde.ko")
    place.write_bytes(ko + b"\0vermagic=6.12.0-8-amd64 SMP \0")
    new = preflight.examine(machine).kernels[0]
    assert (new.verdict, check(new, "version").state) == (FAILS, FAIL)
    assert "those of 6.12.0-8-amd64" in new.why


@pytest.mark.parametrize("how", ["/sys/kernel/security/lockdown", "config"])
def test_lockdown_and_forced_signatures(machine: FakeMachine, how: str) -> None:
    if how == "config":
        edit(
            machine, f"/boot/config-{NEW}", "CONFIG_MODULES=y", "CONFIG_MODULES=y\nCONFIG_MODULE_SIG_FORCE=y"
        )
    else:
        tree(machine.root, {how: "none [integrity] confidentiality\n"})
    new, old = preflight.examine(machine).kernels
    assert new.verdict == FAILS
    assert "there is no key" in new.why
    assert old.verdict == (FINE if how == "config" else FAILS)
    tree(machine.root, {"/var/lib/dkms/mok.key": "", "/var/lib/dkms/mok.pub": ""})
    assert "without EFI" in preflight.examine(machine).kernels[0].why
    machine.path("/sys/firmware/efi").mkdir(parents=True)
    machine.mokutil = "mok.pub is not enrolled"
    assert "not enrolled" in preflight.examine(machine).kernels[0].why
    machine.mokutil = "mok.pub is already enrolled"
    assert preflight.examine(machine).kernels[0].verdict == FINE
    tree(
        machine.root,
        {f"/lib/modules/{NEW}/build/scripts/sign-file": "#!/bin/sh\necho no engine >&2; exit 1\n"},
    )
    new = preflight.examine(machine).kernels[0]
    assert (new.verdict, new.why) == (FAILS, "signature: signing with /var/lib/dkms/mok.key fails: no engine")


def test_ksonde_off(machine: FakeMachine) -> None:
    tree(machine.root, {"/proc/cmdline": "quiet ksonde=off"})
    assert [kernel.verdict for kernel in preflight.examine(machine).kernels] == [FAILS, FAILS]


def test_loading_that_is_switched_off_is_the_running_kernels_affair(machine: FakeMachine) -> None:
    tree(machine.root, {"/proc/sys/kernel/modules_disabled": "1\n"})
    assert [kernel.verdict for kernel in preflight.examine(machine).kernels] == [FINE, FAILS]


def test_a_kernel_without_modules(machine: FakeMachine) -> None:
    edit(machine, f"/boot/config-{NEW}", "CONFIG_MODULES=y", "# CONFIG_MODULES is not set")
    assert preflight.examine(machine).kernels[0].verdict == FAILS


def test_missing_kprobes(machine: FakeMachine) -> None:
    for name in ("KPROBES", "KRETPROBES"):
        edit(machine, f"/boot/config-{NEW}", f"CONFIG_{name}=y\n", "")
    new = preflight.examine(machine).kernels[0]
    assert (new.verdict, new.why) == (DEGRADED, "connect unavailable, execve_failed unavailable")
    assert new.hooks[0].detail == (
        "kretprobe __sys_connect_file: CONFIG_KRETPROBES is off",
        "ftrace security_socket_connect: CONFIG_KPROBES is off",
    )


def test_a_function_that_is_not_there(machine: FakeMachine) -> None:
    edit(machine, f"/boot/System.map-{NEW}", "0 T __sys_connect_file\n", "0 t __sys_connect_file.isra.0\n")
    new = preflight.examine(machine).kernels[0]
    assert (new.verdict, new.why) == (DEGRADED, "connect degraded")
    assert (new.hooks[0].mechanism, new.hooks[0].target) == ("ftrace", "security_socket_connect")


def test_without_symbols_it_is_the_options_that_count(machine: FakeMachine) -> None:
    machine.path(f"/boot/System.map-{NEW}").unlink()
    new = preflight.examine(machine).kernels[0]
    assert (new.verdict, check(new, "hooks").state) == (FINE, WARN)
    assert {hook.state for hook in new.hooks} == {"unknown"}
    assert new.hooks[0].detail[-1].endswith("may be taken")


def test_nothing_is_left_and_nothing_is_touched(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = {path: path.stat().st_mtime_ns for path in machine.root.rglob("*")}
    preflight.examine(machine)
    assert list(scratch.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in machine.root.rglob("*")} == before


def test_where_the_sources_are(machine: FakeMachine, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(preflight.NoSources, match="neither"):
        preflight.find_source(machine, nowhere)
    packaged = tree(
        machine.path(f"/usr/src/ksonde-{__version__}"),
        {"Kbuild": "", "dkms.conf": "", "driver/LKM/Kbuild": ""},
    )
    assert preflight.find_source(machine, nowhere) == packaged
    assert preflight.find_source(machine) == tmp_path / "clone"


def test_no_kernel_at_all(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootloader, "installed", lambda _machine: [])
    with pytest.raises(preflight.NoKernels):
        preflight.examine(machine)


# ------------------------------------------------------------ the command


def test_the_command_is_dkmss_own(machine: FakeMachine, tmp_path: Path) -> None:
    conf = tmp_path / "clone/dkms.conf"
    for text in ("", 'MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/ksonde/$PACKAGE_VERSION/build"\n'):
        conf.write_text(text)
        words = preflight.build_command(machine.of(NEW), conf.parent, Path("/scratch"))
        at = words.index("-C")
        assert words[0] == "make"
        assert words[at + 1 : at + 3] == [
            str(machine.path(f"/lib/modules/{NEW}/build")),
            f"M=/scratch/ksonde/{__version__}/build",
        ]
    conf.write_text('MAKE[0]="make $mystery"\n')
    with pytest.raises(preflight.NoSources, match="mystery"):
        preflight.build_command(machine, conf.parent, Path("/scratch"))


# ---------------------------------------------------------------- the judge


def judged(point: Point, *, names: Optional[Sequence[str]] = (), off: Sequence[str] = (), **more: Any) -> str:
    config = dict.fromkeys(doctor.WANTED, "y") | {"TRACEPOINTS": "y", **more.pop("config", {})}
    for name in off:
        del config[name]
    found = None if names is None else symbols.Symbols("a test", frozenset(names))
    table = Table(
        (), more.pop("ftrace_works", True), more.pop("fexit_works", True), ("__x64_sys_", "__ia32_sys_")
    )
    return preflight.Judge(config, found, table, more.pop("architecture", "x86_64")).obstacle(point)


@pytest.mark.parametrize(
    ("point", "options", "why"),
    [
        (Point("tracepoint", "x"), {"names": ["__traceiter_x"]}, ""),
        (Point("tracepoint", "x"), {"names": ["x"]}, "this kernel has no such tracepoint"),
        (Point("tracepoint", "x"), {"names": None, "off": ["TRACEPOINTS"]}, "CONFIG_TRACEPOINTS is off"),
        (Point("sys_exit", "a b"), {"names": ["__tracepoint_sys_exit", "__x64_sys_b"]}, ""),
        (
            Point("sys_exit", "a b"),
            {"names": ["__tracepoint_sys_exit"]},
            "this kernel has no function of any of a b",
        ),
        (Point("sys_exit", "a b"), {}, "this kernel has no such tracepoint"),
        (Point("notifier", "usb"), {"config": {"USB": "m"}}, ""),
        (Point("notifier", "usb"), {}, "CONFIG_USB is off"),
        (Point("notifier", "x"), {}, "this kernel has no such chain"),
        (Point("ftrace", "f"), {"names": ["f"]}, ""),
        (Point("ftrace", "f"), {"names": ["g"]}, "this kernel has no such function"),
        (Point("ftrace", "f"), {"names": ["f"], "ftrace_works": False}, "this kernel was built without it"),
        (Point("fexit", "f"), {"names": ["f"], "fexit_works": False}, "this kernel was built without it"),
        (Point("fexit", "f"), {}, "this kernel has no such function"),
        (Point("fexit", "f"), {"names": ["f"]}, ""),
        (Point("ftrace", "f"), {"names": ["f"], "off": ["KALLSYMS"]}, "CONFIG_KALLSYMS is off"),
        (Point("kprobe", "f"), {"names": ["f"]}, ""),
        (Point("kprobe", "f"), {"names": ["f", "_kbl_addr_f"]}, "the kernel refuses a probe there"),
        (Point("kprobe", "f"), {"names": ["f"], "off": ["KPROBES"]}, "CONFIG_KPROBES is off"),
        (
            Point("kprobe", "f"),
            {"names": ["f"], "architecture": "riscv64", "config": {"DYNAMIC_FTRACE": "y"}},
            "the kernel refuses a probe there",
        ),
        (
            Point("kprobe", "f"),
            {"names": ["f"], "architecture": "riscv64", "config": {"KPROBES_ON_FTRACE": "y"}},
            "",
        ),
        (
            Point("kprobe", "f"),
            {
                "names": ["f"],
                "architecture": "riscv64",
                "config": {"DYNAMIC_FTRACE": "y", "DYNAMIC_FTRACE_WITH_CALL_OPS": "y"},
            },
            "",
        ),
        (Point("kretprobe", "f"), {"names": ["f"], "off": ["KRETPROBES"]}, "CONFIG_KRETPROBES is off"),
        (Point("kretprobe", "f"), {"names": None}, ""),
        (Point("kretprobe", "f g h"), {"names": ["g"]}, ""),
        (Point("kretprobe", "f g"), {"names": ["h"]}, "this kernel has no such function"),
        (
            Point("kretprobe", "f g"),
            {"names": ["f", "g", "_kbl_addr_g"]},
            "the kernel refuses a probe there",
        ),
        (Point("syscall", "a b"), {"names": ["__x64_sys_a", "__ia32_sys_b"]}, ""),
        (Point("syscall", "a b"), {"names": ["__x64_sys_a"]}, "this kernel has no function of b"),
        (Point("syscall", "a b"), {"names": ["__x64_sys_a", "__do_sys_b"]}, ""),
        (Point("syscall", "a"), {"names": None, "off": ["KRETPROBES"]}, "CONFIG_KRETPROBES is off"),
        (
            Point("syscall", "a"),
            {"names": ["__x64_sys_a", "__ia32_sys_a", "_kbl_addr___ia32_sys_a"]},
            "the kernel refuses a probe there",
        ),
    ],
)
def test_obstacles(point: Point, options: dict[str, Any], why: str) -> None:
    assert judged(point, **options) == why


def test_what_a_kernel_has_not_is_no_degradation() -> None:
    """As of the kernels of clouds, which have no USB."""
    usb = preflight.Prediction(
        "usb_device", preflight.UNAVAILABLE, detail=("notifier usb: CONFIG_USB is off",)
    )
    assert not usb.short
    assert preflight._verdict((), (usb,)) == (preflight.FINE, "")
    assert dataclasses.replace(usb, detail=("ftrace x: CONFIG_KPROBES is off",)).short
    assert dataclasses.replace(usb, detail=()).short


def test_vital_hooks_are_armed_all_or_none() -> None:
    """Without one of an event's the others would be wrong."""

    def hook(name: str, event: int, target: str, *, vital: bool) -> Hook:
        return Hook(name, event, always=False, points=(Point("tracepoint", target),), vital=vital)

    rows = (
        hook("one", 611, "there", vital=True), hook("two", 611, "gone", vital=True),
        hook("three", 611, "there", vital=False), hook("four", 42, "there", vital=True),
    )  # fmt: skip
    table = Table(rows, ftrace_works=True, fexit_works=True, syscall_prefixes=())
    found = symbols.Symbols("a map", frozenset({"__tracepoint_there"}))
    judged = preflight.Judge({}, found, table, "x86_64").hooks()
    assert [one.state for one in judged] == ["unavailable", "unavailable", "armed", "armed"]
    assert judged[0].detail == ("useless without two",)
    assert judged[1].detail == ("tracepoint gone: this kernel has no such tracepoint",)
