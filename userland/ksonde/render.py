# SPDX-License-Identifier: GPL-2.0-only
"""Records as lines for people.

A line is: local time, user, process, event, and a sentence.  An event that has no sentence here (a newer
driver's) is shown field by field, as the schema describes it.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

from ksonde import text, values
from ksonde.values import join

if TYPE_CHECKING:
    from ksonde.ancestry import Ancestry
    from ksonde.enrich.containers import Containers
    from ksonde.enrich.interfaces import Interfaces
    from ksonde.record import Record
    from ksonde.schema import Field, Schema

#: Events that a scan of the kernel finds.
FINDINGS = (
    "proc_fops_hook",
    "syscall_table_hook",
    "hidden_module",
    "idt_hook",
    "inline_hook",
    "lsm_hook",
    "probe_inventory",
    "control_register",
    "hidden_process",
    "sensor_tamper",
)
_CODES = {
    "execve": "32",
    "connect": "36",
    "bind": "36",
    "accept": "36",
    "create_file": "34",
    "load_module": "35",
    "update_cred": "33",
    "fork": "2",
    "exit": "2",
    "exit_group": "2",
    "open": "34",
    "rename": "34",
    "link": "34",
    "chmod": "33",
    "mount": "35",
    "kill": "33",
    "tkill": "33",
    "tgkill": "33",
    "setsid": "2",
    "capset": "33",
    "memfd_create": "34",
    "nanosleep": "2",
    "mprotect": "2",
    "prctl": "33",
    "process_vm": "33",
    "ptrace": "33",
    "unlink": "34",
    "rmdir": "34",
    "namespace": "35",
    "write": "34",
    "dns_query": "36",
    "file_created_closed": "34",
    "file_write": "34",
    "file_read": "2",
    "bpf": "35",
    "kexec": "1;33",
    "reboot": "1;33",
    "io_uring": "35",
    "call_usermodehelper": "32",
    "usb_device": "1;33",
    "perf_event_open": "35",
    "port_scan": "1;33",
    **dict.fromkeys(FINDINGS, "1;31"),
    "lost": "1;97;41",
    "dim": "2",
    "bad": "31",
    "alert": "1;33",
    "strong": "1",
    "ok": "32",
    "warn": "33",
    "fail": "1;31",
}
#: O_LARGEFILE, which the kernel sets for all native programs; os.O_LARGEFILE is 0 there.
_LARGEFILE = 0o400000 if platform.machine() == "aarch64" else 0o100000
_DIGITS = re.compile("[0-9a-f]{32,}")
#: Events of the stream itself.
PLAIN_EVENTS = ("lost", "session_state")
_IRQ, _OUTSIDE, _DELETED = 0x0020, 0x0040, 0x0080


class Paint:
    """Colours by ANSI sequences, or none."""

    def __init__(self, on: bool = False) -> None:
        self.on = on

    def __call__(self, what: str, words: str) -> str:
        """Words in the colour of what: an event's name, or dim, bad, alert, strong."""
        code = _CODES.get(what) if self.on and words else None
        return f"\x1b[{code}m{words}\x1b[0m" if code else words


class Renderer:
    """Makes lines of records.

    Args:
        schema: of the driver; None: events without a sentence show their name only.
        names: what numbers are called.
        interfaces: names of interfaces and network namespaces.
        containers: shows the container of a process when given.
        ancestry: shows the ancestors when given.
        color: with ANSI colours.
        width: characters that an argument vector may take; None: all of it.
        verbose: with a second line of everything else that is known.
    """

    def __init__(
        self,
        schema: Optional[Schema] = None,
        *,
        names: Optional[values.Names] = None,
        interfaces: Optional[Interfaces] = None,
        containers: Optional[Containers] = None,
        ancestry: Optional[Ancestry] = None,
        color: bool = False,
        width: Optional[int] = None,
        verbose: bool = False,
    ) -> None:
        by_id = schema.by_id if schema else {}
        self.names = names or values.Names({number: event.name for number, event in by_id.items()})
        self.paint = Paint(color)
        self._schema = schema
        self._interfaces = interfaces
        self._containers = containers
        self._ancestry = ancestry
        self._width = width
        self._verbose = verbose
        self._pid_ns = _own_namespace("pid")
        self._net_ns = _own_namespace("net")
        self._sentences: dict[str, Callable[[Record], str]] = {
            "connect": self._connect,
            "bind": self._bind,
            "accept": self._accept,
            "execve": self._execve,
            "exit": self._exit,
            "create_file": self._create_file,
            "load_module": self._load_module,
            "update_cred": self._update_cred,
            "privilege_escalation": self._privilege_escalation,
            "fork": self._fork,
            "open": self._open,
            "exit_group": self._exit_group,
            "rename": self._rename,
            "link": self._link,
            "chmod": self._chmod,
            "mount": self._mount,
            "kill": self._kill,
            "tkill": self._kill,
            "tgkill": self._kill,
            "setsid": self._setsid,
            "capset": self._capset,
            "memfd_create": self._memfd_create,
            "ptrace": self._ptrace,
            "process_vm": self._process_vm,
            "prctl": self._prctl,
            "mprotect": self._mprotect,
            "nanosleep": self._nanosleep,
            "unlink": self._unlink,
            "rmdir": self._rmdir,
            "namespace": self._namespace_change,
            "write": self._write,
            "dns_query": self._dns_query,
            "file_created_closed": self._closed,
            "file_write": self._closed,
            "file_read": self._closed,
            "bpf": self._bpf,
            "kexec": self._kexec,
            "reboot": self._reboot,
            "io_uring": self._io_uring,
            "perf_event_open": self._perf_event_open,
            "call_usermodehelper": self._call_usermodehelper,
            "usb_device": self._usb_device,
            "port_scan": self._port_scan,
            **dict.fromkeys(FINDINGS, self._finding),
            "lost": self._lost,
            "session_state": self._session_state,
        }

    def line(self, record: Record) -> str:
        """The record as one line without its end (two when verbose)."""
        event = record.event
        sentence = self._sentences.get(event, self._generic)(record)
        sentence = join([sentence, self._place(record), self._container(record)])
        if self._ancestry is not None:
            self._ancestry.learn(record)
            ancestors = self._ancestry.of(record)
            if ancestors:
                chain = "".join(f" <- {text.printable(one.comm)}[{one.tgid}]" for one in ancestors)
                sentence += self.paint("dim", chain)
        whole = " ".join(
            (
                self.paint("dim", self.names.clock(record.time)),
                f"{f'{self._user(record):<8} {self._process(record)}':<29}",
                self.paint(event, f"{event:<11}"),
                sentence,
            )
        )
        if event == "session_state":
            whole = self.paint("dim", whole)
        if self._verbose:
            whole += "\n" + self.paint("dim", "    " + self._everything(record))
        return whole

    def snapshot(self, line: dict[str, Any]) -> str:
        """What was there when a session began, as one line: a Snapshot's dict."""
        told = (
            f"{name} {_plainly(value)}" for name, value in line["data"].items() if value not in (None, "", [])
        )
        words = f"{self.names.clock(line['time'])} {'snapshot':<29} {line['event']:<11} {', '.join(told)}"
        return self.paint("dim", words)

    # ------------------------------------------------------------- columns

    def _user(self, record: Record) -> str:
        uid, euid = get(record, "uid"), get(record, "euid")
        if euid is None or euid == uid:
            return self.names.user(uid)
        return f"{self.names.user(uid)}->{self.names.user(euid)}"

    def _process(self, record: Record) -> str:
        tgid = get(record, "tgid")
        if tgid is None:
            return "-"
        tid = get(record, "tid")
        where = f"{tgid}" if tid in (None, tgid) else f"{tgid}/{tid}"
        name = f"{text.printable(get(record, 'comm') or '?')}[{where}]"
        pid_ns = get(record, "pid_ns")
        if pid_ns is not None and self._pid_ns is not None and pid_ns != self._pid_ns:
            name += f"@{text.printable(get(record, 'hostname') or '?')}"
        return f"(irq) {name}" if record.flags & _IRQ else name

    def _place(self, record: Record) -> str:
        outside = self.paint("alert", "outside of its root" if record.flags & _OUTSIDE else "")
        # Of a program execve says so itself.
        deleted = record.flags & _DELETED and record.event != "execve"
        return self._notes([outside, self.paint("alert", "deleted" if deleted else "")])

    def _container(self, record: Record) -> str:
        container = self._containers.of(record) if self._containers is not None else None
        if container is None:
            return ""
        uid, pod = container.uid, container.pod_uuid
        if uid is None:
            return self.paint("dim", "(container unknown)")
        if not self._verbose:
            uid, pod = _beginning(uid), _beginning(pod.partition("-")[0]) if pod else None
        words = f"in {container.runtime or 'container'} {text.quote(uid)}"
        return self.paint("dim", f"({words}, pod {pod})" if pod else f"({words})")

    # ----------------------------------------------------------- sentences

    def _execve(self, record: Record) -> str:
        argv = get(record, "argv") or ()
        filename = get(record, "filename") or get(record, "exe") or "?"
        command = text.shorten(text.quote_all(argv) if argv else text.quote(filename), self._width)
        result = get(record, "result") or 0
        # Quoting leaves no bracket plain: what stands in plain ones is never of the program's making.
        return join(
            [
                self.paint("strong", command),
                self._notes(
                    [*self._exec_notes(record, argv, filename), self._socket_held(record), self._cwd(record)]
                ),
                self._failed(result) if result else "",
            ]
        )

    def _notes(self, notes: list[str]) -> str:
        inside = join(notes, self.paint("dim", ", "))
        return self.paint("dim", "(") + inside + self.paint("dim", ")") if inside else ""

    def _exec_notes(self, record: Record, argv: tuple[str, ...], filename: str) -> list[str]:
        paint, notes = self.paint, []
        failed = bool(get(record, "result"))
        exe = filename if failed else get(record, "exe")
        interpreter = get(record, "interpreter")
        if interpreter and not failed:
            if filename not in argv[:3]:
                notes.append(paint("dim", f"script {text.quote(filename)}"))
            if (interpreter,) != argv[:1]:
                notes.append(paint("dim", f"by {text.quote(interpreter)}"))
        elif exe and (not argv or _last_part(argv[0].lstrip("-")) != _last_part(exe)):
            notes.append(paint("dim", text.quote(exe)))
        if record.truncated:
            count, size = get(record, "argc") or 0, get(record, "argv_bytes") or 0
            notes.append(paint("alert", f"cut: {text.plural(count, 'argument')}, {text.size(size)}"))
        marks = values.flag_names("elevation", get(record, "elevation"))
        marks += [m for m in values.flag_names("exe_flags", get(record, "file_flags")) if m != "overlay"]
        notes += [paint("alert", mark) for mark in marks]
        for name in ("LD_PRELOAD", "LD_LIBRARY_PATH"):
            value = get(record, name.lower())
            if value is not None:
                notes.append(paint("alert", f"{name}={text.quote(value)}"))
        stdin = get(record, "stdin_target") or ""
        if stdin.startswith("socket:"):
            notes.append(paint("alert", "stdin is a socket"))
        ssh = get(record, "ssh_connection")
        if ssh:
            notes.append(paint("dim", f"by ssh from {text.quote(ssh.split(' ')[0])}"))
        return notes

    def _socket_held(self, record: Record) -> str:
        if get(record, "socket_family") is None:
            return ""
        ends = [
            address(get(record, f"socket_{side}_address"), get(record, f"socket_{side}_port"))
            for side in ("local", "remote")
        ]
        holder = get(record, "socket_tgid")
        whose = f" of {holder}" if holder is not None and holder != get(record, "tgid") else ""
        return self.paint("dim", f"socket {' -> '.join(end for end in ends if end)}{whose}")

    def _cwd(self, record: Record) -> str:
        cwd = get(record, "cwd")
        return self.paint("dim", f"in {text.quote(cwd)}") if cwd is not None else ""

    def _failed(self, result: int) -> str:
        return self.paint("bad", f"failed: {values.error(result)}")

    def _exit(self, record: Record) -> str:
        number = get(record, "signal")
        if number is not None:
            core = ", core dumped" if get(record, "core_dumped") else ""
            end = self.paint("bad", f"killed by {values.signal_name(number)}{core}")
        else:
            code = get(record, "code")
            end = self.paint("bad", f"exited {code}") if code else f"exited {code}"
        run_time, peak = get(record, "run_time"), get(record, "peak_rss")
        if run_time is not None:
            end += f" after {text.duration(run_time)}"
        return end + (f", peak {text.size(peak)}" if peak is not None else "")

    def _exit_group(self, record: Record) -> str:
        code = get(record, "code")
        return self.paint("bad", f"exits {code}") if code else f"exits {code}"

    def _open(self, record: Record) -> str:
        name, path, result = get(record, "filename"), get(record, "path"), get(record, "result")
        flags = values.flag_names("open_flags", (get(record, "flags_") or 0) & ~_LARGEFILE)
        notes = [self.paint("dim", f"as {text.quote(name)}")] if path is not None and name != path else []
        notes += [self.paint("dim", flag) for flag in flags]
        shown = path if path is not None else name
        what = self.paint("strong", text.quote(shown)) if shown is not None else "?"
        return join([what, self._notes(notes), self._failed(result) if result else ""])

    def _strong(self, name: Optional[str]) -> str:
        return self.paint("strong", text.quote(name)) if name is not None else "?"

    def _rename(self, record: Record) -> str:
        marks = values.flag_names("rename_flags", get(record, "flags_"))
        old, new = self._strong(get(record, "old_path")), self._strong(get(record, "new_path"))
        return join([old, "->", new, self._notes([self.paint("dim", mark) for mark in marks])])

    def _link(self, record: Record) -> str:
        path, target = self._strong(get(record, "path")), get(record, "target")
        kind = "is" if get(record, "kind") == 1 else "->"
        return join([path, kind, text.quote(target) if target is not None else "?"])

    def _chmod(self, record: Record) -> str:
        old, new, result = get(record, "old_mode"), get(record, "mode"), get(record, "result")
        change = (
            f"{old & 0o7777:04o} -> {self.paint('alert', f'{new:04o}')}" if None not in (old, new) else ""
        )
        return join([self._strong(get(record, "path")), change, self._failed(result) if result else ""])

    def _mount(self, record: Record) -> str:
        source, kind, options = get(record, "source"), get(record, "type"), get(record, "options")
        notes = [text.quote(kind)] if kind else []
        notes += values.flag_names("mount_flags", get(record, "flags_"))
        notes += [text.quote(options)] if options else []
        step = get(record, "kind") or 1
        what = [text.quote(source)] if source is not None else []
        if step == 2:
            what = ["moved", *what, "to"]
        elif step > 2:
            what = [self.paint("dim", values.enum_name("mount_kind", step)), *what]
        elif what:
            what += ["on"]
        shown = self._strong(get(record, "target")) if step <= 2 else ""
        return join([*what, shown, self._notes([self.paint("dim", note) for note in notes])])

    def _target(self, record: Record, whose: str = "target") -> str:
        """Another process, with its executable; "" when there was none."""
        tgid, exe = get(record, f"{whose}_tgid"), get(record, f"{whose}_exe")
        if tgid is None:
            return ""
        return self.paint("strong", f"{text.quote(exe) if exe is not None else '?'}[{tgid}]")

    def _ptrace(self, record: Record) -> str:
        request, result = get(record, "request"), get(record, "result")
        pid, tgid = get(record, "pid"), get(record, "target_tgid")
        notes = [f"{name} {get(record, name):#x}" for name in ("address", "data") if get(record, name)]
        if tgid is not None and pid != tgid:
            notes.insert(0, f"thread {pid}")
        return join(
            [
                self.paint("alert", values.enum_name("ptrace_request", request)),
                self._target(record) or f"no process {pid}",
                self._notes([self.paint("dim", note) for note in notes]),
                self._failed(result) if result else "",
            ]
        )

    def _process_vm(self, record: Record) -> str:
        kind, length, result = get(record, "kind"), get(record, "length"), get(record, "result")
        size = f"{text.size(length)} of " if length is not None else ""
        what = {1: f"reads {size}", 2: f"writes {size}", 3: "opens for writing "}.get(kind or 0, "")
        return join(
            [
                f"{self.paint('alert', f'{what}memory of')}",
                self._target(record) or f"no process {get(record, 'pid')}",
                self._failed(result) if result else "",
            ]
        )

    def _prctl(self, record: Record) -> str:
        option, result = get(record, "option"), get(record, "result")
        old, name = get(record, "old_name"), get(record, "name")
        given = [get(record, f"argument{number}") or 0 for number in (2, 3, 4, 5)]
        if old is not None or name is not None:
            change = f"{text.quote(old or '?')} -> {text.quote(name if name is not None else '?')}"
        elif get(record, "old_dumpable") is not None:
            change = f"{record.old_dumpable} -> {given[0]}"
        else:
            change = ", ".join(f"{value:#x}" for value in given)
        word = self.paint("alert", values.enum_name("prctl_option", option))
        return join([word, change, self._failed(result) if result else ""])

    def _mprotect(self, record: Record) -> str:
        start, length, path = get(record, "start"), get(record, "length"), get(record, "path")
        new, old = (
            ",".join(values.flag_names("protection", get(record, name))) or "none"
            for name in ("protection", "current_protection")
        )
        where = f"{start:#x}+{length:#x}" if None not in (start, length) else ""
        owner = get(record, "owner_tgid")
        foreign = owner is not None and owner != get(record, "tgid")
        notes = [f"memory of {self._target(record, 'owner')}"] if foreign else []
        return join(
            [
                f"{old} -> {self.paint('alert', new)}",
                self.paint("dim", where),
                f"of {text.quote(path)}" if path is not None else "",
                self._notes(notes),
            ]
        )

    def _nanosleep(self, record: Record) -> str:
        word = "until" if get(record, "absolute") else "for"
        time = f"{get(record, 'seconds') or 0}.{get(record, 'nanoseconds') or 0:09d} s"
        clock = self._notes([self.paint("dim", values.enum_name("clock", get(record, "clock")))])
        return join(["sleeps", word, time, clock])

    def _unlink(self, record: Record) -> str:
        links, result = get(record, "links"), get(record, "result")
        notes = [
            self.paint("alert", "a running program") if get(record, "running") else "",
            self.paint("dim", f"one of {links} names") if links is not None and links > 1 else "",
        ]
        failed = self._failed(result) if result else ""
        return join([self._strong(get(record, "path")), self._notes(notes), failed])

    def _rmdir(self, record: Record) -> str:
        result = get(record, "result")
        return join([self._strong(get(record, "path")), self._failed(result) if result else ""])

    def _namespace_change(self, record: Record) -> str:
        kind, target, result = get(record, "kind"), get(record, "target"), get(record, "result")
        what = "?" if kind is None else values.enum_name("namespace_kind", kind)
        marks = values.flag_names("clone_flags", get(record, "flags_"))
        shown = self._strong(target) if target is not None else ""
        failed = self._failed(result) if result else ""
        return join([what, shown, self._notes([self.paint("dim", mark) for mark in marks]), failed])

    def _closed(self, record: Record) -> str:
        size, position = get(record, "size"), get(record, "position")
        notes = [text.size(size) if size is not None else "", f"at {position}" if position else ""]
        notes += values.flag_names("open_flags", (get(record, "flags_") or 0) & ~_LARGEFILE)
        return join([self._strong(get(record, "path")), self._notes([self.paint("dim", n) for n in notes])])

    def _write(self, record: Record) -> str:
        count, offset, content = get(record, "count"), get(record, "offset"), get(record, "content")
        notes = [text.size(count) if count is not None else "", f"at {offset}" if offset else ""]
        notes += [text.quote(content[:48]) + ("..." if len(content) > 48 else "")] if content else []
        return join([self._strong(get(record, "path")), self._notes([self.paint("dim", n) for n in notes])])

    def _dns_query(self, record: Record) -> str:
        rcode, problem = get(record, "rcode"), get(record, "problem")
        answers = get(record, "answers") or ()
        kind = values.enum_name("dns_type", get(record, "qtype"))
        name = get(record, "name")
        more = ", ..." if answers and len(answers) < (get(record, "answer_count") or 0) else ""
        # A text of an answer is printable, but for what another driver may send.
        told = ", ".join(map(text.printable, answers)) + more
        remote = get(record, "remote_address")
        server = address(remote, get(record, "remote_port")) if remote is not None else "?"
        wrong = f"damaged: {values.enum_name('dns_problem', problem)}" if problem else ""
        return join(
            [
                f"{self._strong(text.printable(name) if name else None)} {kind}",
                self.paint("bad", values.enum_name("dns_rcode", rcode)) if rcode else "",
                f"-> {told}" if told else "",
                self.paint("alert", wrong),
                self._notes([self.paint("dim", f"from {server}"), self._namespace(record)]),
            ]
        )

    def _port_scan(self, record: Record) -> str:
        ports, count, hosts = (
            get(record, "ports") or (),
            get(record, "distinct_ports") or 0,
            get(record, "distinct_hosts") or 0,
        )
        first, last = get(record, "first_time"), get(record, "last_time")
        interface, inside = get(record, "interface"), get(record, "scanned_net_ns")
        packets = get(record, "packets") or 0
        source = address(get(record, "remote_address"), None) or "?"
        target = address(get(record, "local_address"), None) or "?"
        told = ", ".join(map(text.printable, ports)) + (", ..." if count > len(ports) else "")
        what = f"{values.enum_name('scan_kind', get(record, 'kind'))} scan by"
        notes = [
            told,
            text.plural(packets, "packet"),
            f"in {(last - first) / 1e9:.1f} s" if first is not None and last is not None else "",
            f"by {self._interface(interface, inside)}" if interface else "",
        ]
        return join(
            [
                self.paint("alert", what),
                self.paint("strong", source),
                f"of {text.plural(count, 'port')} of",
                target if hosts <= 1 else f"{hosts} hosts, {target} the last",
                self._notes([self.paint("dim", note) for note in notes if note]),
                self._in_namespace(inside),
            ]
        )

    def _finding(self, record: Record) -> str:
        state = get(record, "state") or 0
        place, address, first = self._code(record), get(record, "address"), get(record, "first_seen")
        position, lsm = get(record, "position"), get(record, "lsm")
        notes = [
            f"at {address:#x}" if address is not None else "",
            f"number {position + 1} of the hook" if position is not None else "",
            f"LSM {text.quote(lsm)}" if lsm else "",
            f"since {self.names.clock(first)}" if state == 2 and first is not None else "",
        ]
        told = f"{text.printable(get(record, 'where') or '?')}: {text.printable(get(record, 'what') or '?')}"
        word = values.enum_name("finding_state", state)
        return join(
            [
                self.paint({1: "bad", 2: "ok"}.get(state, "alert"), f"{word}:"),
                f"{told}: {place}" if place else told,
                self._notes([self.paint("dim", note) for note in notes if note]),
            ]
        )

    @staticmethod
    def _code(record: Record) -> str:
        """The code that a finding is about, and whose it is."""
        if get(record, "in_kernel") is None:
            return ""
        symbol, offset, module = (get(record, name) for name in ("symbol", "symbol_offset", "module"))
        name = (
            text.printable(symbol) + (f"+{offset:#x}" if offset else "") if symbol else "code without a name"
        )
        if module:
            return f"{name} [{text.printable(module)}]"
        return name if get(record, "in_kernel") else f"{name} [no owner]"

    def _bpf(self, record: Record) -> str:
        command, name, result = get(record, "command"), get(record, "name"), get(record, "result")
        kinds = ("bpf_program_type", get(record, "program_type")), ("bpf_map_type", get(record, "map_type"))
        notes = [values.enum_name(form, kind) for form, kind in kinds if kind is not None]
        attach = get(record, "attach_type")
        # Zero is the first of them, and what a program says that expects none.
        if attach or (attach is not None and command != 5):
            notes.append(f"attach {values.enum_name('bpf_attach_type', attach)}")
        count = get(record, "instructions")
        notes.append(text.plural(count, "instruction") if count is not None else "")
        return join(
            [
                self.paint("alert", values.enum_name("bpf_command", command)),
                self._strong(name) if name else "",
                self._notes([self.paint("dim", note) for note in notes]),
                self._failed(result) if result is not None and result < 0 else "",
            ]
        )

    def _kexec(self, record: Record) -> str:
        kind, result, segments = get(record, "kind"), get(record, "result"), get(record, "segments")
        kernel, initrd, line = (get(record, name) for name in ("kernel", "initrd", "command_line"))
        form = "kexec_file_flags" if kind == 2 else "kexec_flags"
        notes = values.flag_names(form, get(record, "kexec_flags"))
        notes += [f"initrd {text.quote(initrd)}"] if initrd is not None else []
        notes += [f"command line {text.quote(line)}"] if line is not None else []
        notes += [text.plural(segments, "segment")] if segments else []
        unloads = segments == 0 or "UNLOAD" in notes
        return join(
            [
                self.paint("alert", "unloads a kernel" if unloads else "loads a kernel"),
                self._strong(kernel) if kernel is not None else "",
                self._notes([self.paint("dim", note) for note in notes]),
                self._failed(result) if result else "",
            ]
        )

    def _reboot(self, record: Record) -> str:
        command, argument = get(record, "command"), get(record, "argument")
        result, asked = get(record, "result"), get(record, "stage") == 1
        notes = [text.quote(argument)] if argument is not None else []
        return join(
            [
                self.paint("alert", values.enum_name("reboot_command", command)),
                self._notes([self.paint("dim", note) for note in notes]),
                "asked for" if asked else self._failed(result) if result else "done",
            ]
        )

    def _io_uring(self, record: Record) -> str:
        kind, result = get(record, "kind"), get(record, "result")
        entries, ring, notes = get(record, "entries"), get(record, "ring"), [""]
        if kind == 3:
            uid, euid = get(record, "new_uid"), get(record, "new_euid")
            caps = get(record, "new_cap_effective")
            notes = [f"uid {self.names.user(uid)}", f"euid {self.names.user(euid)}" if uid != euid else ""]
            notes += [f"capabilities {values.capabilities(caps)}" if caps is not None else ""]
            what = self.paint("alert", "a request with other credentials")
        elif kind == 2:
            what = self.paint("alert", f"registers its credentials with ring {ring}")
            notes = [f"personality {result}" if result is not None and result > 0 else ""]
        else:
            what = (
                f"a ring of {text.plural(entries, 'entry', 'entries')}" if entries is not None else "a ring"
            )
            notes = values.flag_names("io_uring_flags", get(record, "setup_flags"))
        failed = self._failed(result) if result is not None and result < 0 else ""
        return join([what, self._notes([self.paint("dim", note) for note in notes]), failed])

    def _perf_event_open(self, record: Record) -> str:
        kind, config, result = get(record, "type"), get(record, "config"), get(record, "result")
        pid, cpu, target = get(record, "pid"), get(record, "on_cpu"), get(record, "target_tgid")
        marks = values.flag_names("perf_flags", get(record, "open_flags"))
        if "PID_CGROUP" in marks:
            whose = f"of cgroup descriptor {pid}"
        elif pid == -1:
            whose = "of all processes"
        else:
            whose = f"of {target}" if target is not None else f"of no process {pid}"
        sides = (("exclude_user", "user"), ("exclude_kernel", "kernel"), ("exclude_hv", "hypervisor"))
        seen = [self.paint("dim", side) for name, side in sides if get(record, name) == 0]
        event = f"{values.enum_name('perf_type', kind)} {config or 0:#x}" if kind is not None else "an event"
        return join(
            [
                self.paint("alert", event),
                whose,
                f"on CPU {cpu}" if cpu is not None and cpu >= 0 else "",
                self._notes([*seen, *(self.paint("dim", mark) for mark in marks)]),
                self._failed(result) if result is not None and result < 0 else "",
            ]
        )

    def _call_usermodehelper(self, record: Record) -> str:
        path, argv = get(record, "path"), get(record, "argv") or ()
        caller, module = get(record, "caller"), get(record, "caller_module")
        command = text.quote_all(argv) if argv else text.quote(path or "?")
        notes = [self.paint("dim", text.quote(path))] if argv and path is not None and path != argv[0] else []
        if caller is not None:
            by = f"for {text.printable(caller)}"
            notes.append(self.paint("dim", f"{by} of {text.printable(module)}" if module is not None else by))
        elif get(record, "caller_address"):
            notes.append(self.paint("alert", f"for unknown code at {record.caller_address:#x}"))
        return join([self.paint("strong", text.shorten(command, self._width)), self._notes(notes)])

    def _usb_device(self, record: Record) -> str:
        ids = [get(record, name) for name in ("vendor_id", "product_id")]
        product, manufacturer, serial = (get(record, name) for name in ("product", "manufacturer", "serial"))
        classes = dict.fromkeys(one[:2] for one in get(record, "interfaces") or ())
        notes = [f"by {text.quote(manufacturer)}"] if manufacturer is not None else []
        notes += [f"serial {text.quote(serial)}"] if serial is not None else []
        notes += [values.USB_CLASSES.get(one) or f"class {text.printable(one)}" for one in classes]
        notes += [text.quote(get(record, "device_path"))] if get(record, "device_path") is not None else []
        action = values.enum_name("usb_action", get(record, "action"))
        return join(
            [
                self.paint("alert", action),
                "" if None in ids else f"{ids[0]:04x}:{ids[1]:04x}",
                self._strong(product) if product is not None else "",
                self._notes([self.paint("dim", note) for note in notes]),
            ]
        )

    def _connect(self, record: Record) -> str:
        family = get(record, "family")
        remote = get(record, "remote_address")
        if remote is not None:
            scope = get(record, "scope_id")
            interface = self._interface(scope, get(record, "net_ns")) if scope else ""
            to = address(remote, get(record, "remote_port"), interface)
            what = _transport(get(record, "type"), get(record, "protocol"))
            local = self._local(record)
            route = join([what, local, "->", self.paint("strong", to)])
        elif get(record, "path") is not None:
            route = f"unix -> {self.paint('strong', unix_path(record.path))}"
        elif family == 0:
            route = "disconnected"
        else:
            route = values.family(family) if family is not None else "?"
        return join([route, self._outcome(record), self._namespace(record)])

    def _bind(self, record: Record) -> str:
        family, port, result = get(record, "family"), get(record, "port"), get(record, "result")
        host, path, scope = get(record, "address"), get(record, "path"), get(record, "scope_id")
        what = values.family(family) if family is not None else "?"
        local = get(record, "local_port")
        interface = self._interface(scope, get(record, "net_ns")) if scope else ""
        if host is not None:
            what = _transport(get(record, "type"), get(record, "protocol"))
            where = address(host, port if port or local is None else local, interface)
        elif path is not None:
            where = unix_path(path)
        elif get(record, "cid") is not None:
            where = f"{record.cid}:{port}"
        else:
            groups = get(record, "groups")
            where = join([interface, str(port or ""), f"groups {groups:#x}" if groups else ""])
        failed = self._failed(result) if result else ""
        return join([what, self.paint("strong", where), failed, self._namespace(record)])

    def _accept(self, record: Record) -> str:
        family, path, result = get(record, "family"), get(record, "path"), get(record, "result") or 0
        local = address(get(record, "local_address"), get(record, "local_port"))
        remote = address(get(record, "remote_address"), get(record, "remote_port"))
        if local:
            what = _transport(get(record, "type"), get(record, "protocol"))
            where = join([local, f"<- {self.paint('strong', remote)}" if remote else ""])
        else:
            what = values.family(family) if family is not None else f"descriptor {get(record, 'fd')}"
            where = self.paint("strong", unix_path(path)) if path is not None else ""
        got = self._failed(result) if result < 0 else f"as descriptor {result}"
        return join([what, where, got, self._namespace(record)])

    def _outcome(self, record: Record) -> str:
        if get(record, "stage") == 2 and not get(record, "result"):
            return "given up" if get(record, "result") is None else "connected"
        if get(record, "in_progress"):
            return self.paint("dim", "under way")
        result = get(record, "result")
        return self._failed(result) if result else ""

    def _local(self, record: Record) -> str:
        local, port = get(record, "local_address"), get(record, "local_port")
        if local is None or local in ("0.0.0.0", "::"):
            return ""  # not bound, or no longer
        known = self._interfaces
        name = known.of_address(local, get(record, "net_ns")) if known is not None else None
        return address(local, port) + (self.paint("dim", f" ({text.printable(name)})") if name else "")

    def _interface(self, index: int, net_ns: Optional[int]) -> str:
        name = self._interfaces.name(index, net_ns) if self._interfaces is not None else None
        return text.printable(name) if name else str(index)

    def _namespace(self, record: Record) -> str:
        return self._in_namespace(get(record, "net_ns"))

    def _in_namespace(self, inode: Optional[int]) -> str:
        if inode is None or inode == self._net_ns or self._interfaces is None:
            return ""
        name = self._interfaces.namespace(inode)
        return self.paint("dim", f"in network namespace {text.printable(name) if name else inode}")

    def _create_file(self, record: Record) -> str:
        path, mode = get(record, "path"), get(record, "mode")
        fs_id = get(record, "fs_id")
        notes = [
            f"mode {mode & 0o7777:04o}" if mode is not None else "",
            f"on {text.quote(fs_id)}" if fs_id else "",
            "as its file system sees it" if get(record, "mount_known") == 0 else "",
        ]
        shown = text.quote(path) if path is not None else "?"
        notes = [self.paint("dim", note) for note in notes]
        return join([self.paint("strong", shown), self._notes([*notes, self._socket_held(record)])])

    def _load_module(self, record: Record) -> str:
        name, file = get(record, "name"), get(record, "file")
        what = self.paint("strong", text.quote(name) if name is not None else "a module")
        source = f"from {text.quote(file)}" if file is not None else ""
        result, size = get(record, "result"), get(record, "size")
        notes = [
            self.paint("dim", text.size(size) if size is not None else ""),
            *(self.paint("alert", taint) for taint in values.taints(get(record, "taints") or 0)),
            self.paint("dim", "signed" if get(record, "signature") == 1 else ""),
            self._cwd(record),
        ]
        return join([what, source, self._notes(notes), self._failed(result) if result else ""])

    def _privilege_escalation(self, record: Record) -> str:
        how = "credentials replaced" if get(record, "replaced") else "credentials changed in place"
        return self.paint("bad", f"{how}, by nobody who may: ") + self._update_cred(record)

    def _update_cred(self, record: Record) -> str:
        parts = [
            *self._ids(record, "user", "uid", self.names.user),
            *self._ids(record, "group", "gid", self.names.group),
        ]
        gains: dict[str, list[str]] = {}
        for kind in ("permitted", "effective", "inheritable", "ambient", "bounding"):
            old, new = get(record, f"old_cap_{kind}"), get(record, f"new_cap_{kind}")
            if old is not None and new is not None and new & ~old:
                full = values.capabilities(new) == "all"
                gains.setdefault("all" if full else values.capabilities(new & ~old), []).append(kind)
        parts += [f"capabilities +{caps} ({', '.join(kinds)})" for caps, kinds in gains.items()]
        old_ns, new_ns = get(record, "old_user_ns"), get(record, "new_user_ns")
        if new_ns is not None and old_ns != new_ns:
            parts.append(f"user namespace {old_ns}->{new_ns}")
        return self.paint("strong", "; ".join(parts) or "no change")

    def _ids(self, record: Record, all_of: str, kind: str, name: Callable[[Any], str]) -> list[str]:
        changes: dict[str, list[str]] = {}
        for prefix in ("", "e", "s", "fs"):
            old, new = get(record, f"old_{prefix}{kind}"), get(record, f"new_{prefix}{kind}")
            if old != new:
                changes.setdefault(f"{name(old)}->{name(new)}", []).append(prefix + kind)
        return [f"{all_of if len(ids) == 4 else '/'.join(ids)} {change}" for change, ids in changes.items()]

    def _fork(self, record: Record) -> str:
        child, inside = get(record, "child_tgid"), get(record, "child_ns_pid")
        new = [kind for kind in ("mnt", "pid", "net", "user") if get(record, f"new_{kind}_ns") is not None]
        return join(
            [
                f"child {child}",
                f"({inside} in its namespace)" if inside not in (None, child) else "",
                self.paint("alert", f"new {', '.join(new)} namespace" if new else ""),
            ]
        )

    def _kill(self, record: Record) -> str:
        pid, pidfd, thread = get(record, "pid"), get(record, "pidfd"), get(record, "thread")
        target, result = get(record, "target_tgid"), get(record, "result")
        if pid is not None and pid <= 0 and thread is None:
            to = {0: "to the own group", -1: "to all"}.get(pid, f"to group {-pid}")
        else:
            asked = next((one for one in (pid, thread) if one is not None), f"pidfd {pidfd}")
            to = f"to {asked if target is None else target}"
            if thread is not None and thread != target:
                to = join([to, f"thread {thread}"])
        number = get(record, "signal")
        name = values.signal_name(number) if number else "signal 0"
        return join([self.paint("strong", name), to, self._failed(result) if result else ""])

    def _setsid(self, record: Record) -> str:
        result = get(record, "result") or 0
        return self._failed(result) if result < 0 else f"new session {result}"

    def _capset(self, record: Record) -> str:
        parts, result = [], get(record, "result")
        for kind in ("permitted", "effective", "inheritable"):
            old, new = get(record, f"old_cap_{kind}"), get(record, f"new_cap_{kind}")
            if old is not None and new is not None and old != new:
                parts.append(f"{kind} {values.capabilities(old)}->{values.capabilities(new)}")
        if result:
            return self._failed(result)
        return self.paint("strong", "; ".join(parts) or "no change")

    def _memfd_create(self, record: Record) -> str:
        name, result = get(record, "name"), get(record, "result") or 0
        flags = values.flag_names("memfd_flags", get(record, "memfd_flags"))
        return join(
            [
                self._strong(name),
                self._notes([self.paint("dim", flag) for flag in flags]),
                self._failed(result) if result < 0 else f"as descriptor {result}",
            ]
        )

    def _lost(self, record: Record) -> str:
        count = get(record, "count") or 0
        event = get(record, "lost_event")
        reason = values.enum_name("drop_reason", get(record, "reason"))
        first, last = get(record, "first_time"), get(record, "last_time")
        span = f", {self.names.clock(first)} to {self.names.clock(last)}" if first and last else ""
        name = self.names.event(event) if event else ""
        kind = join([name, "record" if count == 1 else "records"])
        why = values.DROP_REASONS.get(reason, reason)
        return self.paint("lost", f"LOST {count:,} {kind}: {why} (CPU {record.cpu}{span})")

    def _session_state(self, record: Record) -> str:
        what = values.enum_name("session_change", get(record, "what"))
        hook, detail = get(record, "hook_name"), get(record, "detail")
        if hook:
            what = f"hook {text.quote(hook)} {what.rpartition(' ')[2]}"
        one_of = get(record, "one_of")
        if one_of is not None:
            return f"{what}: {_governed(record, one_of)}"
        lines = [text.printable(line) for line in (detail or "").splitlines() if line.strip()]
        mechanism = get(record, "mechanism")
        if not lines and mechanism:
            lines = [values.enum_name("mechanism", mechanism)]
        return what + (f": {'; '.join(lines)}" if lines else "")

    # ------------------------------------------------------------- generic

    def _fields(self, record: Record) -> tuple[Field, ...]:
        event = self._schema.by_id.get(record.id) if self._schema else None
        return event.fields if event else ()

    def _generic(self, record: Record) -> str:
        return self._pairs(record, self._fields(record))

    def _everything(self, record: Record) -> str:
        context = self._schema.context if self._schema and get(record, "tgid") is not None else ()
        return self._pairs(record, (*context, *self._fields(record)))

    def _pairs(self, record: Record, fields: tuple[Field, ...]) -> str:
        pairs = ((field, get(record, field.attribute)) for field in fields)
        return join(
            f"{text.printable(field.name)}={self.names.value(value, field.format)}"
            for field, value in pairs
            if value is not None
        )


def _governed(record: Record, one_of: int) -> str:
    """What is kept of a hook's records, and what the hooks took of a CPU."""
    kept = {0: "none of its records is kept", 1: "all of its records are kept"}
    took, everything, budget = (
        f"{(get(record, name) or 0) / 1e7:.1f} %" for name in ("hook_cost", "all_cost", "budget")
    )
    words = kept.get(one_of, f"one of {one_of} of its records is kept")
    return f"{words}; it took {took} of a CPU, all hooks {everything} of {budget}"


def get(record: Record, name: str) -> Any:
    """A field that an older driver may not have: None then."""
    return getattr(record, name, None)


def address(host: Optional[str], port: Optional[int], scope: str = "") -> str:
    """host:port, [host%scope]:port; "" without a host."""
    if host is None:
        return ""
    host = text.printable(host) + (f"%{scope}" if scope else "")
    if ":" in host:
        host = f"[{host}]"
    return host if port is None else f"{host}:{port}"


def unix_path(path: str) -> str:
    """A UNIX socket's address: a path, or @name for an abstract one."""
    if not path:
        return "(unnamed)"
    return "@" + text.quote(path[1:]) if path[0] == "\0" else text.quote(path)


def _plainly(value: Any) -> str:
    """A value of a snapshot: ancestors, and what is in a table, in a few words."""
    if isinstance(value, dict):
        return " ".join(f"{name}={text.quote(str(one))}" for name, one in value.items() if one is not None)
    if not isinstance(value, list):
        return text.quote(str(value))
    if isinstance(value[0], dict):
        return " <- ".join(f"{text.printable(one['comm'])}[{one['tgid']}]" for one in value)
    return text.quote_all(map(str, value))


def _beginning(identifier: str) -> str:
    """Of many hexadecimal digits the first twelve, which tell one from another; all of anything else."""
    return identifier[:12] if _DIGITS.fullmatch(identifier) else identifier


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _transport(kind: Optional[int], protocol: Optional[int]) -> str:
    if not protocol:
        return {1: "tcp", 2: "udp"}.get(kind or 0, "ip")
    return values.enum_name("ipproto", protocol)


def _own_namespace(kind: str) -> Optional[int]:
    try:
        return Path(f"/proc/self/ns/{kind}").stat().st_ino
    except OSError:
        return None
