# SPDX-License-Identifier: GPL-2.0-only
"""One value as text, by the format that the schema gives its field."""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, Callable, Optional

from ksonde import text
from ksonde.enrich.users import Users

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CAPABILITIES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable "
    "net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot "
    "sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease "
    "audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read "
    "perfmon bpf checkpoint_restore"
).split()

# By their numbers in <linux/bpf.h>, from 0 on.
_BPF_PROGRAMS = (
    "UNSPEC SOCKET_FILTER KPROBE SCHED_CLS SCHED_ACT TRACEPOINT XDP PERF_EVENT CGROUP_SKB CGROUP_SOCK "
    "LWT_IN LWT_OUT LWT_XMIT SOCK_OPS SK_SKB CGROUP_DEVICE SK_MSG RAW_TRACEPOINT CGROUP_SOCK_ADDR "
    "LWT_SEG6LOCAL LIRC_MODE2 SK_REUSEPORT FLOW_DISSECTOR CGROUP_SYSCTL RAW_TRACEPOINT_WRITABLE "
    "CGROUP_SOCKOPT TRACING STRUCT_OPS EXT LSM SK_LOOKUP SYSCALL NETFILTER "
).split()
_BPF_MAPS = (
    "UNSPEC HASH ARRAY PROG_ARRAY PERF_EVENT_ARRAY PERCPU_HASH PERCPU_ARRAY STACK_TRACE CGROUP_ARRAY "
    "LRU_HASH LRU_PERCPU_HASH LPM_TRIE ARRAY_OF_MAPS HASH_OF_MAPS DEVMAP SOCKMAP CPUMAP XSKMAP SOCKHASH "
    "CGROUP_STORAGE REUSEPORT_SOCKARRAY PERCPU_CGROUP_STORAGE QUEUE STACK SK_STORAGE DEVMAP_HASH "
    "STRUCT_OPS RINGBUF INODE_STORAGE TASK_STORAGE BLOOM_FILTER USER_RINGBUF CGRP_STORAGE ARENA "
).split()
_BPF_ATTACH = (
    "CGROUP_INET_INGRESS CGROUP_INET_EGRESS CGROUP_INET_SOCK_CREATE CGROUP_SOCK_OPS "
    "SK_SKB_STREAM_PARSER SK_SKB_STREAM_VERDICT CGROUP_DEVICE SK_MSG_VERDICT CGROUP_INET4_BIND "
    "CGROUP_INET6_BIND CGROUP_INET4_CONNECT CGROUP_INET6_CONNECT CGROUP_INET4_POST_BIND "
    "CGROUP_INET6_POST_BIND CGROUP_UDP4_SENDMSG CGROUP_UDP6_SENDMSG LIRC_MODE2 FLOW_DISSECTOR "
    "CGROUP_SYSCTL CGROUP_UDP4_RECVMSG CGROUP_UDP6_RECVMSG CGROUP_GETSOCKOPT CGROUP_SETSOCKOPT "
    "TRACE_RAW_TP TRACE_FENTRY TRACE_FEXIT MODIFY_RETURN LSM_MAC TRACE_ITER CGROUP_INET4_GETPEERNAME "
    "CGROUP_INET6_GETPEERNAME CGROUP_INET4_GETSOCKNAME CGROUP_INET6_GETSOCKNAME XDP_DEVMAP "
    "CGROUP_INET_SOCK_RELEASE XDP_CPUMAP SK_LOOKUP XDP SK_SKB_VERDICT SK_REUSEPORT_SELECT "
    "SK_REUSEPORT_SELECT_OR_MIGRATE PERF_EVENT TRACE_KPROBE_MULTI LSM_CGROUP STRUCT_OPS NETFILTER "
    "TCX_INGRESS TCX_EGRESS TRACE_UPROBE_MULTI CGROUP_UNIX_CONNECT CGROUP_UNIX_SENDMSG "
    "CGROUP_UNIX_RECVMSG CGROUP_UNIX_GETPEERNAME CGROUP_UNIX_GETSOCKNAME NETKIT_PRIMARY NETKIT_PEER "
    "TRACE_KPROBE_SESSION TRACE_UPROBE_SESSION TRACE_FSESSION "
).split()

_BITS: dict[str, dict[int, str]] = {
    "dns_flags": {0x8000: "QR", 0x400: "AA", 0x200: "TC", 0x100: "RD", 0x80: "RA", 0x20: "AD", 0x10: "CD"},
    # As this machine's architecture numbers them; __O_SYNC and __O_TMPFILE hold another one.
    "open_flags": {
        1: "WRONLY",
        2: "RDWR",
        os.O_CREAT: "CREAT",
        os.O_EXCL: "EXCL",
        os.O_NOCTTY: "NOCTTY",
        os.O_TRUNC: "TRUNC",
        os.O_APPEND: "APPEND",
        os.O_NONBLOCK: "NONBLOCK",
        os.O_DSYNC: "DSYNC",
        os.O_SYNC & ~os.O_DSYNC: "SYNC",
        os.O_DIRECT: "DIRECT",
        os.O_DIRECTORY: "DIRECTORY",
        os.O_NOFOLLOW: "NOFOLLOW",
        os.O_NOATIME: "NOATIME",
        os.O_CLOEXEC: "CLOEXEC",
        os.O_PATH: "PATH",
        os.O_TMPFILE & ~os.O_DIRECTORY: "TMPFILE",
    },
    "exe_flags": {1: "tmpfs", 2: "memfd", 4: "overlay-upper", 8: "deleted", 16: "overlay"},
    "elevation": {1: "set-user-ID", 2: "set-group-ID", 4: "file-capabilities"},
    "protection": {1: "READ", 2: "WRITE", 4: "EXEC", 8: "SEM", 16: "BTI", 32: "MTE"},
    # The upper half is the architecture's number in ELF.
    "kexec_flags": {1: "ON_CRASH", 2: "PRESERVE_CONTEXT", 4: "UPDATE_ELFCOREHDR", 8: "CRASH_HOTPLUG_SUPPORT"},
    "kexec_file_flags": {1: "UNLOAD", 2: "ON_CRASH", 4: "NO_INITRAMFS", 8: "DEBUG", 16: "NO_CMA"},
    "io_uring_flags": {
        1: "IOPOLL",
        2: "SQPOLL",
        4: "SQ_AFF",
        8: "CQSIZE",
        16: "CLAMP",
        32: "ATTACH_WQ",
        64: "R_DISABLED",
        128: "SUBMIT_ALL",
        256: "COOP_TASKRUN",
        512: "TASKRUN_FLAG",
        1024: "SQE128",
        2048: "CQE32",
        4096: "SINGLE_ISSUER",
        8192: "DEFER_TASKRUN",
        16384: "NO_MMAP",
        32768: "REGISTERED_FD_ONLY",
        65536: "NO_SQARRAY",
        1 << 17: "HYBRID_IOPOLL",
        1 << 18: "CQE_MIXED",
        1 << 19: "SQE_MIXED",
    },
    "umh_wait": {1: "EXEC", 2: "PROC", 4: "KILLABLE", 8: "FREEZABLE"},
    "perf_flags": {1: "FD_NO_GROUP", 2: "FD_OUTPUT", 4: "PID_CGROUP", 8: "FD_CLOEXEC"},
    "rename_flags": {1: "NOREPLACE", 2: "EXCHANGE", 4: "WHITEOUT"},
    "mount_flags": {
        1: "RDONLY",
        2: "NOSUID",
        4: "NODEV",
        8: "NOEXEC",
        16: "SYNCHRONOUS",
        32: "REMOUNT",
        64: "MANDLOCK",
        128: "DIRSYNC",
        256: "NOSYMFOLLOW",
        1024: "NOATIME",
        2048: "NODIRATIME",
        4096: "BIND",
        8192: "MOVE",
        16384: "REC",
        32768: "SILENT",
        65536: "POSIXACL",
        1 << 17: "UNBINDABLE",
        1 << 18: "PRIVATE",
        1 << 19: "SLAVE",
        1 << 20: "SHARED",
        1 << 21: "RELATIME",
        1 << 24: "STRICTATIME",
        1 << 25: "LAZYTIME",
    },
    "socket_flags": {socket.SOCK_NONBLOCK: "NONBLOCK", socket.SOCK_CLOEXEC: "CLOEXEC"},
    "memfd_flags": {1: "CLOEXEC", 2: "ALLOW_SEALING", 4: "HUGETLB", 8: "NOEXEC_SEAL", 16: "EXEC"},
    "clone_flags": {
        0x00000080: "NEWTIME",
        0x00000100: "VM",
        0x00000200: "FS",
        0x00000400: "FILES",
        0x00000800: "SIGHAND",
        0x00001000: "PIDFD",
        0x00002000: "PTRACE",
        0x00004000: "VFORK",
        0x00008000: "PARENT",
        0x00010000: "THREAD",
        0x00020000: "NEWNS",
        0x00040000: "SYSVSEM",
        0x00080000: "SETTLS",
        0x00100000: "PARENT_SETTID",
        0x00200000: "CHILD_CLEARTID",
        0x00400000: "DETACHED",
        0x00800000: "UNTRACED",
        0x01000000: "CHILD_SETTID",
        0x02000000: "NEWCGROUP",
        0x04000000: "NEWUTS",
        0x08000000: "NEWIPC",
        0x10000000: "NEWUSER",
        0x20000000: "NEWPID",
        0x40000000: "NEWNET",
        0x80000000: "IO",
        0x100000000: "CLEAR_SIGHAND",
        0x200000000: "INTO_CGROUP",
    },
}
#: Of USB interfaces, by the two digits of their class.
USB_CLASSES = {
    "01": "audio",
    "02": "communication",
    "03": "human interface",
    "05": "physical",
    "06": "image",
    "07": "printer",
    "08": "mass storage",
    "09": "hub",
    "0a": "data",
    "0b": "smart card",
    "0e": "video",
    "dc": "diagnostic",
    "e0": "wireless",
    "ef": "miscellaneous",
    "fe": "application specific",
    "ff": "vendor specific",
}
TAINTS = {
    0: "proprietary",
    1: "forced load",
    10: "staging",
    12: "out of tree",
    13: "unsigned",
    15: "live patch",
    18: "test",
}
_ENUMS: dict[str, dict[int, str]] = {
    "bool": {0: "no", 1: "yes"},
    "socktype": {1: "stream", 2: "dgram", 3: "raw", 4: "rdm", 5: "seqpacket", 6: "dccp", 10: "packet"},
    "ipproto": {
        0: "ip",
        1: "icmp",
        2: "igmp",
        6: "tcp",
        17: "udp",
        33: "dccp",
        58: "icmpv6",
        132: "sctp",
        136: "udplite",
        255: "raw",
        262: "mptcp",
    },
    "link_kind": {1: "hard", 2: "symbolic"},
    "clock": {0: "REALTIME", 1: "MONOTONIC", 7: "BOOTTIME", 11: "TAI"},
    "prctl_option": {
        4: "SET_DUMPABLE",
        15: "SET_NAME",
        22: "SET_SECCOMP",
        35: "SET_MM",
        0x59616D61: "SET_PTRACER",
    },
    "process_vm_kind": {1: "readv", 2: "writev", 3: "mem"},
    "ptrace_request": {
        4: "POKETEXT",
        5: "POKEDATA",
        6: "POKEUSR",
        13: "SETREGS",
        15: "SETFPREGS",
        16: "ATTACH",
        19: "SETFPXREGS",
        0x4205: "SETREGSET",
        0x4206: "SEIZE",
        0x4212: "SET_SYSCALL_INFO",
    },
    "mount_kind": {
        1: "mount",
        2: "move_mount",
        3: "fsmount",
        4: "fsconfig",
        5: "fsconfig reconfigure",
        6: "open_tree",
    },
    "namespace_kind": {1: "unshare", 2: "setns", 3: "pivot_root", 4: "chroot"},
    "dns_type": {
        1: "A",
        2: "NS",
        5: "CNAME",
        6: "SOA",
        12: "PTR",
        15: "MX",
        16: "TXT",
        28: "AAAA",
        33: "SRV",
        35: "NAPTR",
        41: "OPT",
        43: "DS",
        46: "RRSIG",
        48: "DNSKEY",
        64: "SVCB",
        65: "HTTPS",
        251: "IXFR",
        252: "AXFR",
        255: "ANY",
        257: "CAA",
    },
    "dns_class": {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY", 0x8001: "IN"},
    "dns_opcode": {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"},
    "dns_rcode": {
        0: "NOERROR",
        1: "FORMERR",
        2: "SERVFAIL",
        3: "NXDOMAIN",
        4: "NOTIMP",
        5: "REFUSED",
        6: "YXDOMAIN",
        7: "YXRRSET",
        8: "NXRRSET",
        9: "NOTAUTH",
        10: "NOTZONE",
    },
    "dns_problem": {
        0: "none",
        1: "ends within its header",
        2: "ends before what its header counts",
        3: "a label of an unknown kind",
        4: "a name that points forward or in a circle",
        5: "a name of more than 255 bytes",
        6: "data that its type does not have",
    },
    "bpf_command": {0: "MAP_CREATE", 5: "PROG_LOAD", 8: "PROG_ATTACH", 28: "LINK_CREATE"},
    "bpf_program_type": dict(enumerate(_BPF_PROGRAMS)),
    "bpf_map_type": dict(enumerate(_BPF_MAPS)),
    "bpf_attach_type": dict(enumerate(_BPF_ATTACH)),
    "kexec_kind": {1: "kexec_load", 2: "kexec_file_load"},
    "reboot_stage": {1: "asked", 2: "returned"},
    "reboot_command": {
        0x00000000: "CAD_OFF",
        0x01234567: "RESTART",
        0x4321FEDC: "POWER_OFF",
        0x45584543: "KEXEC",
        0x89ABCDEF: "CAD_ON",
        0xA1B2C3D4: "RESTART2",
        0xCDEF0123: "HALT",
        0xD000FCE2: "SW_SUSPEND",
    },
    "usb_action": {1: "added", 2: "removed"},
    "finding_state": {1: "FOUND", 2: "all clear", 3: "came", 4: "went"},
    "scan_kind": {1: "SYN", 2: "NULL", 3: "FIN", 4: "XMAS", 5: "ACK", 6: "UDP"},
    "io_uring_kind": {1: "setup", 2: "personality", 3: "override"},
    "perf_type": {
        0: "HARDWARE",
        1: "SOFTWARE",
        2: "TRACEPOINT",
        3: "HW_CACHE",
        4: "RAW",
        5: "BREAKPOINT",
    },
    "connect_stage": {1: "call", 2: "outcome"},
    "module_stage": {1: "loading", 2: "failed"},
    "noticed": {1: "given others", 2: "made a task", 3: "ended"},
    "explained": {0: "before ksonde looked", 1: "fork", 2: "exec or a system call", 3: "an escalation"},
    "drop_reason": {0: "full", 1: "nested", 2: "overwritten", 3: "missed", 4: "rate_limit", 5: "governor"},
    "session_change": {
        1: "started",
        2: "hook armed",
        3: "hook degraded",
        4: "hook unavailable",
        5: "filter changed",
        6: "stopped",
        7: "hook thinned",
        8: "hook disarmed",
        9: "hook restored",
    },
    "mechanism": {
        0: "none",
        1: "tracepoint",
        2: "ftrace",
        3: "kprobe",
        4: "kretprobe",
        5: "syscall",
        6: "sys_exit",
        7: "notifier",
        8: "netfilter",
        9: "fexit",
    },
}
DROP_REASONS: dict[str, str] = {
    "full": "the ring was full",
    "nested": "too many probes nested on one CPU",
    "overwritten": "newer records overwrote them",
    "missed": "the mechanism had no free instance",
    "rate_limit": "withheld, more than its limit",
    "governor": "withheld, its hook costs too much",
}


def bits(value: int, names: Mapping[int, str], separator: str = ",") -> str:
    """The names of the bits that are set; what has no name in hexadecimal."""
    known = [name for bit, name in names.items() if value & bit]
    rest = value & ~sum(names)
    return separator.join([*known, *([f"{rest:#x}"] if rest else [])])


def capabilities(value: int) -> str:
    """A capability set in short: none, all, all but a few, or the names."""
    everything = (1 << len(CAPABILITIES)) - 1
    if not value:
        return "none"
    if value & everything == everything:
        return "all"
    missing = [name for bit, name in enumerate(CAPABILITIES) if not value >> bit & 1]
    if len(missing) <= 5:
        return "all-" + "-".join(missing)
    return bits(value, {1 << bit: name for bit, name in enumerate(CAPABILITIES)}, "+")


def taints(value: int) -> list[str]:
    """What a module's taint bits mean."""
    return [name for bit, name in TAINTS.items() if value >> bit & 1]


def error(value: int) -> str:
    """A result: ok, or the name of the errno value and what it means."""
    if value == 0:
        return "ok"
    if value > 0:
        return str(value)
    name = errno.errorcode.get(-value)
    return f"{name} ({os.strerror(-value)})" if name else f"error {-value}"


def signal_name(number: int) -> str:
    """SIGKILL for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def family(number: int) -> str:
    """Name of an address family in lower case: inet for 2."""
    try:
        return socket.AddressFamily(number).name[3:].lower()
    except ValueError:
        return f"family-{number}"


def device(value: int) -> str:
    """major:minor."""
    return f"{value >> 20}:{value & 0xFFFFF}"


class Names:
    """What numbers are called on this machine, looked up once: users, groups, events, moments.

    Args:
        events: names of the events by id.
        users: names of users and groups.
    """

    def __init__(self, events: Optional[Mapping[int, str]] = None, users: Optional[Users] = None) -> None:
        self._events = dict(events or {})
        self._users = users or Users()
        self._offset = 0
        self.synchronise()

    def synchronise(self) -> None:
        """Take anew what the wall clock says (it may be set while we run)."""
        self._offset = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wall(self, boottime: int) -> float:
        """Seconds since the epoch of a moment on the kernel's boot clock."""
        return (boottime + self._offset) / 1e9

    def clock(self, boottime: int) -> str:
        """The local time of day, in milliseconds."""
        moment = boottime + self._offset
        return f"{time.strftime('%H:%M:%S', time.localtime(moment // 10**9))}.{moment // 10**6 % 1000:03d}"

    def date(self, nanoseconds: int) -> str:
        """Local date and time of nanoseconds since the epoch."""
        try:
            return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds // 10**9))
        except (OverflowError, ValueError, OSError):
            return str(nanoseconds)

    def user(self, uid: Optional[int]) -> str:
        """Name of a user, the number if it has none."""
        if uid is None:
            return "-"
        return text.printable(self._users.user(uid) or str(uid))

    def group(self, gid: Optional[int]) -> str:
        """Name of a group, the number if it has none."""
        if gid is None:
            return "-"
        return text.printable(self._users.group(gid) or str(gid))

    def event(self, number: int) -> str:
        """Name of an event, the number if it has none."""
        return self._events.get(number, str(number))

    def value(self, value: Any, form: str = "") -> str:
        """Any field's value as one line of text that is safe to print."""
        if value is None:
            return "-"
        if isinstance(value, str):
            return text.quote(value)
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, (list, tuple)):
            return "[" + " ".join(self._element(item) for item in value) + "]"
        if isinstance(value, int):
            return self._number(value, form)
        return text.printable(str(value))

    def _element(self, item: Any) -> str:
        if hasattr(item, "tgid") and hasattr(item, "comm"):
            return f"{text.printable(item.comm)}[{item.tgid}]"
        return self.value(item)

    def _number(self, value: int, form: str) -> str:
        if form in _ENUMS:
            return _ENUMS[form].get(value, str(value))
        if form in _BITS:
            return bits(value, _BITS[form]) or "none"
        convert = self._converters().get(form)
        return str(value) if convert is None else convert(value)

    def _converters(self) -> dict[str, Callable[[int], str]]:
        return {
            "uid": self.user,
            "gid": self.group,
            "event": self.event,
            "boottime": self.clock,
            "realtime": self.date,
            "caps": capabilities,
            "errno": error,
            "signal": signal_name,
            "af": family,
            "dev": device,
            "ns": str,
            "bytes": text.size,
            "oct": "{:#o}".format,
            "hex": "{:#x}".format,
        }


def enum_name(form: str, value: Optional[int]) -> str:
    """The word for a number of an enumeration such as mechanism or drop_reason."""
    return "-" if value is None else _ENUMS[form].get(value, str(value))


def flag_names(form: str, value: Optional[int]) -> list[str]:
    """The words for the bits of a set such as exe_flags."""
    return bits(value, _BITS[form]).split(",") if value else []


def join(parts: Iterable[str], separator: str = " ") -> str:
    """The parts that are not empty."""
    return separator.join(part for part in parts if part)
