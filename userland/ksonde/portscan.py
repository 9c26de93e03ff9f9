# SPDX-License-Identifier: GPL-2.0-only
"""What a session calls a scan of ports: the event port_scan.

    scan = PortScan(ports=5, window=60)
    rules = [Rule("exclude", ("port_scan",), network="192.0.2.0/24")]
    with ksonde.open(["port_scan"], port_scan=scan, rules=rules) as session: ...

The kernel counts for all sessions together, each is told by what it asks for.  What is left open is as the
module's parameters scan_ports, scan_hosts, scan_window and scan_loopback have it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .errors import BadPortScan
from .rules import Rule, network
from .text import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NAMES", "PortScan", "check", "pack", "parse"]

EVENT = "port_scan"
_YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True)
class PortScan:
    """What is a scan; None: as the module has it.

    Attributes:
        ports: so many ports of a source within the window, from 2 to 32.
        hosts: or so many hosts, at most 32; 0: hosts do not matter.
        window: seconds, from 1 to 86400.
        loopback: packets of this host to itself count, too.
    """

    ports: int | None = None
    hosts: int | None = None
    window: int | None = None
    loopback: bool | None = None

    def __str__(self) -> str:
        words = []
        if self.ports is not None:
            words.append(f"{self.ports} ports")
        if self.hosts is not None:
            words.append(f"{self.hosts} hosts" if self.hosts else "whatever the hosts")
        if self.window is not None:
            words.append(f"within {self.window} s")
        if self.loopback is not None:
            words.append("loopback, too" if self.loopback else "without loopback")
        return ", ".join(words) or "as the module has it"

    @property
    def given(self) -> bool:
        """It says anything."""
        return any(getattr(self, name) is not None for name in NAMES)

    def over(self, other: PortScan) -> PortScan:
        """This one, and where it leaves something open the other one."""
        mine = {name: getattr(self, name) for name in NAMES}
        return PortScan(
            **{name: getattr(other, name) if value is None else value for name, value in mine.items()}
        )


#: What can be set.
NAMES = tuple(one.name for one in fields(PortScan))


def parse(text: str) -> tuple[PortScan, tuple[Rule, ...]]:
    """What a command line says: `ports=5,window=1m,loopback=yes,allow=192.0.2.0/24`.

    Returns:
        It, and a rule for each network that may scan.

    Raises:
        ValueError: it is none.
    """
    values: dict[str, int | bool] = {}
    allowed: list[str] = []
    for word in filter(None, map(str.strip, text.split(","))):
        name, _, value = word.partition("=")
        if name == "allow":
            network(value)
            allowed.append(value)
        elif name not in NAMES:
            raise ValueError(f"there is no {name!r}: say {', '.join(NAMES)} or allow")
        elif name in values:
            raise ValueError(f"{name} is said twice")
        elif name == "loopback":
            if value not in _YES_NO:
                raise ValueError(f"loopback is yes or no, not {value!r}")
            values[name] = _YES_NO[value]
        elif name == "window" and not value.isdecimal():
            values[name] = int(parse_duration(value))
        elif value.isdecimal():
            values[name] = int(value)
        else:
            raise ValueError(f"{name} is a number, not {value!r}")
    rules = (Rule("exclude", (EVENT,), network=one) for one in dict.fromkeys(allowed))
    return PortScan(**values), tuple(rules)  # type: ignore[arg-type] # by their names


def check(scan: PortScan, events: Iterable[str]) -> None:
    """Refuse what the driver would not take, or could never do anything in a session of these events.

    Raises:
        BadPortScan: what, and why.
    """
    from . import uapi

    most = {"ports": uapi.PORT_SCAN_KEPT, "hosts": uapi.PORT_SCAN_KEPT, "window": uapi.PORT_SCAN_WINDOW_MAX}
    for name, least in (("ports", 2), ("hosts", 0), ("window", 1)):
        value = getattr(scan, name)
        if value is not None and not least <= value <= most[name]:
            raise BadPortScan(name, f"{name} is {value}, not from {least} to {most[name]}")
    if scan.given and EVENT not in set(events):
        raise BadPortScan("", f"the session does not record {EVENT}", "ask for the event, or leave this out")


def pack(scan: PortScan) -> dict[str, int]:
    """The members of struct ksonde_port_scan."""
    from . import uapi

    given = {name: getattr(scan, name) for name in NAMES}
    members = {name: int(value) for name, value in given.items() if value is not None}
    return {**members, "set": int(sum(uapi.PortScanSet[name.upper()] for name in members))}
