# SPDX-License-Identifier: GPL-2.0-only
"""Where records go: lines for people or JSON lines, to standard output or a file."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Optional

from ksonde.render import Renderer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ksonde.enrich.containers import Containers
    from ksonde.enrich.devices import Devices
    from ksonde.record import Record
    from ksonde.schema import Schema

#: Characters that an argument vector takes on a terminal.
WIDTH = 300


def wants_color(stream: IO[Any]) -> bool:
    """Whether colours are welcome: a terminal, not a dumb one, and no NO_COLOR."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


_encode = json.JSONEncoder(separators=(",", ":")).encode


def json_line(
    record: Record, containers: Optional[Containers] = None, devices: Optional[Devices] = None
) -> str:
    """A record as one line of JSON; what is not UTF-8 survives as lone surrogates, escaped.

    Args:
        record: it.
        containers: process.container is there for what these say is in a container, or do not know.
        devices: data.udev is there for what these know of a USB device.
    """
    line = record.to_dict()
    container = containers.of(record) if containers is not None else None
    if container is not None:
        line["process"]["container"] = container._asdict()
    known = devices.of(record) if devices is not None else None
    if known is not None:
        line["data"]["udev"] = known
    return _encode(line)


class Output:
    """Writes records as text, a batch at a time.

    Args:
        stream: takes the text.
        renderer: makes the lines; None: JSON lines.
        own: with session_state records.
        containers: for JSON lines.
        devices: likewise.
    """

    def __init__(
        self,
        stream: IO[str],
        renderer: Optional[Renderer] = None,
        *,
        own: bool = False,
        containers: Optional[Containers] = None,
        devices: Optional[Devices] = None,
    ) -> None:
        self._stream = stream
        self._line = renderer.line if renderer else lambda record: json_line(record, containers, devices)
        self._renderer = renderer
        self._own = own

    def fileno(self) -> Optional[int]:
        """The descriptor that is written to; None: there is none."""
        try:
            return self._stream.fileno()
        except (OSError, ValueError):
            return None

    def snapshot(self, lines: Iterable[dict[str, Any]]) -> None:
        """Write what a Snapshot took."""
        line = self._renderer.snapshot if self._renderer is not None else _encode
        self._stream.writelines(f"{line(one)}\n" for one in lines)
        self._stream.flush()

    def write(self, records: Sequence[Record]) -> None:
        """Write a batch and hand it on at once."""
        if self._renderer is not None:
            self._renderer.names.synchronise()
        lines = [self._line(record) for record in records if self._own or record.event != "session_state"]
        if lines:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()


@contextmanager
def open_output(
    schema: Schema,
    events: Collection[str] = (),
    *,
    path: Optional[str] = None,
    as_json: bool = False,
    color: Optional[bool] = None,
    ancestry: bool = False,
    verbose: bool = False,
    own: bool = False,
) -> Iterator[Output]:
    """An Output to a file, or to standard output; color: None decides by what that is.

    What will be needed for the events is prepared now, so that it does not make the first of them wait.
    """
    from ksonde.enrich.containers import Containers

    containers = Containers()
    with _file(path) if path else _standard() as stream:
        if as_json:
            yield Output(stream, own=own, containers=containers, devices=devices_of(events))
            return
        from ksonde.ancestry import Ancestry
        from ksonde.enrich.interfaces import Interfaces

        interfaces = Interfaces()
        if "connect" in events:
            interfaces.name(1)
        renderer = Renderer(
            schema,
            interfaces=interfaces,
            containers=containers,
            ancestry=Ancestry() if ancestry else None,
            color=wants_color(stream) if color is None else color,
            width=WIDTH if stream.isatty() and not verbose else None,
            verbose=verbose,
        )
        yield Output(stream, renderer, own=own)


def devices_of(events: Collection[str]) -> Optional[Devices]:
    """Who tells of USB devices, where that is among the events."""
    if "usb_device" not in events:
        return None
    from ksonde.enrich.devices import Devices

    devices = Devices()
    devices.look_around()
    return devices


def _file(path: str) -> IO[str]:
    return Path(path).open("w", encoding="utf-8", errors="backslashreplace")


@contextmanager
def _standard() -> Iterator[IO[str]]:
    """Standard output, which can say everything and is not closed."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    yield sys.stdout
