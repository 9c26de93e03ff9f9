# SPDX-License-Identifier: GPL-2.0-only
"""What the guest's smoke test said, decoded and compared with what it did."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

import ksonde
from ksonde import integrity, inventory, lsm_hooks, uapi
from ksonde.decoder import Decoder
from ksonde.errors import KsondeError

_LINE = re.compile(r"ksonde-smoke: (.*)$", re.MULTILINE)
_ODD = b'/tmp/made\n\x1e\x17 "\xff'.decode(errors="surrogateescape")
_OTHER = b'/tmp/other\n\x1e\x17 "\xff'.decode(errors="surrogateescape")
_CONTEXT = "context"
_SETS = ("inheritable", "permitted", "effective", "bounding", "ambient")
_REFUSED, _NO_EXEC, _EACCES, _ENOENT, _NOT_EMPTY, _ENOSYS = -111, -8, -13, -2, 39, -38


@dataclass
class Said:
    """The guest's words: blobs (info, schema, record, lsm, ...), acts, faults, and other facts."""

    blobs: dict[str, list[bytes]] = field(default_factory=dict)
    acts: dict[str, dict[str, Any]] = field(default_factory=dict)
    times: dict[str, list[int]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse(log: str) -> Said:
    """Sort the lines of a guest's log."""
    said = Said()
    parts: dict[str, list[str]] = {}
    for line in _LINE.findall(log):
        word, _, rest = line.strip().partition(" ")
        if word.endswith("."):
            blob = b"".join(map(base64.b64decode, parts.pop(word[:-1], [])))
            said.blobs.setdefault(word[:-1], []).append(blob)
        elif word in ("info", "schema", "hook", "stats", "record", "lsm", "integrity", "inventory"):
            parts.setdefault(word, []).append(rest)
        elif word in ("act", "faults"):
            name, _, facts = rest.partition(" ")
            (said.acts if word == "act" else said.faults)[name] = json.loads(facts)
        elif word == "time":
            name, _, ns = rest.partition(" ")
            said.times.setdefault(name, []).append(int(ns))
        elif word in ("load", "lost", "unload", "leaks"):
            said.facts[word] = json.loads(rest)
        elif word in ("note", "died"):
            said.notes.append(f"{word} {rest}" if word == "died" else rest)
    return said


def hooks(said: Said) -> list[dict[str, Any]]:
    """Return the hooks as they were when all acts were done."""
    found: dict[int, dict[str, Any]] = {}
    for blob in said.blobs.get("hook", []):
        row = uapi.HookInfo.parse(blob)
        found[row.index] = {
            "name": _text(row.name),
            "event": row.event,
            "state": uapi.HookState(row.state).name.lower(),
            "mechanism": uapi.Mechanism(row.mechanism).name.lower(),
            "target": _text(row.target),
            "hits": row.hits,
            "missed": row.missed,
            "detail": _text(row.detail).splitlines(),
        }
    return [found[index] for index in sorted(found)]


def _text(padded: bytes) -> str:
    return padded.split(b"\0")[0].decode(errors="replace")


def _credentials(side: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return fields of an escalation, from what /proc said of the process."""
    ids = (("uid", facts["uids"]), ("gid", facts["gids"]))
    sets = {f"{side}_cap_{name}": facts[name][0] for name in _SETS}
    return sets | {
        f"{side}_{kind}{name}": number
        for name, numbers in ids
        for kind, number in zip(("", "e", "s", "fs"), numbers)
    }


class Checker:
    """Compares records with acts; `wrong` has what differs, by event.

    `checked` counts the fields that were compared, by event, the context's apart; `tests` has what each
    test found wrong.  A kernel that checks itself must have said what came of that.
    """

    def __init__(self, said: Said, *, debug: bool = False) -> None:
        self.said = said
        self.debug = debug
        self.hooks = hooks(said)
        self.wrong: dict[str, list[str]] = {}
        self.checked: dict[str, int] = {}
        self.tests: dict[str, list[str]] = {}
        self.records: list[ksonde.Record] = []
        #: Events of what this kernel cannot do.
        self.lacking: set[str] = set()
        self._found: list[str] = []
        try:
            schema = ksonde.Schema.parse(said.blobs["schema"][0])
            self.events = {event.id: event.name for event in schema.events.values()}
            self.records = Decoder(schema).decode_all(said.blobs.get("record", []))
        except (KsondeError, KeyError, IndexError) as error:
            self.events = {}
            self._fail("session_state", f"the records cannot be decoded: {error!r}")

    def run(self) -> None:
        """Check everything that can be."""
        if not self.records:
            return
        checks = [
            self._context, self._exec, self._exec_refused, self._exit, self._connects, self._create,
            self._modules, self._cred, self._compat, self._files, self._renamed, self._mount, self._memfd,
            self._removed, self._namespaces, self._accepted,
            self._signals, self._session, self._capset, self._bpf, self._machine, self._ring, self._perf,
            self._helper, self._intruded, self._itself, self._dns, self._scan, self._escalated, self._usb,
            self._lost, self._state, self._lsm, self._integrity, self._inventory,
        ]  # fmt: skip
        if self.debug:
            checks += [self._faults, self._leaks]
        for check in checks:
            name = check.__name__.strip("_")
            self._found = self.tests[name] = []
            try:
                check()
            except (KeyError, IndexError) as error:
                self._fail("session_state", f"{name}: the guest did not say {error}")

    def _fail(self, event: str, why: str) -> None:
        self._found.append(why)
        self.wrong.setdefault(event, []).append(why)

    def _find(self, event: str, what: str, **fields: Any) -> ksonde.Record | None:
        """Return the one record of an event that has these values; anything else is wrong."""
        found = [
            record
            for record in self.records
            if record.event == event and all(getattr(record, key) == fields[key] for key in fields)
        ]
        if len(found) != 1:
            self._fail(event, f"{what}: {len(found)} records, not 1")
        return found[0] if len(found) == 1 else None

    def _same(self, record: ksonde.Record | None, what: str, **fields: Any) -> None:
        if record is None:
            return
        if what != _CONTEXT:
            self.checked[record.event] = self.checked.get(record.event, 0) + len(fields)
        for name, value in fields.items():
            got = getattr(record, name)
            if got != value:
                self._fail(record.event, f"{what}: {name} is {got!r}, not {value!r}")

    def _result(self, record: ksonde.Record | None, result: int) -> None:
        """Absent where the compiler has inlined what knows it: no hook's mechanism tells that."""
        if record is not None and record.result is not None:
            self._same(record, record.event, result=result)

    def _is_by(self, name: str, *mechanisms: str) -> bool:
        return any(hook["name"] == name and hook["mechanism"] in mechanisms for hook in self.hooks)

    def _entry_only(self, name: str) -> bool:
        """Whether a hook's mechanism cannot see a result: the cell says degraded, the result is absent."""
        return self._is_by(name, "ftrace", "kprobe")

    def _done(self, act: str, event: str) -> int:
        """Return the process of an act, which must not have failed."""
        facts = self.said.acts[act]
        if facts.get("errno") or facts.get("status"):
            self._fail(event, f"{act}: the kernel refused it: {facts}")
        return int(facts["tgid"])

    def _context(self) -> None:
        facts = self.said.acts["self"]
        for record in self.records:
            if record.id < uapi.LOST and record.tgid == facts["tgid"]:
                self._same(record, _CONTEXT, exe="/init", comm="init", uid=0, parent_tgid=0, **facts)

    def _exec(self) -> None:
        me, child = self.said.acts["self"]["tgid"], self.said.acts["exec"]["tgid"]
        self._same(self._find("fork", "fork", child_tgid=child), "fork", tgid=me, clone_flags=0x1200000)
        record = self._find("execve", "exec", tgid=child, result=0)
        self._same(
            record, "exec", filename="/tmp/acted", argv=("acted", "exit", "7", "", "a\nb \x1e"), argc=5,
            cwd="/", exe="/tmp/acted", comm="acted", ld_preload="/x.so", elevation=0, file_flags=1,
            ssh_connection="192.0.2.1 2 192.0.2.3 4", ld_library_path=None, parent_tgid=me, truncated=False,
        )  # fmt: skip
        if record is not None and [item.tgid for item in record.ancestors] != [me]:
            self._fail("execve", f"exec: ancestors are {record.ancestors!r}")
        self._same(self._find("exit", "exit", tgid=child), "exit", code=7, signal=None, exe="/tmp/acted")
        self._same(self._find("exit_group", "exit", tgid=child), "exit", code=7, exe="/tmp/acted")

    def _exec_refused(self) -> None:
        facts = self.said.acts["exec_refused"]
        record = self._find("execve", "refused exec", tgid=facts["tgid"])
        self._same(
            record, "refused exec", result=-facts["errno"], filename="/tmp/plain", argv=("plain", "one"),
            argc=2, ld_preload="/y.so", exe="/init",
        )  # fmt: skip
        if facts["errno"] != -_EACCES:
            self._fail("execve", f"the kernel refused it with {facts['errno']}")

    def _exit(self) -> None:
        child = self.said.acts["signal"]["tgid"]
        record = self._find("exit", "killed", tgid=child)
        self._same(record, "killed", code=None, signal=9, core_dumped=0)

    def _connects(self) -> None:
        expected: dict[str, dict[str, Any]] = {
            "connect4": {"family": 2, "remote_address": "127.0.0.1", "protocol": 6, "result": _REFUSED},
            "connect6": {"family": 10, "remote_address": "::1", "protocol": 6, "result": _REFUSED},
            "connect_unix": {"family": 1, "path": "/tmp/none", "remote_port": None, "result": _ENOENT},
        }
        for act, fields in expected.items():
            facts = self.said.acts[act]
            if "skipped" in facts:
                continue
            record = self._find("connect", act, socket=facts["socket"])
            if facts["port"]:
                fields["remote_port"] = facts["port"]
            if self._entry_only("connect"):
                fields["result"] = fields["in_progress"] = None
            self._same(record, act, type=1, tgid=facts["tgid"], **{"in_progress": 0, **fields})
            if facts["errno"] not in (-_REFUSED, -_ENOENT):
                self._fail("connect", f"{act}: the kernel answered {facts['errno']}")

    def _create(self) -> None:
        facts = self.said.acts["create"]
        record = self._find("create_file", "create", path=_ODD)
        self._same(record, "create", mode=facts["mode"], mount_known=1, fs_id="tmpfs", tgid=facts["tgid"])

    def _modules(self) -> None:
        facts = self.said.acts["module"]
        if facts["errno"]:
            self._fail("load_module", f"the guest's module could not be loaded: {facts['errno']}")
        record = self._find("load_module", "load", stage=1, name="ksonde_smoke")
        self._same(record, "load", file="/ksonde_smoke.ko", cwd="/", result=None, tgid=facts["tgid"])
        refused = self.said.acts["module_refused"]
        record = self._find("load_module", "refused load", stage=2)
        self._same(record, "refused load", result=-refused["errno"], file=None, tgid=refused["tgid"])
        if refused["errno"] != -_NO_EXEC:
            self._fail("load_module", f"the kernel refused it with {refused['errno']}")

    def _cred(self) -> None:
        facts = self.said.acts["cred"]
        if facts["status"]:
            self._fail("update_cred", f"the set-user-ID program ended with {facts['status']}")
        record = self._find("update_cred", "set-user-ID exec", tgid=facts["tgid"])
        self._same(record, "set-user-ID exec", old_euid=1000, old_uid=1000, new_uid=1000, new_euid=0)
        record = self._find("execve", "set-user-ID exec", tgid=facts["tgid"])
        self._same(record, "set-user-ID exec", elevation=1, exe="/tmp/suid", uid=1000, euid=0)

    def _compat(self) -> None:
        facts = self.said.acts["compat"]
        if "skipped" in facts:
            return
        record = self._find("connect", "32-bit connect", tgid=facts["tgid"])
        self._same(record, "32-bit connect", remote_port=4244, result=_REFUSED, compat=True)
        record = self._find("execve", "32-bit refused exec", tgid=facts["tgid"], result=_EACCES)
        self._same(record, "32-bit refused exec", argv=("plain", "two"), filename="/tmp/plain", compat=True)

    def _files(self) -> None:
        facts = self.said.acts["open"]
        blind = self._entry_only("open")
        for path, result in (("/tmp/plain", 0), ("/tmp/missing", -facts["errno"])):
            record = self._find("open", "open", filename=path, tgid=facts["tgid"])
            known = {"path": None if blind or result else path, "result": None if blind else result}
            self._same(record, "open", mode=0, resolve=0, **known)
            if record is not None and bool((record.flags_ or 0) & facts["flag"]) == bool(result):
                self._fail("open", f"open: flags_ is {record.flags_:#o}")
        record = self._find("file_read", "file_read", path="/tmp/plain", tgid=facts["tgid"])
        self._same(record, "file_read", position=0, mode=0o100644, fs_id="tmpfs")
        if facts["errno"] != -_ENOENT:
            self._fail("open", f"open: the kernel answered {facts['errno']}")
        record = self._find("chmod", "chmod", tgid=self._done("chmod", "chmod"), path="/tmp/plain")
        result = None if self._entry_only("chmod") else 0
        self._same(record, "chmod", old_mode=0o100644, mode=0o4755, result=result)

    def _renamed(self) -> None:
        record = self._find("rename", "rename", tgid=self._done("rename", "rename"), old_path=_ODD)
        self._same(record, "rename", new_path=_OTHER, flags_=0, fs_id="tmpfs")
        record = self._find("link", "link", tgid=self._done("link", "link"), path="/tmp/hard")
        self._same(record, "link", kind=1, target="/tmp/plain", fs_id="tmpfs")
        record = self._find("link", "symlink", tgid=self._done("symlink", "link"), path="/tmp/soft")
        self._same(record, "symlink", kind=2, target="plain", fs_id="tmpfs")

    def _mount(self) -> None:
        record = self._find("mount", "mount", tgid=self._done("mount", "mount"), target="/tmp/mounted")
        self._same(record, "mount", source="src", type="tmpfs", flags_=2, options="size=64k")

        if "skipped" in self.said.acts["newmount"]:
            return
        me, name = self._done("newmount", "mount"), b"a\n\xff".decode(errors="surrogateescape")
        steps: dict[int, dict[str, Any]] = {
            2: {"source": None, "target": "/tmp/moved", "flags_": 1 << 21 | 2, "options": None},
            3: {"source": name, "target": None, "flags_": 0, "options": None},
            4: {"source": None, "target": None, "flags_": 0, "options": f"source={name}"},
            6: {"source": "/tmp/moved", "target": None, "flags_": 4096, "options": None},
        }
        for kind, fields in steps.items():
            record = self._find("mount", "newmount", tgid=me, kind=kind)
            self._same(record, "newmount", type="tmpfs", **fields)

    def _removed(self) -> None:
        me, path = self._done("unlink", "unlink"), "/tmp/gone"
        for offset, content in ((0, b"one"), (3, b"a\n\xff")):
            record = self._find("write", "write", tgid=me, path=path, offset=offset)
            self._same(record, "write", count=3, content=content.decode(errors="surrogateescape"))
        for event in ("file_created_closed", "file_write"):
            if event == "file_created_closed" and self._is_by(event, "none"):
                # Before v4.19 no file tells that it was created.
                self.lacking.add(event)
                continue
            record = self._find(event, event, tgid=me, path=path)
            self._same(record, event, size=6, position=6, mode=0o100600, fs_id="tmpfs")
        record = self._find("unlink", "unlink", tgid=me, path=path)
        self._same(record, "unlink", links=1, fs_id="tmpfs")
        self._result(record, 0)
        me, full = self._done("rmdir", "rmdir"), self.said.acts["full"]["errno"]
        for path, links, errno in (("/tmp/folder", 3, full), ("/tmp/folder/in", 2, 0)):
            record = self._find("rmdir", "rmdir", tgid=me, path=path)
            self._same(record, "rmdir", links=links, fs_id="tmpfs")
            self._result(record, -errno)
        if full != _NOT_EMPTY:
            self._fail("rmdir", f"rmdir: the kernel answered {full}")

    def _accepted(self) -> None:
        me, port = self._done("bind", "bind"), self.said.acts["bind"]["port"]
        record = self._find("bind", "bind", tgid=me, address="127.0.0.2")
        known = {"result": None, "local_port": None} if self._entry_only("bind") else {"local_port": port}
        self._same(record, "bind", family=2, type=1, protocol=6, port=0, path=None, **{"result": 0, **known})
        facts = self.said.acts["accept"]
        record = self._find("accept", "accept", tgid=me, result=facts["result"])
        self._same(
            record, "accept", family=2, protocol=6, fd=facts["fd"], local_port=port, path=None,
            local_address="127.0.0.2", remote_address="127.0.0.1", remote_port=facts["port"],
        )  # fmt: skip

    def _namespaces(self) -> None:
        for act, kind, result in (("namespace", 4, 0), ("pivot", 3, -self.said.acts["pivot"]["errno"])):
            child = self.said.acts[act]["tgid"]
            record = self._find("namespace", "unshare", tgid=child, kind=1)
            self._same(record, "unshare", flags_=0x20000, target=None, result=0)
            record = self._find("namespace", act, tgid=child, kind=kind)
            self._same(record, act, target="/tmp/mounted", target_ns=None, result=result)
        self._done("namespace", "namespace")

    def _memfd(self) -> None:
        facts = self.said.acts["memfd"]
        name = b"a\n\x1e\x17\xff".decode(errors="surrogateescape")
        record = self._find("memfd_create", "memfd", tgid=facts["tgid"])
        self._same(record, "memfd", name=name, memfd_flags=1, result=facts["result"])
        if facts["result"] < 0:
            self._fail("memfd_create", f"memfd: the kernel answered {facts['result']}")

    def _signals(self) -> None:
        me, child = self._done("signals", "kill"), self.said.acts["signals"]["child"]
        for event, number in (("kill", 15), ("tkill", 0), ("tgkill", 0)):
            asked = {"kill": {"pid": child, "pidfd": None}, "tkill": {"thread": child}}
            fields = asked.get(event, {"pid": child, "thread": child})
            record = self._find(event, event, tgid=me, target_tgid=child, signal=number)
            self._same(record, event, result=0, **fields)
        pidfd = self.said.acts["signals"]["pidfd"]
        if pidfd >= 0:
            record = self._find("kill", "pidfd", tgid=me, pidfd=pidfd)
            self._same(record, "pidfd", target_tgid=child, pid=None, signal=0, result=0)

    def _session(self) -> None:
        child = self._done("setsid", "setsid")
        self._same(self._find("setsid", "setsid", tgid=child), "setsid", result=child, sid=child, pgid=child)

    def _capset(self) -> None:
        child, facts = self._done("capset", "capset"), self.said.acts["capset"]
        old = None if self._is_by("capset", "sys_exit") else facts["old"]
        fields = {"old_cap_effective": old, "new_cap_effective": facts["new"], "result": 0}
        self._same(self._find("capset", "capset", tgid=child), "capset", **fields)

    def _bpf(self) -> None:
        facts = self.said.acts["bpf"]
        record = self._find("bpf", "bpf", tgid=facts["tgid"])
        self._same(record, "bpf", command=0, map_type=2, name="smoke\n", result=facts["result"])

    def _machine(self) -> None:
        facts = self.said.acts["reboot"]
        fields = {"stage": 2, "magic": 0xFEE1DEAD, "argument": None, "result": -facts["refused"]}
        self._same(self._find("reboot", "reboot", tgid=facts["tgid"], command=77), "reboot", **fields)
        facts = self.said.acts["kexec"]
        record = self._find("kexec", "kexec", tgid=facts["tgid"], kind=1)
        self._same(record, "kexec", entry=1, segments=1000, kexec_flags=0, result=-facts["refused"])

    def _ring(self) -> None:
        facts, other = self.said.acts["ring"], self.said.acts["personality"]
        if facts["result"] == _ENOSYS:
            self.lacking.add("io_uring")
            return
        record = self._find("io_uring", "setup", tgid=facts["tgid"], kind=1)
        self._same(record, "setup", entries=4, setup_flags=0, sqpoll=0, result=facts["result"])
        record = self._find("io_uring", "personality", tgid=facts["tgid"], kind=2)
        self._same(record, "personality", ring=other["ring"], entries=None, result=other["result"])

    def _perf(self) -> None:
        facts = self.said.acts["perf"]
        record = self._find("perf_event_open", "perf", tgid=facts["tgid"])
        fields = {"type": 1, "config": 1, "exclude_kernel": 1, "exclude_user": 0, "pid": 0, "on_cpu": -1}
        self._same(record, "perf", target_tgid=facts["tgid"], **fields, result=facts["result"])

    def _helper(self) -> None:
        me, asked = self.said.acts["helper"]["tgid"], "net-pf-9"
        event = "call_usermodehelper"
        found = [one for one in self.records if one.event == event and asked in (one.argv or ())]
        if len(found) != 1:
            self._fail(event, f"helper: {len(found)} records, not 1")
            return
        self._same(found[0], "helper", tgid=me, argc=4, wait=6, argv=(found[0].path, "-q", "--", asked))
        if not found[0].caller or found[0].caller_module:
            self._fail(event, f"helper: the caller is {found[0].caller} of {found[0].caller_module}")

    def _intruded(self) -> None:
        me, facts = self._done("ptrace", "ptrace"), self.said.acts["ptrace"]
        record = self._find("ptrace", "attach", tgid=me, request=16)
        self._same(
            record, "attach", pid=facts["child"], target_tgid=facts["child"], target_exe="/init", result=0
        )
        facts = self.said.acts["process_vm"]
        record = self._find("process_vm", "readv", tgid=me, kind=1)
        told = {"target_tgid": facts["child"], "pieces": 1, "result": min(facts["result"], 0)}
        self._same(record, "readv", **told, length=1 if facts["result"] > 0 else None)

    def _itself(self) -> None:
        child, page = self.said.acts["prctl"]["tgid"], self.said.acts["mprotect"]
        old = None if self._is_by("prctl", "sys_exit") else "init"
        record = self._find("prctl", "name", tgid=child, option=15)
        self._same(record, "name", name="a\n\x1e\x17", old_name=old, result=0)
        record = self._find("mprotect", "page", tgid=page["tgid"], start=page["start"])
        told = {"protection": 5, "current_protection": 1, "path": None, "owner_tgid": page["tgid"]}
        self._same(record, "page", length=page["length"], **told)
        nap = {"tgid": self.said.acts["nanosleep"]["tgid"], "nanoseconds": 1_000_000, "seconds": 0}
        self._same(self._find("nanosleep", "nap", **nap), "nap", clock=1, absolute=0)

    def _dns(self) -> None:
        facts = self.said.acts["dns"]
        record = self._find("dns_query", "answer", tgid=facts["tgid"])
        self._same(
            record, "answer", name="a", qtype=1, qclass=1, rcode=0, opcode=0, query_id=0x1234, problem=0,
            answer_count=1, answers=("A 192.0.2.1",), family=2, protocol=17, remote_port=53,
            remote_address="127.0.0.1", local_address="127.0.0.1", local_port=facts["port"],
            length=facts["length"],
        )  # fmt: skip

    def _scan(self) -> None:
        if self.said.acts["scan"]["errno"]:
            self._fail("port_scan", f"scan: the kernel answered {self.said.acts['scan']['errno']}")
        fields = {"kind": 6, "remote_address": "127.0.0.1", "local_address": "127.0.0.1"}
        record = self._find("port_scan", "scan", **fields)
        told = {"distinct_ports": 15, "distinct_hosts": 1, "packets": 15, "window": 300, "family": 2}
        self._same(record, "scan", **told, ports=tuple(map(str, range(1, 16))))

    def _escalated(self) -> None:
        event, state = "privilege_escalation", self.said.acts["self"]
        for noticed, how in ((1, "exec"), (2, "fork"), (3, "exit")):
            facts, what = self.said.acts[f"intrude_{how}"], f"noticed at {how}"
            if facts["loaded"] or facts["unloaded"] or facts["status"]:
                self._fail(event, f"{what}: the fixture or its process failed: {facts}")
            record = self._find(event, what, tgid=facts["tgid"])
            for side, when in (("old", "before"), ("new", "after")):
                self._same(record, what, **_credentials(side, self.said.acts[f"{when}_{how}"]))
            told = {"noticed": noticed, "replaced": facts["swap"], "explained": 2}
            self._same(record, what, old_user_ns=state["user_ns"], **told)
            if record is None:
                continue
            self._same(record, what, parent_tgid=state["tgid"], uid=record.new_uid, euid=record.new_euid)
            began, ready = facts["time"]
            if not began <= record.explained_time <= ready:
                self._fail(event, f"{what}: explained at {record.explained_time}, not in {began}..{ready}")
            if [item.tgid for item in record.ancestors] != [state["tgid"]]:
                self._fail(event, f"{what}: ancestors are {record.ancestors!r}")
        found = sum(record.event == event for record in self.records)
        if found != 3:
            self._fail(event, f"{found} records of three escalations and many acts that are none")

    def _usb(self) -> None:
        facts = self.said.acts["usb"]
        if "skipped" in facts:
            self.said.notes.append(f"USB: {facts['skipped']}")
            return
        if facts["unbind"] or facts["bind"]:
            self._fail("usb_device", f"the kernel refused to take the device's driver away: {facts}")
        hub, device, again = (self._usb_fields(what) for what in ("hub", "device", "device_again"))
        # Where USB is built in they were there before anybody looked.
        loaded = bool(facts["modules"])
        self._usb_came("hub", [hub] if loaded else [], hub)
        last = self._usb_came("device", [device, again] if loaded else [again], device)
        gone = self._of_device(2, device["device_path"])
        if len(gone) != 1:
            self._fail("usb_device", f"device: it went {len(gone)} times, not once")
        for record in gone:
            self._same(record, "device removed", **device)
        for record in (*gone, *last):
            self._same(record, "by the act", tgid=facts["tgid"])

    def _usb_came(self, what: str, came: list[dict[str, Any]], fields: dict[str, Any]) -> list[ksonde.Record]:
        """Compare the times that a device came; return the last one."""
        found = self._of_device(1, fields["device_path"])
        if len(found) != len(came):
            self._fail("usb_device", f"{what}: it came {len(found)} times, not {len(came)}")
        for record, data in zip(found, came):
            self._same(record, f"{what} added", **data)
        return found[-1:]

    def _usb_fields(self, what: str) -> dict[str, Any]:
        facts = self.said.acts[f"usb_{what}"]
        texts = {key: facts[key] or None for key in ("product", "manufacturer", "serial")}
        return {**facts, **texts, "interfaces": tuple(facts["interfaces"])}

    def _of_device(self, action: int, path: str) -> list[ksonde.Record]:
        found = [record for record in self.records if record.event == "usb_device"]
        found = [record for record in found if (record.action, record.device_path) == (action, path)]
        return sorted(found, key=lambda record: record.time)

    def _lost(self) -> None:
        facts = self.said.facts["lost"]
        stats = uapi.Stats.parse(self.said.blobs["stats"][1])
        self.checked["lost"] = 1
        if not facts["lost"] or stats.produced != facts["records"] + facts["lost"]:
            self._fail(
                "lost",
                f"{stats.produced} produced, {facts['records']} read, {facts['lost']} said to be lost",
            )

    def _state(self) -> None:
        mine = [record for record in self.records if record.event == "session_state"]
        first = [record.what for record in sorted(mine, key=lambda record: record.time)]
        self.checked["session_state"] = 1
        if first[:1] != [1]:
            self._fail("session_state", f"the stream's first words are {first[:3]}")
        if uapi.Stats.parse(self.said.blobs["stats"][0]).dropped[0]:
            self._fail("session_state", "records of the acts were dropped")

    def _lsm(self) -> None:
        hooks = lsm_hooks.Hooks.parse(json.loads(self.said.blobs["lsm"][0]))
        for finding in hooks.findings(None):
            self._fail("lsm", str(finding))
        for name, way in (("symbol", hooks.by_symbol), ("code", hooks.by_code)):
            if not way["found"] and not way["why"]:
                self._fail("lsm", f"not found by {name}, and it is not said why")
        agree = sum(hook.agree is True for hook in hooks.hooks)
        callbacks = sum(len(hook.callbacks) for hook in hooks.hooks)
        self.said.notes.append(
            "; ".join([f"{len(hooks.hooks)} LSM hooks, {callbacks} callbacks, {agree} agree", *hooks.notes()])
        )

    def _integrity(self) -> None:
        parts = [integrity.Part.parse(json.loads(text), 0) for text in self.said.blobs["integrity"]]
        for part in parts:
            for finding in part.findings:
                self._fail("integrity", f"{part.name}: {finding}")
            if not part.checked and not part.why:
                self._fail("integrity", f"{part.name}: nothing was looked at, and it is not said why")
        if parts[0].parts != len(parts):
            self._fail("integrity", f"{len(parts)} of {parts[0].parts} parts were answered")
        said = (
            f"{part.name}: {part.checked} checked" + (f", {part.why}" if part.why else "") for part in parts
        )
        self.said.notes.append("; ".join(said))

    def _inventory(self) -> None:
        kinds = [inventory.Kind.parse(json.loads(text), 0) for text in self.said.blobs["inventory"]]
        for kind in kinds:
            for entry in kind.entries:
                if entry.owner != "known":
                    self._fail("inventory", f"{kind.name} {entry.where()}: owner {entry.owner}")
            if not kind.whole and not kind.why:
                self._fail("inventory", f"{kind.name}: not all of it, and it is not said why")
        if kinds[0].parts != len(kinds):
            self._fail("inventory", f"{len(kinds)} of {kinds[0].parts} kinds were answered")
        said = (
            f"{len(kind.entries)} {kind.name}" + ("" if kind.whole else f" ({kind.why})") for kind in kinds
        )
        self.said.notes.append("; ".join(said))

    def _faults(self) -> None:
        for call in ("open", "start", "map"):
            facts = self.said.faults[call]
            if not facts["refused"] or facts["tried"] < 2:
                self._fail("session_state", f"faults in {call}: none came through: {facts}")
        facts = self.said.faults["random"]
        if not facts["refused"] or facts["refused"] + facts["killed"] == facts["tried"]:
            self._fail("session_state", f"faults at random: {facts}")

    def _leaks(self) -> None:
        facts = self.said.facts["leaks"]
        if facts["errno"] or facts["leaks"]:
            self._fail("session_state", f"kmemleak: {facts['leaks']} leaks, errno {facts['errno']}")
        if facts["debug_locks"] != 1:
            self._fail("session_state", "lockdep has switched itself off")
