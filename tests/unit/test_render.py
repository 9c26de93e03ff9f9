# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Optional

import pytest

from fakes import SCHEMA, FakeContainers, FakeUsers, execve, record, tree
from ksonde.ancestry import Ancestry
from ksonde.decoder import Decoder
from ksonde.enrich.container import UNKNOWN, Container
from ksonde.enrich.interfaces import Interfaces
from ksonde.record import Record
from ksonde.render import Renderer, address, unix_path
from ksonde.schema import Schema
from ksonde.values import Names
from support import CONNECT, PROCESS, RecordBuilder, schema_text

ALL = (1 << 41) - 1
IP = {"127.0.0.1": "lo", "fe80::1": None}


class FakeInterfaces(Interfaces):
    def __init__(self) -> None:
        pass

    def name(self, index: int, net_ns: Optional[int] = None) -> Optional[str]:
        return {2: "eth0"}.get(index) if net_ns == PROCESS["net_ns"] else None

    def of_address(self, address: str, net_ns: Optional[int] = None) -> Optional[str]:
        return IP.get(address) if net_ns == PROCESS["net_ns"] else None

    def namespace(self, inode: int) -> Optional[str]:
        return {99: "blue"}.get(inode)


BIND = {"family": 2, "type": 1, "protocol": 6}
ACCEPT = {
    **BIND,
    "fd": 3,
    "local_address": bytes([127, 0, 0, 1]),
    "local_port": 80,
    "remote_address": bytes([127, 0, 0, 2]),
    "remote_port": 99,
    "result": 5,
}


def renderer(**options: Any) -> Renderer:
    names = Names({number: event.name for number, event in SCHEMA.by_id.items()}, FakeUsers())
    made = Renderer(SCHEMA, names=names, interfaces=options.pop("interfaces", FakeInterfaces()), **options)
    made._pid_ns = PROCESS["pid_ns"]
    made._net_ns = PROCESS["net_ns"]
    return made


def sentence(one: Record, **options: Any) -> str:
    line = renderer(**options).line(one)
    return line.split(one.event, 1)[1].strip()


def test_columns() -> None:
    line = renderer().line(execve("/bin/ls"))
    time, user, process, event, words = line.split(None, 4)
    assert len(time) == 12
    assert (user, process, event) == ("1000", "curl[4242/4243]", "execve")
    assert words.startswith("/bin/ls")


def test_user_and_process() -> None:
    process = {"tid": 4242, "uid": 0, "euid": 4_000_000_000, "comm": "a\x1b[1m"}
    line = renderer().line(record("connect", CONNECT, process))
    assert "root->4000000000 " in line
    assert "a\\e[1m[4242] " in line


ID = "3f2a9c0d1e4b5a6978877665544332211000ffeeddccbbaa9988776655443322"
POD = "6f1b2c3d-0a1b-4c2d-8e3f-00112233445a"


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (None, ""),
        (Container(ID, "docker"), " (in docker 3f2a9c0d1e4b)"),
        (Container(ID, "containerd", POD), " (in containerd 3f2a9c0d1e4b, pod 6f1b2c3d)"),
        (Container(ID, None, ID[:32]), " (in container 3f2a9c0d1e4b, pod 3f2a9c0d1e4b)"),
        (Container("my) web", "lxc"), " (in lxc 'my) web')"),
        (UNKNOWN, " (container unknown)"),
    ],
)
def test_containers(container: Optional[Container], words: str) -> None:
    assert sentence(execve("-curl"), containers=FakeContainers(container)) == f"-curl (in /root){words}"


def test_places() -> None:
    made = record("chmod", {"path": "/x", "mode": 0o4755, "old_mode": 0o644}, flags=0x01C0)
    assert sentence(made) == "/x 0644 -> 4755 (outside of its root, deleted)"
    assert sentence(execve("-curl"), containers=None) == "-curl (in /root)"
    run = record("execve", {"filename": "curl", "argv": ("curl",), "file_flags": 8}, flags=0x00C0)
    assert sentence(run) == "curl (deleted) (outside of its root)"


def test_all_of_a_container() -> None:
    shown = sentence(
        execve("-curl"), containers=FakeContainers(Container(ID, "containerd", POD)), verbose=True
    )
    assert f"-curl (in /root) (in containerd {ID}, pod {POD})\n" in shown


def test_a_process_in_a_container_has_its_host_name() -> None:
    assert "@example " in renderer().line(record("fork", {"child_tgid": 1}, {"pid_ns": 5}))
    assert "(irq) curl" in renderer().line(record("fork", {"child_tgid": 1}, flags=0x20))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (execve("/bin/ls", "-l", "a b"), "/bin/ls -l 'a b' (/usr/bin/curl, in /root)"),
        (execve("-curl"), "-curl (in /root)"),
        (execve("./x", interpreter="/bin/sh"), "./x (by /bin/sh, in /root)"),
        (execve("/bin/nope", result=-13), "/bin/nope (in /root) failed: EACCES (Permission denied)"),
        (
            record("execve", {"filename": "/bin/x", "argv": ("y",), "result": -2}),
            "y (/bin/x) failed: ENOENT (No such file or directory)",
        ),
        (
            execve("curl", elevation=1, file_flags=2 | 16, ld_preload="/x.so"),
            "curl (set-user-ID, memfd, LD_PRELOAD=/x.so, in /root)",
        ),
        (
            execve("curl", stdin_target="socket:[9]", ssh_connection="10.0.0.9 1 10.0.0.1 22"),
            "curl (stdin is a socket, by ssh from 10.0.0.9, in /root)",
        ),
        (
            execve(
                "curl",
                socket_family=2,
                socket_local_port=22,
                socket_local_address=bytes([10, 0, 0, 1]) + bytes(12),
                socket_remote_port=5000,
                socket_remote_address=bytes([10, 0, 0, 9]) + bytes(12),
                socket_tgid=77,
            ),
            "curl (socket 10.0.0.1:22 -> 10.0.0.9:5000 of 77, in /root)",
        ),
        (record("connect", CONNECT), "tcp 127.0.0.1:40000 (lo) -> 127.0.0.2:443"),
        (
            record("connect", {**CONNECT, "result": -111}),
            "tcp 127.0.0.1:40000 (lo) -> 127.0.0.2:443 failed: ECONNREFUSED (Connection refused)",
        ),
        (
            record("connect", {**CONNECT, "stage": 2}),
            "tcp 127.0.0.1:40000 (lo) -> 127.0.0.2:443 connected",
        ),
        (
            record("connect", {**CONNECT, "stage": 2, "result": -111}),
            "tcp 127.0.0.1:40000 (lo) -> 127.0.0.2:443 failed: ECONNREFUSED (Connection refused)",
        ),
        (
            record("connect", {**CONNECT, "stage": 2, "result": None}),
            "tcp 127.0.0.1:40000 (lo) -> 127.0.0.2:443 given up",
        ),
        (
            record(
                "connect",
                {**CONNECT, "result": -115, "in_progress": 1, "protocol": 0, "type": 2},
                {"net_ns": 99},
            ),
            "udp 127.0.0.1:40000 -> 127.0.0.2:443 under way in network namespace blue",
        ),
        (
            record(
                "connect",
                {
                    "family": 10,
                    "type": 1,
                    "protocol": 6,
                    "remote_address": bytes.fromhex("fe80") + bytes(13) + b"\1",
                    "remote_port": 80,
                    "scope_id": 2,
                    "result": 0,
                },
            ),
            "tcp -> [fe80::1%eth0]:80",
        ),
        (record("connect", {"family": 1, "path": "/run/a b"}), "unix -> '/run/a b'"),
        (record("connect", {"family": 1, "path": "\0bus\n"}), "unix -> @$'bus\\n'"),
        (record("connect", {"family": 0}), "disconnected"),
        (
            record(
                "bind", {**BIND, "port": 0, "local_port": 99, "address": bytes([127, 0, 0, 1]), "result": 0}
            ),
            "tcp 127.0.0.1:99",
        ),
        (
            record(
                "bind", {**BIND, "port": 80, "local_port": 80, "address": bytes([127, 0, 0, 1]), "result": 0}
            ),
            "tcp 127.0.0.1:80",
        ),
        (
            record("bind", {**BIND, "port": 80, "address": bytes([127, 0, 0, 1]), "result": -13}),
            "tcp 127.0.0.1:80 failed: EACCES (Permission denied)",
        ),
        (
            record(
                "bind",
                {
                    "family": 10,
                    "type": 2,
                    "port": 5,
                    "address": bytes([0xFE, 0x80, *bytes(13), 1]),
                    "scope_id": 7,
                },
            ),
            "udp [fe80::1%7]:5",
        ),
        (record("bind", {"family": 1, "path": "/a b", "result": 0}), "unix '/a b'"),
        (record("bind", {"family": 16, "port": 7, "groups": 17, "result": 0}), "netlink 7 groups 0x11"),
        (record("bind", {"family": 17, "scope_id": 3}), "packet 3"),
        (record("bind", {"family": 40, "port": 7, "cid": 2}), "vsock 2:7"),
        (record("bind", {"family": 0}), "unspec"),
        (record("accept", ACCEPT), "tcp 127.0.0.1:80 <- 127.0.0.2:99 as descriptor 5"),
        (
            record("accept", {**ACCEPT, "remote_address": None, "remote_port": None, "result": -22}),
            "tcp 127.0.0.1:80 failed: EINVAL (Invalid argument)",
        ),
        (record("accept", {"family": 1, "path": "/a", "result": 5}), "unix /a as descriptor 5"),
        (record("accept", {"family": 1, "result": 5}), "unix as descriptor 5"),
        (record("accept", {"fd": 3, "result": -9}), "descriptor 3 failed: EBADF (Bad file descriptor)"),
        (record("connect", {"family": 16, "result": -1}), "netlink failed: EPERM (Operation not permitted)"),
        (
            record("create_file", {"path": "/tmp/x\ny", "mode": 0o100644, "fs_id": "sda1", "mount_known": 1}),
            "$'/tmp/x\\ny' (mode 0644, on sda1)",
        ),
        (record("create_file", {"path": "/y", "mount_known": 0}), "/y (as its file system sees it)"),
        (
            record("exit", {"code": 0, "run_time": 1_500_000_000, "peak_rss": 4 << 20}),
            "exited 0 after 1.5 s, peak 4 MiB",
        ),
        (record("exit", {"signal": 11, "core_dumped": 1}), "killed by SIGSEGV, core dumped"),
        (record("exit_group", {"code": 3}), "exits 3"),
        (record("rename", {"old_path": "/a", "new_path": "/b c", "flags": 2}), "/a -> '/b c' (EXCHANGE)"),
        (record("link", {"kind": 1, "path": "/a", "target": "/b"}), "/a is /b"),
        (record("link", {"kind": 2, "path": "/a", "target": "../b"}), "/a -> ../b"),
        (
            record("chmod", {"path": "/a", "old_mode": 0o100644, "mode": 0o4755, "result": -1}),
            "/a 0644 -> 4755 failed: EPERM (Operation not permitted)",
        ),
        (
            record(
                "mount", {"source": "none", "target": "/m", "type": "tmpfs", "flags": 4, "options": "mode=7"}
            ),
            "none on /m (tmpfs, NODEV, mode=7)",
        ),
        (record("mount", {"target": "/m", "flags": 1 << 18}), "/m (PRIVATE)"),
        (
            record("mount", {"kind": 2, "source": "/a", "target": "/m", "type": "tmpfs", "flags": 2}),
            "moved /a to /m (tmpfs, NOSUID)",
        ),
        (record("mount", {"kind": 2, "target": "/m", "flags": 0}), "moved to /m"),
        (
            record("mount", {"kind": 4, "type": "tmpfs", "flags": 0, "options": "size=1m"}),
            "fsconfig (tmpfs, size=1m)",
        ),
        (
            record("mount", {"kind": 6, "source": "a b", "type": "ext4", "flags": 4096}),
            "open_tree 'a b' (ext4, BIND)",
        ),
        (
            record(
                "ptrace",
                {"request": 5, "pid": 9, "target_tgid": 9, "target_exe": "/a b", "address": 16, "data": 1},
            ),
            "POKEDATA '/a b'[9] (address 0x10, data 0x1)",
        ),
        (
            record("ptrace", {"request": 16, "pid": 8, "target_tgid": 7, "result": -1}),
            "ATTACH ?[7] (thread 8) failed: EPERM (Operation not permitted)",
        ),
        (
            record("ptrace", {"request": 0x4206, "pid": 8, "result": -3}),
            "SEIZE no process 8 failed: ESRCH (No such process)",
        ),
        (
            record("process_vm", {"kind": 2, "pid": 9, "target_tgid": 9, "target_exe": "/a", "length": 300}),
            "writes 300 B of memory of /a[9]",
        ),
        (
            record("process_vm", {"kind": 1, "pid": 9, "result": -3}),
            "reads memory of no process 9 failed: ESRCH (No such process)",
        ),
        (
            record("process_vm", {"kind": 3, "pid": 9, "target_tgid": 7}),
            "opens for writing memory of ?[7]",
        ),
        (record("prctl", {"option": 15, "old_name": "a", "name": "b c"}), "SET_NAME a -> 'b c'"),
        (
            record("prctl", {"option": 15, "old_name": "a", "result": -14}),
            "SET_NAME a -> '?' failed: EFAULT (Bad address)",
        ),
        (record("prctl", {"option": 4, "old_dumpable": 1, "argument2": 0}), "SET_DUMPABLE 1 -> 0"),
        (record("prctl", {"option": 35, "argument2": 1, "argument3": 4096}), "SET_MM 0x1, 0x1000, 0x0, 0x0"),
        (
            record(
                "mprotect",
                {"start": 4096, "length": 16, "protection": 5, "current_protection": 1, "path": "/a"},
            ),
            "READ -> READ,EXEC 0x1000+0x10 of /a",
        ),
        (
            record("mprotect", {"start": 4096, "length": 16, "protection": 7, "owner_tgid": 8}),
            "none -> READ,WRITE,EXEC 0x1000+0x10 (memory of ?[8])",
        ),
        (
            record("nanosleep", {"clock": 1, "seconds": 1, "nanoseconds": 20, "absolute": 0}),
            "sleeps for 1.000000020 s (MONOTONIC)",
        ),
        (
            record("nanosleep", {"clock": 0, "seconds": 5, "nanoseconds": 0, "absolute": 1}),
            "sleeps until 5.000000000 s (REALTIME)",
        ),
        (record("unlink", {"path": "/a b", "links": 1, "running": 0, "result": 0}), "'/a b'"),
        (
            record("unlink", {"path": "/a", "links": 2, "running": 1, "result": -13}),
            "/a (a running program, one of 2 names) failed: EACCES (Permission denied)",
        ),
        (record("rmdir", {"path": "/d", "links": 2, "result": 0}), "/d"),
        (record("rmdir", {"path": "/d", "result": -39}), "/d failed: ENOTEMPTY (Directory not empty)"),
        (record("namespace", {"kind": 1, "flags": 0x40020000, "result": 0}), "unshare (NEWNS, NEWNET)"),
        (
            record("namespace", {"kind": 2, "flags": 0, "target": "net:[4026531840]", "result": -1}),
            "setns 'net:[4026531840]' failed: EPERM (Operation not permitted)",
        ),
        (record("namespace", {"kind": 4, "target": "/a b", "result": 0}), "chroot '/a b'"),
        (
            record("write", {"path": "/a", "offset": 5, "count": 300, "content": "x\ny"}),
            "/a (300 B, at 5, $'x\\ny')",
        ),
        (record("write", {"path": "/a", "offset": 0, "count": 1}), "/a (1 B)"),
        (
            record("write", {"path": "/a", "offset": 0, "count": 50, "content": "(" * 50}),
            f"/a (50 B, '{'(' * 48}'...)",
        ),
        (
            record("file_write", {"path": "/a b", "size": 300, "position": 5, "flags": 0o102001}),
            "'/a b' (300 B, at 5, WRONLY, APPEND)",
        ),
        (record("file_read", {"path": "/a", "size": 0, "position": 0, "flags": 0}), "/a (0 B)"),
        (record("file_created_closed", {"flags": 2}), "? (RDWR)"),
        (record("open", {"filename": "x", "path": "/tmp/x", "flags": 0o2002}), "/tmp/x (as x, RDWR, APPEND)"),
        (
            record("open", {"filename": "/y z", "flags": 0, "result": -13}),
            "'/y z' failed: EACCES (Permission denied)",
        ),
        (
            record("fork", {"child_tgid": 50, "child_ns_pid": 1, "new_pid_ns": 9}),
            "child 50 (1 in its namespace) new pid namespace",
        ),
        (
            record(
                "load_module",
                {
                    "stage": 1,
                    "name": "hello",
                    "file": "/hello.ko",
                    "size": 16384,
                    "taints": 1 << 12,
                    "cwd": "/",
                },
            ),
            "hello from /hello.ko (16 KiB, out of tree, in /)",
        ),
        (
            record("load_module", {"stage": 2, "result": -1}),
            "a module failed: EPERM (Operation not permitted)",
        ),
        (
            record(
                "update_cred",
                {
                    f"{when}_{kind}": uid
                    for when, uid in (("old", 4_000_000_00), ("new", 0))
                    for kind in ("uid", "euid", "suid", "fsuid")
                },
            ),
            "user 400000000->root",
        ),
        (record("update_cred", {"old_user_ns": 1, "new_user_ns": 2}), "user namespace 1->2"),
        (
            record("privilege_escalation", {"replaced": 1, "old_euid": 4_000_000_00, "new_euid": 0}),
            "credentials replaced, by nobody who may: euid 400000000->root",
        ),
        (
            record("privilege_escalation", {"replaced": 0, "old_cap_permitted": 0, "new_cap_permitted": ALL}),
            "credentials changed in place, by nobody who may: capabilities +all (permitted)",
        ),
        (
            record(
                "update_cred",
                {
                    "old_euid": 4_000_000_00,
                    "new_euid": 0,
                    "old_cap_permitted": 0,
                    "new_cap_permitted": ALL,
                    "old_cap_effective": 0,
                    "new_cap_effective": ALL,
                    "old_cap_ambient": 0,
                    "new_cap_ambient": 1 << 13,
                },
            ),
            "euid 400000000->root; capabilities +all (permitted, effective); capabilities +net_raw (ambient)",
        ),
        (record("kill", {"target_tgid": 77, "pid": 7, "signal": 9}), "SIGKILL to 77"),
        (
            record("kill", {"pidfd": 5, "signal": 15, "result": -3}),
            "SIGTERM to pidfd 5 failed: ESRCH (No such process)",
        ),
        (record("kill", {"pid": 0, "signal": 0}), "signal 0 to the own group"),
        (record("kill", {"pid": -1, "signal": 9}), "SIGKILL to all"),
        (record("kill", {"pid": -50, "signal": 1}), "SIGHUP to group 50"),
        (record("tkill", {"target_tgid": 77, "thread": 78, "signal": 10}), "SIGUSR1 to 77 thread 78"),
        (record("tkill", {"target_tgid": 77, "thread": 77, "signal": 99}), "signal 99 to 77"),
        (
            record("tgkill", {"pid": 7, "thread": 8, "signal": 9, "result": -3}),
            "SIGKILL to 7 thread 8 failed: ESRCH (No such process)",
        ),
        (record("setsid", {"result": 4711}), "new session 4711"),
        (record("setsid", {"result": -1}), "failed: EPERM (Operation not permitted)"),
        (
            record(
                "capset",
                {
                    "old_cap_permitted": 1 << 13,
                    "new_cap_permitted": 1 << 13,
                    "old_cap_effective": 0,
                    "new_cap_effective": 1 << 13,
                    "result": 0,
                },
            ),
            "effective none->net_raw",
        ),
        (record("capset", {"result": 0}), "no change"),
        (record("capset", {"result": -1}), "failed: EPERM (Operation not permitted)"),
        (
            record("memfd_create", {"name": "x\n", "memfd_flags": 3, "result": 5}),
            "$'x\\n' (CLOEXEC, ALLOW_SEALING) as descriptor 5",
        ),
        (
            record(
                "dns_query",
                {
                    "name": "www.example.com",
                    "qtype": 1,
                    "answers": ("CNAME a.example", "A 192.0.2.1"),
                    "answer_count": 3,
                    "family": 2,
                    "remote_address": bytes([192, 0, 2, 53]) + bytes(12),
                    "remote_port": 53,
                },
            ),
            "www.example.com A -> CNAME a.example, A 192.0.2.1, ... (from 192.0.2.53:53)",
        ),
        (
            record(
                "dns_query",
                {
                    "name": "no.example",
                    "qtype": 28,
                    "rcode": 3,
                    "family": 2,
                    "remote_address": bytes([192, 0, 2, 9]) + bytes(12),
                },
            ),
            "no.example AAAA NXDOMAIN (from 192.0.2.9)",
        ),
        (
            record("dns_query", {"qtype": 0, "problem": 4}),
            "? 0 damaged: a name that points forward or in a circle (from ?)",
        ),
        (
            record(
                "port_scan",
                {
                    "kind": 1,
                    "family": 2,
                    "remote_address": bytes([192, 0, 2, 9]) + bytes(12),
                    "local_address": bytes([192, 0, 2, 1]) + bytes(12),
                    "distinct_ports": 3,
                    "distinct_hosts": 1,
                    "ports": ("22", "23"),
                    "packets": 1,
                    "first_time": 10**9,
                    "last_time": 3 * 10**9,
                    "interface": 2,
                    "scanned_net_ns": PROCESS["net_ns"],
                },
                None,
            ),
            "SYN scan by 192.0.2.9 of 3 ports of 192.0.2.1 (22, 23, ..., 1 packet, in 2.0 s, by eth0)",
        ),
        (
            record(
                "port_scan",
                {
                    "kind": 6,
                    "family": 10,
                    "remote_address": bytes(15) + b"\1",
                    "local_address": bytes(15) + b"\2",
                    "distinct_ports": 1,
                    "distinct_hosts": 20,
                    "ports": ("22",),
                    "packets": 20,
                    "first_time": None,
                    "interface": 3,
                    "scanned_net_ns": 99,
                },
                None,
            ),
            (
                "UDP scan by [::1] of 1 port of 20 hosts, [::2] the last (22, 20 packets, by 3) "
                "in network namespace blue"
            ),
        ),
        (
            record(
                "syscall_table_hook",
                {
                    "state": 1,
                    "where": "sys_call_table[39]",
                    "what": "is wrong",
                    "symbol": "f",
                    "symbol_offset": 16,
                    "module": "evil\x1b",
                    "in_kernel": 0,
                    "address": 0xFFFFFFFFC0000010,
                },
                None,
            ),
            r"FOUND: sys_call_table[39]: is wrong: f+0x10 [evil\e] (at 0xffffffffc0000010)",
        ),
        (
            record(
                "lsm_hook",
                {"state": 3, "where": "capable", "what": "a callback of bpf", "symbol": "f", "in_kernel": 1}
                | {"position": 1, "lsm": "bpf"},
                None,
            ),
            "came: capable: a callback of bpf: f (number 2 of the hook, LSM bpf)",
        ),
        (
            record("idt_hook", {"state": 1, "where": "gate 5", "what": "is wrong", "in_kernel": 0}, None),
            "FOUND: gate 5: is wrong: code without a name [no owner]",
        ),
        (
            record(
                "hidden_module", {"state": 2, "where": "module m", "what": "hides", "first_seen": None}, None
            ),
            "all clear: module m: hides",
        ),
        (record("sensor_tamper", {"state": 4}, None), "went: ?: ?"),
        (record("memfd_create", {"result": -22}), "? failed: EINVAL (Invalid argument)"),
        (
            record(
                "bpf",
                {"command": 5, "program_type": 2, "attach_type": 0, "instructions": 2, "name": "a\n"}
                | {"map_type": None, "result": 4},
            ),
            "PROG_LOAD $'a\\n' (KPROBE, 2 instructions)",
        ),
        (
            record("bpf", {"command": 0, "map_type": 27, "name": "m", "result": -1}),
            "MAP_CREATE m (RINGBUF) failed: EPERM (Operation not permitted)",
        ),
        (record("bpf", {"command": 8, "attach_type": 0}), "PROG_ATTACH (attach CGROUP_INET_INGRESS)"),
        (
            record(
                "kexec",
                {"kind": 2, "kexec_flags": 2, "kernel": "/boot/v", "initrd": "/boot/i"}
                | {"entry": None, "segments": None, "command_line": "quiet x", "result": 0},
            ),
            "loads a kernel /boot/v (ON_CRASH, initrd /boot/i, command line 'quiet x')",
        ),
        (
            record("kexec", {"kind": 1, "kexec_flags": 0x3E0001, "segments": 3, "result": -1}),
            "loads a kernel (ON_CRASH, 0x3e0000, 3 segments) failed: EPERM (Operation not permitted)",
        ),
        (record("kexec", {"kind": 1, "segments": 0, "result": 0}), "unloads a kernel"),
        (
            record("reboot", {"stage": 1, "command": 0xA1B2C3D4, "argument": "a b"}),
            "RESTART2 ('a b') asked for",
        ),
        (
            record("reboot", {"stage": 2, "command": 0x01234567, "result": -1}),
            "RESTART failed: EPERM (Operation not permitted)",
        ),
        (record("reboot", {"stage": 2, "command": 0, "result": 0}), "CAD_OFF done"),
        (
            record("io_uring", {"kind": 1, "entries": 8, "setup_flags": 3, "sqpoll": 1, "result": 4}),
            "a ring of 8 entries (IOPOLL, SQPOLL)",
        ),
        (
            record("io_uring", {"kind": 2, "ring": 4, "result": 1}),
            "registers its credentials with ring 4 (personality 1)",
        ),
        (
            record("io_uring", {"kind": 2, "ring": 4, "result": -9}),
            "registers its credentials with ring 4 failed: EBADF (Bad file descriptor)",
        ),
        (
            record(
                "io_uring",
                {"kind": 3, "new_uid": 1000, "new_euid": 0, "new_cap_effective": 1 << 13, "result": None},
            ),
            "a request with other credentials (uid 1000, euid root, capabilities net_raw)",
        ),
        (
            record(
                "perf_event_open",
                {"type": 1, "config": 0, "pid": -1, "on_cpu": 2, "open_flags": 8, "result": 3}
                | {"exclude_user": 0, "exclude_kernel": 0, "exclude_hv": 1},
            ),
            "SOFTWARE 0x0 of all processes on CPU 2 (user, kernel, FD_CLOEXEC)",
        ),
        (
            record(
                "perf_event_open",
                {"type": 5, "config": 16, "pid": 7, "on_cpu": -1, "target_tgid": 77, "result": -13},
            ),
            "BREAKPOINT 0x10 of 77 failed: EACCES (Permission denied)",
        ),
        (
            record(
                "perf_event_open",
                {"type": None, "config": None, "pid": 5, "on_cpu": -1, "open_flags": 4, "result": -14},
            ),
            "an event of cgroup descriptor 5 (PID_CGROUP) failed: EFAULT (Bad address)",
        ),
        (
            record(
                "call_usermodehelper",
                {"path": "/sbin/modprobe", "argv": ("/sbin/modprobe", "-q", "--", "net-pf-9"), "argc": 4}
                | {"caller_address": 0xFFFFFFFF81000001, "caller": "__request_module", "caller_module": None},
            ),
            "/sbin/modprobe -q -- net-pf-9 (for __request_module)",
        ),
        (
            record(
                "call_usermodehelper",
                {
                    "path": "/tmp/x",
                    "argv": ("a b",),
                    "caller": "f",
                    "caller_module": "m",
                    "caller_address": 1,
                },
            ),
            "'a b' (/tmp/x, for f of m)",
        ),
        (
            record("call_usermodehelper", {"path": "/x", "caller_address": 0x1234, "caller": None}),
            "/x (for unknown code at 0x1234)",
        ),
        (
            record(
                "usb_device",
                {"action": 1, "vendor_id": 0x1D6B, "product_id": 2, "product": "a\n", "manufacturer": "b c"}
                | {"serial": "1", "interfaces": ("030101", "420000", "030000")}
                | {"device_path": "/devices/x/1-1"},
            ),
            "added 1d6b:0002 $'a\\n' (by 'b c', serial 1, human interface, class 42, /devices/x/1-1)",
        ),
        (record("usb_device", {"action": 2, "vendor_id": 1, "product_id": 0xFFFF}), "removed 0001:ffff"),
        (
            record(
                "session_state",
                {"what": 3, "hook_name": "connect", "mechanism": 4, "detail": "no x\ntaken\n"},
            ),
            "hook connect degraded: no x; taken",
        ),
        *(
            (
                record(
                    "session_state",
                    {"what": what, "hook_name": "open", "mechanism": 4, "detail": None, "one_of": one_of}
                    | {"hook_cost": 182_000_000, "all_cost": 202_000_000, "budget": 50_000_000},
                ),
                f"hook open {words}; it took 18.2 % of a CPU, all hooks 20.2 % of 5.0 %",
            )
            for what, one_of, words in (
                (7, 8, "thinned: one of 8 of its records is kept"),
                (8, 0, "disarmed: none of its records is kept"),
                (9, 1, "restored: all of its records are kept"),
            )
        ),
    ],
)
def test_sentences(one: Record, words: str) -> None:
    assert sentence(one) == words


def test_an_all_clear_says_since_when_it_was_so() -> None:
    one = record("hidden_module", {"state": 2, "where": "m", "what": "hides", "first_seen": 10**9}, None)
    assert re.fullmatch(r"all clear: m: hides \(since [0-9:.]+\)", sentence(one))


def test_lost_is_said_prominently() -> None:
    one = record("lost", {"lost_event": 59, "reason": 0, "count": 1200}, cpu=1)
    assert sentence(one) == "LOST 1,200 execve records: the ring was full (CPU 1)"
    assert "\x1b[1;97;41mLOST 1,200" in renderer(color=True).line(one)


def test_a_cut_vector_says_so() -> None:
    one = record("execve", {"filename": "curl", "argv": ("curl",), "argc": 3, "argv_bytes": 102400}, flags=1)
    assert sentence(one) == "curl (cut: 3 arguments, 100 KiB)"


def test_a_terminal_gets_long_vectors_shortened() -> None:
    assert sentence(execve("curl", "x" * 500), width=20) == "curl xxxxxxxxxxxx... (in /root)"
    assert len(sentence(execve("curl", "x" * 500))) > 500


def test_colours_only_when_asked() -> None:
    one = execve("/bin/nope", result=-13)
    assert "\x1b" not in renderer().line(one)
    assert "\x1b[31mfailed" in renderer(color=True).line(one)


def test_colours_do_not_move_columns() -> None:
    import re

    for one in (execve("/bin/nope", result=-13), record("connect", CONNECT), record("lost", {"count": 1})):
        assert re.sub(r"\x1b\[[\d;]*m", "", renderer(color=True).line(one)) == renderer().line(one)


def test_verbose_shows_every_field() -> None:
    first, second = renderer(verbose=True).line(record("connect", CONNECT)).split("\n")
    assert first.endswith("127.0.0.2:443")
    for pair in (
        "exe=/usr/bin/curl",
        "tty=pts/0",
        "cgroup=4711",
        "remote_port=443",
        "socket=77",
        "family=inet",
    ):
        assert pair in second
    assert "scope_id" not in second


def test_events_of_a_newer_driver_are_shown_field_by_field() -> None:
    text = json.loads(schema_text())
    (connect,) = (event for event in text["events"] if event["name"] == "connect")
    newer = {**connect, "id": 999, "name": "teleport"}
    text["events"].append(newer)
    schema = Schema.parse(json.dumps(text))
    raw = RecordBuilder(json.dumps(text)).build("teleport", {"family": 2, "path": "a\x1b"}, PROCESS)
    line = Renderer(schema, names=Names({}, FakeUsers())).line(Decoder(schema).decode(raw))
    assert line.endswith("teleport    family=inet path=$'a\\e'")


@pytest.mark.parametrize("name", list(SCHEMA.events))
def test_a_record_without_any_field_is_a_line(name: str) -> None:
    empty = Decoder(SCHEMA).decode(RecordBuilder().build(name))
    for options in ({}, {"color": True, "verbose": True, "ancestry": Ancestry()}):
        assert renderer(**options).line(empty)


HOSTILE = "\x1b]0;pwned\x07\r\n\u202e\udcff"


@pytest.mark.parametrize("name", list(SCHEMA.events))
def test_no_field_reaches_the_terminal_raw(name: str) -> None:
    builder = RecordBuilder()

    def fill(fields: list[list[Any]]) -> dict[str, Any]:
        return {
            field[0]: {"str": HOSTILE, "vec": (HOSTILE, HOSTILE)}.get(field[1], HOSTILE[:10])
            for field in fields
            if field[1] in ("str", "vec") or field[1].startswith("char")
        }

    event = builder.events[name]
    process = {**PROCESS, **fill(builder.schema["context"]), "pid_ns": 1} if event["context"] else None
    one = Decoder(SCHEMA).decode(builder.build(name, {**fill(event["fields"])}, process))
    for line in renderer(verbose=True, ancestry=Ancestry()).line(one).split("\n"):
        assert line.isprintable()


def test_addresses() -> None:
    assert address(None, 5) == ""
    assert address("::1", 5) == "[::1]:5"
    assert address("10.0.0.1", None) == "10.0.0.1"
    assert unix_path("") == "(unnamed)"


def test_ancestry_of_the_record_itself() -> None:
    ancestors = [
        {"start_time": 1, "tgid": 12, "comm": "bash"},
        {"start_time": 1, "tgid": 1, "comm": "in\tit"},
    ]
    one = record("execve", {"filename": "curl", "argv": ("curl",), "ancestors": ancestors})
    assert sentence(one, ancestry=Ancestry()) == "curl <- bash[12] <- in\\tit[1]"


def test_ancestry_from_earlier_records_and_proc(tmp_path: Path) -> None:
    tick = 10_000_000
    start = 7 * tick
    tree(
        tmp_path,
        {
            "30/stat": f"30 (a) b) S 1 {' '.join(['0'] * 17)} 7 0",
            "1/stat": f"1 (init) S 0 {' '.join(['0'] * 17)} 0 0",
        },
    )
    known = Ancestry(tmp_path)
    known._tick = tick
    parent = {
        "tgid": 20,
        "tid": 20,
        "start_time": 5000,
        "comm": "make",
        "parent_tgid": 30,
        "parent_start_time": start,
    }
    fork = record("fork", {"child_tgid": 21, "child_start_time": 6000}, parent)
    child = record(
        "connect",
        CONNECT,
        {"tgid": 21, "tid": 21, "start_time": 6000, "parent_tgid": 20, "parent_start_time": 5000},
    )
    known.learn(fork)
    known.learn(child)
    assert known.of(child) == [(20, "make"), (30, "a) b"), (1, "init")]
    assert known.of(
        record("connect", CONNECT, {"parent_tgid": 30, "parent_start_time": start + 9 * tick})
    ) == [(30, "?")]
