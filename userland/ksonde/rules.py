# SPDX-License-Identifier: GPL-2.0-only
"""Rules: what is recorded of whom, decided in the kernel before a record is made.

    rules = [
        Rule("exclude", ("create_file",), exe_prefix="/usr/lib/apt/"),
        Rule("include", uid=33),
    ]
    with ksonde.open(rules=rules) as session: ...

A record is held back when an exclude rule matches, or when there are include rules for its event and none of
them matches.  Names are compared byte for byte with what the record would say.  Where the kernel cannot tell
(an executable with a very long path) the record is kept.

Of the files that are closed a rule may also ask for the path.  file_write and file_read are recorded only
where an include rule does, so that there is a list of what is watched:

    Rule("include", ("file_write", "file_read"), path_prefix="/etc/")

Of what goes over the network a rule may ask for the address of the other end (of bind: the address):

    Rule("exclude", ("port_scan", "connect"), network="192.0.2.0/24")
"""

from __future__ import annotations

import ctypes
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union

from . import text
from .errors import BadRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from .schema import Schema

__all__ = ["Action", "Rule", "cgroup_number", "check", "namespace_number", "network", "pack", "user_number"]

Action = Literal["include", "exclude"]
Network = Union["IPv4Network", "IPv6Network"]

#: The events of the stream itself: they come whatever the rules say.
ALWAYS = ("lost", "session_state")
#: Those whose rules may ask for a path.
PATH_EVENTS = ("file_created_closed", "file_read", "file_write")
#: Those whose rules may ask for an address.
NETWORK_EVENTS = ("accept", "bind", "connect", "dns_query", "port_scan")
#: Those in which no task of this host acts.
NOBODYS = ("port_scan",)
#: What is asked of the task that acts.
_OF_TASK = ("uid", "process", "exe", "exe_prefix", "mnt_ns", "pid_ns", "cgroup")
#: Where the version 2 hierarchy is mounted.
CGROUPS = Path("/sys/fs/cgroup")
#: KSONDE_RULE_EXE_MAX.
EXE_MAX = 256
_IPV4 = 4
#: Before the IPv4 address of an IPv6 one that is mapped.
_MAPPED_BITS = 96
_U32 = 1 << 32
_U64 = 1 << 64
#: /proc/self/ns/pid of the initial pid namespace.
_INITIAL_PIDS = 0xEFFFFFFC


@dataclass(frozen=True)
class Rule:
    """A rule: all that it asks must hold; one that asks nothing matches everything.

    Attributes:
        action: "include" or "exclude".
        events: names; (): all.
        uid: real user id, in the initial user namespace.
        process: tgid and start_time of one process, as its records have them.
        exe: the whole path of the executable.
        exe_prefix: how that path begins.
        mnt_ns, pid_ns: inode numbers of namespaces.
        cgroup: id of a cgroup of the version 2 hierarchy; not of those below it.
        path_prefix: how the path of the file begins that was closed (PATH_EVENTS only).
        network: like "192.0.2.0/24" or "2001:db8::1"; the address lies in it (NETWORK_EVENTS only).
    """

    action: Action
    events: tuple[str, ...] = ()
    uid: int | None = None
    process: tuple[int, int] | None = None
    exe: str | None = None
    exe_prefix: str | None = None
    mnt_ns: int | None = None
    pid_ns: int | None = None
    cgroup: int | None = None
    path_prefix: str | None = None
    network: str | None = None

    def __str__(self) -> str:
        words = [self.action, ",".join(self.events) or "all"]
        if self.uid is not None:
            words.append(f"uid {self.uid}")
        if self.process is not None:
            words.append(f"process {self.process[0]} started at {self.process[1]}")
        if self.exe is not None:
            words.append(f"exe {text.quote(self.exe)}")
        if self.exe_prefix is not None:
            words.append(f"exe {text.quote(self.exe_prefix)}*")
        numbers = {"mnt_ns": self.mnt_ns, "pid_ns": self.pid_ns, "cgroup": self.cgroup}
        words += [f"{name} {number}" for name, number in numbers.items() if number is not None]
        if self.path_prefix is not None:
            words.append(f"path {text.quote(self.path_prefix)}*")
        if self.network is not None:
            words.append(f"network {self.network}")
        return " ".join(words)

    def covers(self, other: Rule) -> bool:
        """Whatever the other one matches, this one matches, too."""
        if self.events and not (other.events and set(other.events) <= set(self.events)):
            return False
        for name in ("uid", "process", "exe", "mnt_ns", "pid_ns", "cgroup"):
            if getattr(self, name) not in (None, getattr(other, name)):
                return False
        exes = (other.exe or other.exe_prefix or "").startswith(self.exe_prefix or "")
        return (
            exes
            and _lies_in(self.network, other.network)
            and (other.path_prefix or "").startswith(self.path_prefix or "")
        )


def check(rules: Sequence[Rule], events: Iterable[str], schema: Schema) -> None:
    """Refuse what could never do anything in a session of these events.

    Raises:
        BadRule: a rule that can never match, or more rules than fit.
        UnknownEvent: the schema has no such event.
    """
    from . import uapi

    if len(rules) > uapi.RULES_MAX:
        raise BadRule(
            uapi.RULES_MAX,
            f"there are {len(rules)} rules",
            f"at most {uapi.RULES_MAX} fit: put some together",
        )
    wanted = set(events)
    for number, rule in enumerate(rules):
        for name in rule.events:
            schema.event(name)
        why = (
            _wrong_value(rule)
            or _wrong_exe(rule)
            or _wrong_path(rule)
            or _wrong_network(rule)
            or _wrong_events(rule, wanted)
            or _wrong_process(rule)
            or _covered(rules, number)
        )
        if why:
            raise BadRule(number, f"it can never match: {why}", "change it, or leave it out")


def pack(rule: Rule, schema: Schema) -> bytes:
    """A rule as the driver reads it (struct ksonde_rule)."""
    from . import uapi

    match = uapi.Match(0)
    members = {name: getattr(rule, name) for name in ("uid", "mnt_ns", "pid_ns", "cgroup")}
    exe = rule.exe if rule.exe is not None else rule.exe_prefix
    net = None if rule.network is None else network(rule.network)
    if rule.process is not None:
        members |= {"tgid": rule.process[0], "start_time": rule.process[1]}
    for one in uapi.Match:
        if getattr(rule, str(one.name).lower()) is not None:
            match |= one
    mask = [0] * (uapi.EVENT_MAX // 64)
    for name in rule.events:
        number = schema.event(name).id
        mask[number // 64] |= 1 << number % 64
    name_bytes, path_bytes = os.fsencode(exe or ""), os.fsencode(rule.path_prefix or "")
    whole = {
        "action": uapi.RuleAction[rule.action.upper()],
        "match": int(match),
        "start_time": 0,
        "tgid": 0,
        "events": mask,
        "exe_length": len(name_bytes),
        "exe": name_bytes.ljust(uapi.RULE_EXE_MAX, b"\0"),
        "path_length": len(path_bytes),
        "path": path_bytes.ljust(uapi.RULE_EXE_MAX, b"\0"),
        "family": 0 if net is None else socket.AF_INET if net.version == _IPV4 else socket.AF_INET6,
        "prefix": 0 if net is None else net.prefixlen,
        "network": (b"" if net is None else net.network_address.packed).ljust(16, b"\0"),
        **{name: value or 0 for name, value in members.items()},
    }
    return bytes(uapi.Rule.build(whole))


def user_number(value: Any) -> int:
    """A user id, of a number or a name.  ValueError."""
    if isinstance(value, str):
        from pwd import getpwnam

        try:
            return getpwnam(value).pw_uid
        except KeyError:
            raise ValueError(f"there is no user {value!r}") from None
    return _number(value, "a user's id or name")


def namespace_number(value: Any) -> int:
    """The inode number of a namespace, or that of a file like /proc/1/ns/mnt.  ValueError."""
    if isinstance(value, str):
        try:
            return Path(value).stat().st_ino
        except OSError as error:
            raise ValueError(f"cannot look at {value}: {error.strerror}") from None
    return _number(value, "an inode number, or a path like /proc/1/ns/mnt")


def cgroup_number(value: Any) -> int:
    """The id of a cgroup, or of that of a path below the mount point.  ValueError."""
    if isinstance(value, str):
        path = CGROUPS / value.lstrip("/")
        try:
            return _handle(path)
        except OSError as error:
            raise ValueError(f"cannot look at {path}: {error.strerror}") from None
    return _number(value, "a cgroup's id, or its path")


def network(value: str) -> Network:
    """The network of a text; of an address that alone.  ValueError."""
    from ipaddress import IPv4Network, IPv6Network, ip_network

    try:
        net: Network = ip_network(value)
    except ValueError as error:
        try:
            whole = ip_network(value, strict=False)
        except ValueError:
            raise ValueError(f"{text.quote(value)} is no network and no address: {error}") from None
        raise ValueError(f"{text.quote(value)} lies within a network: that is {whole}") from None
    mapped = net.network_address.ipv4_mapped if isinstance(net, IPv6Network) else None
    if mapped is not None and net.prefixlen >= _MAPPED_BITS:
        four = IPv4Network((mapped, net.prefixlen - _MAPPED_BITS))
        raise ValueError(f"{text.quote(value)} has IPv4 addresses: that is {four}")
    return net


def _lies_in(wide: str | None, narrow: str | None) -> bool:
    """Whatever lies in the second network lies in the first one, None: in any."""
    if wide is None or narrow is None:
        return wide is None
    try:
        one, other = network(wide), network(narrow)
    except ValueError:
        return False
    return one.version == other.version and other.subnet_of(one)  # type: ignore[arg-type] # the same version


def _number(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"it is not {what}")  # noqa: TRY004 - it is the user's value, not the caller's
    return value


def _handle(path: Path) -> int:
    """The id of a cgroup: its file handle, as its inode number lacks the generation before Linux 5.5."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = (ctypes.c_uint32 * 34)(128)
    mount = ctypes.c_int()
    if libc.name_to_handle_at(-100, os.fsencode(path), handle, ctypes.byref(mount), 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    return handle[2] | handle[3] << 32


def _wrong_value(rule: Rule) -> str:
    if rule.action not in ("include", "exclude"):
        return f"its action is {rule.action!r}, neither include nor exclude"
    if rule.uid is not None and not 0 <= rule.uid < _U32 - 1:
        return f"{rule.uid} is no user id"
    for name, limit in (("mnt_ns", _U32), ("pid_ns", _U32), ("cgroup", _U64)):
        value = getattr(rule, name)
        if value is not None and not 0 < value < limit:
            return f"no {name} has the number {value}"
    if rule.process is not None:
        tgid, start = rule.process
        if not (0 < tgid < _U32 and 0 < start < _U64):
            return f"no process has the identity {tgid}, {start}"
    return ""


def _wrong_exe(rule: Rule) -> str:
    if rule.exe is not None and rule.exe_prefix is not None:
        return "it has an exe and an exe_prefix"
    path = rule.exe if rule.exe is not None else rule.exe_prefix
    return "" if path is None else _wrong_name(path, "an executable", whole=rule.exe is not None)


def _wrong_path(rule: Rule) -> str:
    if rule.path_prefix is None:
        return ""
    others = [name for name in rule.events if name not in PATH_EVENTS]
    if others or not rule.events:
        return f"path_prefix is for {', '.join(PATH_EVENTS)}, not for {others[0] if others else 'all events'}"
    return _wrong_name(rule.path_prefix, "a file", whole=False)


def _wrong_network(rule: Rule) -> str:
    if rule.network is None:
        return ""
    others = [name for name in rule.events if name not in NETWORK_EVENTS]
    if others or not rule.events:
        which = others[0] if others else "all events"
        return f"network is for {', '.join(NETWORK_EVENTS)}, not for {which}"
    try:
        network(rule.network)
    except ValueError as error:
        return str(error)
    return ""


def _wrong_name(path: str, whose: str, *, whole: bool) -> str:
    if not path.startswith("/"):
        return f"the path of {whose} begins with /, {text.quote(path)} does not"
    if "\0" in path:
        return "no path has a NUL in it"
    if len(os.fsencode(path)) > EXE_MAX:
        return f"only {EXE_MAX} bytes of a path can be compared"
    parts = path[1:].split("/")
    if not whole:
        parts = parts[:-1]  # the last one may go on
    if not path.startswith("/memfd:") and any(part in ("", ".", "..") for part in parts):
        return f"the kernel has no empty part, no . and no .. in a path, {text.quote(path)} has"
    return ""


def _wrong_events(rule: Rule, wanted: set[str]) -> str:
    always = [name for name in rule.events if name in ALWAYS]
    if always:
        return f"{always[0]} always comes"
    if rule.events and not wanted & set(rule.events):
        return f"the session does not record {', '.join(rule.events)}"
    asked = [name for name in _OF_TASK if getattr(rule, name) is not None]
    if asked and rule.events and not set(rule.events) - set(NOBODYS):
        return f"no process makes {rule.events[0]}, and none has its {asked[0]}"
    return ""


def _wrong_process(rule: Rule) -> str:
    """Where its number means here what it means to the driver."""
    if rule.process is None:
        return ""
    tgid, start = rule.process
    try:
        if Path("/proc/self/ns/pid").stat().st_ino != _INITIAL_PIDS:
            return ""
        fields = Path(f"/proc/{tgid}/stat").read_bytes().rpartition(b")")[2].split()
    except FileNotFoundError:
        return f"there is no process {tgid} any more"
    except OSError:
        return ""
    ticks = start * os.sysconf("SC_CLK_TCK") // 1_000_000_000
    return "" if int(fields[19]) == ticks else f"process {tgid} is another one by now"


def _covered(rules: Sequence[Rule], number: int) -> str:
    for other, rule in enumerate(rules):
        if other == number or rule.action != "exclude" or not rule.covers(rules[number]):
            continue
        # Of two that are the same the first one counts.
        if other < number or not rules[number].covers(rule):
            return f"rule {other + 1} excludes all of it ({rule})"
    return ""
