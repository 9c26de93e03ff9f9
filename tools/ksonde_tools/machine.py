# SPDX-License-Identifier: GPL-2.0-only
"""Runs one command in a virtual machine, and judges the kernel's log.

With `usb` the machine has a USB controller, and who writes "plug" or "unplug" and a newline to the guest's
port `usb` gets a device into it, or out: QEMU's monitor does no more than that for the guest.
"""

from __future__ import annotations

import compileall
import dataclasses
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import initramfs
from .common import (
    EXIT_GUEST_DIED,
    EXIT_KERNEL_LOG,
    EXIT_TIMEOUT,
    EXIT_TOOL,
    ROOT,
    ToolError,
    cache_dir,
    lock,
    say,
)
from .kernel import Kernel

#: What no kernel's log may have.
BAD_LINE = re.compile(
    r"\bWARNING:|\bBUG\b|\bOops\b|possible (?:recursive|circular|irq) locking|lockdep|inconsistent lock state"
    r"|\bKASAN\b|\bKCSAN\b|\bKFENCE\b|\bUBSAN\b|INFO: task .* blocked|INFO: trying to register|INFO: possible"
    r"|rcu.*\bstall|general protection fault|Kernel panic|Unable to handle kernel|suspicious RCU usage"
    r"|refcount_t:|list_(?:add|del) corruption|sleeping function called|scheduling while atomic|soft lockup"
    r"|bad unlock balance|held lock freed|unreferenced object"
)
#: Lines that look like it and are none; a function in a stack that something harmless printed is one.
_HARMLESS = re.compile(
    r"^(?:\[[^]]*\])?\s+(?:\? )?\w*lockdep\w*\+0x"
    r"|\bDEBUG\b|lockdep is turned off|RCU lockdep checking is enabled|Lock dependency validator"
)
#: What the guest may ask QEMU's monitor for.
_USB = {b"plug": b"device_add usb-tablet,id=plugged,bus=usb.0\n", b"unplug": b"device_del plugged\n"}
#: One thread for all CPUs: with one each, QEMU 7.2 runs old translations of code that another CPU has just
#: patched, for ever. Seen in its memory: both CPUs took a breakpoint at a function's begin, where a nop was.
EMULATED = "tcg,thread=single"
_PROBE_SECONDS = 15
_LOGS_KEPT = 100

Sink = Callable[[bytes], None]


@dataclasses.dataclass
class Run:
    """What to run and on what; `module` is an insmod command's words, `panic` what the guest must die of."""

    kernel: Kernel
    command: Sequence[str]
    module: Sequence[str] = ()
    cpus: int = 2
    memory: str = "2G"
    append: str = ""
    timeout: float = 600.0
    accelerator: str = "auto"
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    cwd: Path | None = None
    udev: bool = True
    log: Path | None = None
    qemu: Sequence[str] = ()
    panic: str = ""
    usb: bool = False


@dataclasses.dataclass
class Result:
    """How it ended: the command's exit code or one of the tools' own."""

    code: int
    log: Path
    bad: list[str]
    seconds: float


def run(task: Run, out: Sink | None = None, err: Sink | None = None) -> Result:
    """Boot, run the command, hand its output to the sinks as it comes, return how it ended."""
    # The guest cannot write into the clone, and would compile everything at each start.
    compileall.compile_dir(ROOT / "userland", quiet=2)
    compileall.compile_dir(ROOT / "tools", quiet=2)
    log = task.log or _new_log()
    log.write_bytes(b"")
    if task.accelerator == "auto":
        task = dataclasses.replace(task, accelerator=accelerator(task.kernel))
    say(f"booting Linux {task.kernel.version} ({task.accelerator})")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ksonde-vm-") as scratch:
        initrd = Path(scratch) / "initrd"
        initrd.write_bytes(initramfs.make(task.kernel, _guest_files(task)))
        pumps = _Pumps(out or _to(1), err or _to(2), task.usb)
        code = _run_qemu(task, initrd, log, pumps, began + task.timeout)
    bad = bad_lines(log)
    if task.panic and code is not None:
        code, bad = _panicked(task.panic, code, log, bad)
    if code is None:
        say(f"the machine did not end within {task.timeout:g} s")
        code = EXIT_TIMEOUT
    elif code == EXIT_GUEST_DIED:
        say("the machine ended before the command did")
    if bad:
        say(f"the kernel's log has {len(bad)} line{'s' * (len(bad) > 1)} that it must not have ({log}):")
        for line in bad[:20]:
            print(f"  {line}", file=sys.stderr)
        if code not in (EXIT_TIMEOUT, EXIT_GUEST_DIED):
            code = EXIT_KERNEL_LOG
    elif code in (EXIT_TIMEOUT, EXIT_GUEST_DIED):
        for line in log.read_text(errors="replace").splitlines()[-15:]:
            print(f"  {line}", file=sys.stderr)
    return Result(code, log, bad, time.monotonic() - began)


def _panicked(panic: str, code: int, log: Path, bad: list[str]) -> tuple[int, list[str]]:
    """Take the panic that was asked for, and no other, as the end that the guest should come to."""
    wanted = f"Kernel panic - not syncing: {panic}"
    if code != EXIT_GUEST_DIED or wanted not in log.read_text(errors="replace"):
        say(f"the machine did not die of {panic!r}")
        return code or EXIT_TOOL, bad
    return 0, [line for line in bad if wanted not in line]


def _new_log() -> Path:
    """Return a name for a log in the cache, where old ones make place."""
    folder = cache_dir() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-_LOGS_KEPT]:
        old.unlink(missing_ok=True)
    return folder / f"vm-{os.getpid()}.log"


def bad_lines(log: Path) -> list[str]:
    """Return the lines of a kernel log that make a run fail."""
    lines = log.read_text(errors="replace").splitlines()
    return [line.rstrip() for line in lines if BAD_LINE.search(line) and not _HARMLESS.search(line)]


def accelerator(kernel: Kernel) -> str:
    """Return "kvm" when a short boot shows that it works here, else "tcg"."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    answer = cache_dir() / f"accelerator-{boot}"
    with lock("accelerator"):
        if not answer.exists():
            say("trying whether KVM works here")
            answer.write_text("kvm" if _kvm_boots(kernel) else "tcg")
    return answer.read_text()


def _kvm_boots(kernel: Kernel) -> bool:
    with tempfile.TemporaryDirectory(prefix="ksonde-vm-") as scratch:
        initrd = Path(scratch) / "initrd"
        initrd.write_bytes(initramfs.make(kernel, {}))
        command = [_qemu(), "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "512M", "-smp", "2"]
        command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"]
        command += ["-kernel", str(kernel.image), "-initrd", str(initrd)]
        command += ["-append", "console=ttyS0 quiet panic=-1 ksonde_probe"]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return False
    return b"ksonde_probe_ok" in done.stdout


def _qemu() -> str:
    found = shutil.which("qemu-system-x86_64")
    if found is None:
        raise ToolError("there is no qemu-system-x86_64", "apt-get install qemu-system-x86")
    return found


def _guest_files(task: Run) -> dict[str, str]:
    environment = {
        "HOME": "/run/home",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "KSONDE_CACHE": str(cache_dir()),
        "KSONDE_VM": task.kernel.version,
        **task.environment,
    }
    cwd = task.cwd or Path.cwd()
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    lines += [f"cd {shlex.quote(str(cwd))} || exit 125", f"exec {shlex.join(task.command)}"]
    config = {
        "image": "" if _is_hosts(task.kernel) else str(task.kernel.image),
        "modules": "" if _is_hosts(task.kernel) else str(task.kernel.modules),
        "module": shlex.join(task.module),
        "binds": " ".join(shlex.quote(str(path)) for path in _binds(cwd, task.command)),
        "udev": "1" if task.udev else "",
        "host_name": "ksonde-vm",
    }
    return {
        "start": (ROOT / "tools/guest/start").read_text(),
        "config": "".join(f"{name}={shlex.quote(value)}\n" for name, value in config.items()),
        "command": "#!/bin/sh\necho $$ >/run/ksonde/pid\n" + "\n".join(lines) + "\n",
    }


def _is_hosts(kernel: Kernel) -> bool:
    return kernel.modules.is_relative_to("/lib/modules")


def _binds(cwd: Path, command: Sequence[str]) -> list[Path]:
    """Return what the guest must see below places where it has a file system of its own."""
    own = (Path("/tmp"), Path("/var/tmp"))
    wanted = [ROOT, cache_dir(), cwd, Path(sys.prefix), Path(sys.base_prefix)]
    wanted += [Path(word).parent for word in command[:1] if word.startswith("/")]
    found: list[Path] = []
    for path in sorted({path.resolve() for path in wanted} | set(wanted)):
        inside = any(path != place and path.is_relative_to(place) for place in own)
        if inside and path.is_dir() and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found


def _arguments(task: Run, initrd: Path, log: Path, ports: dict[str, int]) -> list[str]:
    command = [_qemu(), "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none"]
    if task.accelerator == "kvm":
        command += ["-accel", "kvm", "-cpu", "host"]
    else:
        command += ["-accel", f"{EMULATED},tb-size=512", "-cpu", "max"]
    command += ["-smp", str(task.cpus), "-m", task.memory, "-nic", "none", "-no-reboot"]
    command += ["-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"]
    command += ["-device", "virtio-9p-pci,fsdev=root,mount_tag=root", "-device", "virtio-serial-pci"]
    for name, descriptor in ports.items():
        command += ["-chardev", f"socket,id={name},fd={descriptor}"]
        if name != "monitor":
            command += ["-device", f"virtserialport,chardev={name},name={name}"]
    if task.usb:
        command += ["-device", "qemu-xhci,id=usb", "-mon", "chardev=monitor,mode=readline"]
    command += ["-chardev", f"file,id=log,path={log},append=on", "-serial", "chardev:log"]
    command += ["-kernel", str(task.kernel.image), "-initrd", str(initrd)]
    # no_timer_check: an emulated CPU that has to wait for the machine is not a timer that is broken.
    words = "console=ttyS0 no_timer_check loglevel=5 panic_on_warn=1 oops=panic panic=-1 " + task.append
    return [*command, "-append", words.strip(), *task.qemu]


class _Pumps:
    """Reads the guest's ports and hands on what comes."""

    def __init__(self, out: Sink, err: Sink, usb: bool = False) -> None:
        self.code: int | None = None
        self._said = b""
        self._asked = b""
        self._sinks: dict[str, Sink] = {"out": out, "err": err, "control": self._control, "signal": _ignore}
        if usb:
            self._sinks.update(usb=self._usb, monitor=_ignore)
        self._selector = selectors.DefaultSelector()
        self.far: dict[str, int] = {}
        self._near: dict[str, socket.socket] = {}
        self._sockets: list[socket.socket] = []
        for name, sink in self._sinks.items():
            near, far = socket.socketpair()
            self._sockets += [near, far]
            self._selector.register(near, selectors.EVENT_READ, sink)
            self.far[name] = far.fileno()
            self._near[name] = near

    def _control(self, data: bytes) -> None:
        self._said += data
        match = re.search(rb"^exit (\d+)\n", self._said, re.MULTILINE)
        if match:
            self.code = EXIT_TOOL if b"insmod\n" in self._said else int(match.group(1))

    def _usb(self, data: bytes) -> None:
        *lines, self._asked = (self._asked + data).split(b"\n")
        for line in lines:
            command = _USB.get(line)
            if command is not None:
                self._near["monitor"].send(command)

    def started(self) -> None:
        """Close the far ends: they are QEMU's now."""
        for end in self._sockets[1::2]:
            end.close()

    def pump(self, until: float) -> bool:
        """Hand on what comes; False when all ends are closed or the time is over."""
        while self._selector.get_map():
            left = until - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(left):
                near = key.fileobj
                assert isinstance(near, socket.socket)
                data = near.recv(65536)
                if data:
                    key.data(data)
                else:
                    self._selector.unregister(near)
        return True

    def interrupt(self) -> None:
        """Have the guest's command interrupted, as from the keyboard."""
        self._near["signal"].send(b"INT\n")

    def close(self) -> None:
        for end in self._sockets:
            end.close()
        self._selector.close()


def _ignore(data: bytes) -> None:
    del data


def _run_qemu(task: Run, initrd: Path, log: Path, pumps: _Pumps, until: float) -> int | None:
    """Return the command's exit code, EXIT_GUEST_DIED without one, None after a time-out."""
    command = _arguments(task, initrd, log, pumps.far)
    with tempfile.TemporaryFile() as words:
        # A session of its own: an interrupt from the keyboard is ours to handle.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, pass_fds=tuple(pumps.far.values()),
            start_new_session=True,
        )  # fmt: skip
        pumps.started()
        try:
            try:
                in_time = pumps.pump(until)
            except KeyboardInterrupt:
                # The first one is the command's; the second one ends the machine.
                pumps.interrupt()
                in_time = pumps.pump(until)
            if in_time:
                process.wait(timeout=10)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
            pumps.close()
        if not in_time:
            return None
        words.seek(0)
        said = words.read().decode(errors="replace").strip()
    if pumps.code is None:
        if process.returncode != 0:
            raise ToolError(f"QEMU failed: {said or process.returncode}")
        return EXIT_GUEST_DIED
    return pumps.code


def _to(descriptor: int) -> Sink:
    def write(data: bytes) -> None:
        while data:
            data = data[os.write(descriptor, data) :]

    return write
