# SPDX-License-Identifier: GPL-2.0-only
"""The device node: what the driver is, its hooks, its schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from .schema import Schema


@dataclass(frozen=True)
class Info:
    """What a driver is (KSONDE_IOC_INFO)."""

    abi: int
    schema: int
    cpus: int
    page_size: int
    sessions: int
    max_sessions: int
    hooks: int
    ring_min: int
    ring_max: int
    cache_bytes: int
    cache_misses: int
    version: str


@dataclass(frozen=True)
class HookInfo:
    """A row of the driver's hook table (KSONDE_IOC_HOOK)."""

    index: int
    name: str
    event: str | None
    state: str
    mechanism: str
    target: str
    users: int
    hits: int
    missed: int
    timed_hits: int
    timed_ns: int
    detail: list[str] = field(default_factory=list)


class Device:
    """An open device node; a context manager."""

    path: str

    def __init__(self, path: str = "/dev/ksonde") -> None:
        raise NotImplementedError

    def info(self) -> Info:
        """What the driver is."""
        raise NotImplementedError

    def hooks(self) -> list[HookInfo]:
        """All hooks, in the order of the driver's table."""
        raise NotImplementedError

    def schema(self) -> Schema:
        """The driver's schema, read once."""
        raise NotImplementedError

    def fileno(self) -> int:
        """The file descriptor."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file; may be called again."""
        raise NotImplementedError

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def wait_for_device(path: str = "/dev/ksonde", timeout: float | None = None, *, present: bool = True) -> bool:
    """Wait until the node is there (or, present=False, gone); False: it took longer than timeout seconds."""
    raise NotImplementedError
