# SPDX-License-Identifier: GPL-2.0-only
"""The protocol of driver/LKM/uapi/ksonde.h, as construct Structs and numbers.

The header is the manual; a unit test compiles it and compares every size, offset and value with this file.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any, Final

from construct import Array, Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Struct

if TYPE_CHECKING:
    from construct import Construct

DEVICE_NAME: Final = "ksonde"
ABI: Final = 1
SCHEMA: Final = 2

# ------------------------------------------------------------ records --


class Flag(IntFlag):
    """Flags of a record (KSONDE_F_*)."""

    TRUNCATED = 0x0001
    COMPAT = 0x0002
    REREAD = 0x0004
    KTHREAD = 0x0008
    UNCACHED = 0x0010
    IRQ = 0x0020
    OUTSIDE = 0x0040
    DELETED = 0x0080
    OVERLAY = 0x0100


#: Head of every record.
Header = Struct(
    "length" / Int32ul,
    "event" / Int16ul,
    "flags" / Int16ul,
    "cpu" / Int32ul,
    "hook" / Int32ul,
    "seq" / Int64ul,
    "time" / Int64ul,
    "absent" / Int64ul,
)
#: header.hook of a record that no hook made
NO_HOOK: Final = 0xFFFFFFFF

#: Where a string, a vector or a list lies in its record.
Ref = Struct("offset" / Int16ul, "length" / Int16ul)

#: An element of the list of ancestors.
Ancestor = Struct(
    "start_time" / Int64ul,
    "tgid" / Int32ul,
    "reserved" / Int32ul,
    "comm" / Array(16, Int8ul),
)

RECORD_MAX: Final = 32768
VECTOR_MAX: Final = 8192
STRING_MAX: Final = 4096
ANCESTORS_MAX: Final = 12

#: Events that always come, whatever the mask says.
LOST: Final = 900
SESSION_STATE: Final = 901

# ------------------------------------------------------------- ioctls --

IOC_MAGIC: Final = 0xB5


class Ioctl(IntEnum):
    """The ioctls (KSONDE_IOC_*): _IO(0xb5, n)."""

    INFO = (IOC_MAGIC << 8) | 0
    SCHEMA = (IOC_MAGIC << 8) | 1
    HOOK = (IOC_MAGIC << 8) | 2
    SET_EVENTS = (IOC_MAGIC << 8) | 3
    SET_FILTER = (IOC_MAGIC << 8) | 4
    SET_RING = (IOC_MAGIC << 8) | 5
    START = (IOC_MAGIC << 8) | 6
    STOP = (IOC_MAGIC << 8) | 7
    STATS = (IOC_MAGIC << 8) | 8
    EVENT_STATS = (IOC_MAGIC << 8) | 9
    CPU_STATS = (IOC_MAGIC << 8) | 10
    SET_RULES = (IOC_MAGIC << 8) | 11
    RULE_STATS = (IOC_MAGIC << 8) | 12
    SET_LIMITS = (IOC_MAGIC << 8) | 13
    INSPECT = (IOC_MAGIC << 8) | 14
    SET_PORT_SCAN = (IOC_MAGIC << 8) | 15


class HookState(IntEnum):
    """State of a hook (KSONDE_HOOK_*)."""

    IDLE = 0
    ARMED = 1
    DEGRADED = 2
    UNAVAILABLE = 3
    DISARMED = 4


class Mechanism(IntEnum):
    """Mechanism of a hook's candidate (KSONDE_MECH_*)."""

    NONE = 0
    TRACEPOINT = 1
    FTRACE = 2
    KPROBE = 3
    KRETPROBE = 4
    SYSCALL = 5
    SYS_EXIT = 6
    NOTIFIER = 7
    NETFILTER = 8
    FEXIT = 9


class FilterFlag(IntFlag):
    """What not to record (KSONDE_FILTER_*)."""

    SKIP_TGID = 0x1
    TREE = 0x2


class RuleAction(IntEnum):
    """What a rule does with what it matches (KSONDE_RULE_*)."""

    EXCLUDE = 0
    INCLUDE = 1


class Match(IntFlag):
    """What a rule asks (KSONDE_MATCH_*)."""

    UID = 0x01
    PROCESS = 0x02
    EXE = 0x04
    EXE_PREFIX = 0x08
    MNT_NS = 0x10
    PID_NS = 0x20
    CGROUP = 0x40
    PATH_PREFIX = 0x80
    NETWORK = 0x100


class PortScanSet(IntFlag):
    """What SET_PORT_SCAN sets (KSONDE_PORT_SCAN_*)."""

    PORTS = 0x1
    HOSTS = 0x2
    WINDOW = 0x4
    LOOPBACK = 0x8


class Inspect(IntEnum):
    """What can be asked about the kernel itself (KSONDE_INSPECT_*)."""

    LSM = 1
    INTEGRITY = 2
    INVENTORY = 3
    LAYOUT = 4
    CODE = 5
    PLACE = 6


class RingMode(IntEnum):
    """What a full ring does (KSONDE_RING_*)."""

    LOSSLESS_COUNT = 0
    FLIGHT_RECORDER = 1


class DropReason(IntEnum):
    """Why a record was not delivered (KSONDE_DROP_*)."""

    FULL = 0
    NESTED = 1
    OVERWRITTEN = 2
    MISSED = 3
    RATE_LIMIT = 4
    GOVERNOR = 5


DROP_REASONS: Final = 6
DROP_PLACES: Final = 8
EVENT_MAX: Final = 1024
RULES_MAX: Final = 64
RULE_EXE_MAX: Final = 256
#: Index of RULE_STATS: what no include rule matched.
RULE_NONE: Final = 0xFFFFFFFF
#: HookInfo.keep: no record.
KEEP_NONE: Final = 0xFFFFFFFF
#: Ports and hosts that the driver keeps of a source, and the longest window in seconds.
PORT_SCAN_KEPT: Final = 32
PORT_SCAN_WINDOW_MAX: Final = 86400
LIMITS_MAX: Final = 64
LIMIT_MAX: Final = 100000
LIMIT_PROCESSES: Final = 256
INSPECT_MAX: Final = 16 << 20

Info = Struct(
    "size" / Int32ul,
    "abi" / Int32ul,
    "schema" / Int32ul,
    "cpus" / Int32ul,
    "page_size" / Int32ul,
    "sessions" / Int32ul,
    "max_sessions" / Int32ul,
    "hooks" / Int32ul,
    "ring_min" / Int64ul,
    "ring_max" / Int64ul,
    "cache_bytes" / Int64ul,
    "cache_misses" / Int64ul,
    "version" / Bytes(32),
)

SchemaText = Struct(
    "size" / Int32ul,
    "length" / Int32ul,
    "buffer" / Int64ul,
    "needed" / Int32ul,
    "reserved" / Int32ul,
)

InspectText = Struct(
    "size" / Int32ul,
    "what" / Int32ul,
    "buffer" / Int64ul,
    "length" / Int32ul,
    "needed" / Int32ul,
    "part" / Int32ul,
    "reserved" / Int32ul,
    "address" / Int64ul,
)

HookInfo = Struct(
    "size" / Int32ul,
    "index" / Int32ul,
    "event" / Int32ul,
    "state" / Int32ul,
    "mechanism" / Int32ul,
    "users" / Int32ul,
    "hits" / Int64ul,
    "missed" / Int64ul,
    "timed_hits" / Int64ul,
    "timed_ns" / Int64ul,
    "name" / Bytes(32),
    "target" / Bytes(64),
    "detail" / Bytes(512),
    "cost" / Int64ul,
    "keep" / Int32ul,
    "reserved" / Int32ul,
)

Events = Struct("size" / Int32ul, "reserved" / Int32ul, "mask" / Array(EVENT_MAX // 64, Int64ul))

Filter = Struct("size" / Int32ul, "flags" / Int32ul, "skip_tgid" / Int32ul, "tree_tgid" / Int32ul)

Rule = Struct(
    "action" / Int32ul,
    "match" / Int32ul,
    "start_time" / Int64ul,
    "cgroup" / Int64ul,
    "tgid" / Int32ul,
    "uid" / Int32ul,
    "mnt_ns" / Int32ul,
    "pid_ns" / Int32ul,
    "exe_length" / Int32ul,
    "path_length" / Int32ul,
    "events" / Array(EVENT_MAX // 64, Int64ul),
    "exe" / Bytes(RULE_EXE_MAX),
    "path" / Bytes(RULE_EXE_MAX),
    "family" / Int32ul,
    "prefix" / Int32ul,
    "network" / Bytes(16),
)

Rules = Struct(
    "size" / Int32ul,
    "count" / Int32ul,
    "rules" / Int64ul,
    "rule_size" / Int32ul,
    "reserved" / Int32ul,
)

RuleStats = Struct("size" / Int32ul, "index" / Int32ul, "records" / Int64ul)

PortScan = Struct(
    "size" / Int32ul,
    "set" / Int32ul,
    "ports" / Int32ul,
    "hosts" / Int32ul,
    "window" / Int32ul,
    "loopback" / Int32ul,
)

Limit = Struct("event" / Int32ul, "per_second" / Int32ul, "per_process" / Int32ul, "reserved" / Int32ul)

Limits = Struct(
    "size" / Int32ul,
    "count" / Int32ul,
    "limits" / Int64ul,
    "limit_size" / Int32ul,
    "reserved" / Int32ul,
)

RingSetup = Struct(
    "size" / Int32ul,
    "mode" / Int32ul,
    "bytes" / Int64ul,
    "watermark" / Int64ul,
    "latency_ns" / Int64ul,
)

Stats = Struct(
    "size" / Int32ul,
    "started" / Int32ul,
    "produced" / Int64ul,
    "delivered" / Int64ul,
    "dropped" / Array(DROP_PLACES, Int64ul),
    "filtered" / Int64ul,
    "lost_records" / Int64ul,
    "wakeups" / Int64ul,
)

EventStats = Struct(
    "size" / Int32ul,
    "event" / Int32ul,
    "produced" / Int64ul,
    "delivered" / Int64ul,
    "dropped" / Array(DROP_PLACES, Int64ul),
)

CpuStats = Struct(
    "size" / Int32ul,
    "cpu" / Int32ul,
    "head" / Int64ul,
    "position" / Int64ul,
    "bytes" / Int64ul,
    "dropped" / Int64ul,
)

# --------------------------------------------------------------- mmap --


class Region(IntEnum):
    """What a mapping shows (KSONDE_REGION_*)."""

    CONTROL = 0
    POSITION = 1
    DATA = 2


#: First member of the control page: end of the last whole record.  All members are 64 bits.
Control = Struct("head" / Int64ul, "oldest" / Int64ul, "bytes" / Int64ul, "dropped" / Int64ul)
Position = Struct("position" / Int64ul)


def mmap_offset(region: Region, cpu: int) -> int:
    """The offset at which mmap(2) finds a region of a CPU's ring."""
    return (region << 56) | (cpu << 40)


def pack(struct: Construct[Any, Any], **values: Any) -> bytearray:
    """An ioctl's argument: its size first, the members given, the rest zero."""
    data = bytearray(struct.sizeof())
    members = {**struct.parse(bytes(data)), **values, "size": len(data)}
    data[:] = struct.build(members)
    return data
