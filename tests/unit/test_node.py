# SPDX-License-Identifier: GPL-2.0-only
"""The system calls and their errors, on files that every machine has."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ksonde import errors, uapi
from ksonde.node import Node


def failing(number: int) -> Any:
    def call(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOENT, errors.DeviceMissing),
        (errno.ENODEV, errors.DeviceMissing),
        (errno.ENXIO, errors.DeviceMissing),
        (errno.EPERM, errors.PermissionRefused),
        (errno.EACCES, errors.PermissionRefused),
        (errno.EMFILE, errors.TooManySessions),
        (errno.EBUSY, errors.Busy),
        (errno.ENOMEM, errors.DriverError),
    ],
)
def test_open_errors(monkeypatch: pytest.MonkeyPatch, number: int, error: type[errors.KsondeError]) -> None:
    monkeypatch.setattr(os, "open", failing(number))
    with pytest.raises(error) as caught:
        Node("/dev/ksonde")
    assert type(caught.value) is error
    assert "/dev/ksonde" in str(caught.value)
    assert caught.value.hint
    assert "\n" not in str(caught.value) + caught.value.hint


def test_a_path_below_a_file() -> None:
    with pytest.raises(errors.DeviceMissing):
        Node("/dev/null/ksonde")


def test_too_many_files_of_this_process_are_not_too_many_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", failing(errno.EMFILE))
    monkeypatch.setattr(os, "dup", failing(errno.EMFILE))
    with pytest.raises(errors.DriverError, match="Too many open files"):
        Node("/dev/ksonde")


def test_close_twice() -> None:
    node = Node("/dev/null")
    number = node.fileno()
    assert os.get_inheritable(number) is False
    node.close()
    node.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    with pytest.raises(errors.SessionClosed):
        node.fileno()


def test_an_ioctl_that_nobody_knows() -> None:
    node = Node("/dev/null")
    with pytest.raises(errors.DriverError, match="ioctl INFO: Inappropriate ioctl") as caught:
        node.ioctl(uapi.Ioctl.INFO, bytearray(8))
    assert caught.value.errno == errno.ENOTTY
    with pytest.raises(errors.DriverError, match="ioctl START"):
        node.ioctl(uapi.Ioctl.START)
    node.close()


def test_ioctl_changes_its_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(_: int, request: int, argument: bytearray, mutate: bool) -> int:
        assert (request, mutate) == (0xB500, True)
        argument[0] = 7
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    node = Node("/dev/null")
    argument = bytearray(8)
    node.ioctl(uapi.Ioctl.INFO, argument)
    node.close()
    assert argument[0] == 7


def test_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", failing(errno.EBUSY))
    node = Node("/dev/null")
    with pytest.raises(errors.Busy, match="SET_RING"):
        node.ioctl(uapi.Ioctl.SET_RING, bytearray(8))
    node.close()


def test_mmap_asks_for_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int, int]] = []
    real = mmap.mmap

    def fake(_: int, length: int, flags: int, protection: int, *, offset: int) -> mmap.mmap:
        calls.append((offset, protection, flags))
        return real(-1, length)

    node = Node("/dev/null")
    monkeypatch.setattr(mmap, "mmap", fake)
    node.mmap(uapi.Region.CONTROL, 0, 4096).close()
    node.mmap(uapi.Region.POSITION, 1, 4096).close()
    node.mmap(uapi.Region.DATA, 3, 8192).close()
    node.close()
    assert calls == [
        (0, mmap.PROT_READ, mmap.MAP_SHARED),
        ((1 << 56) | (1 << 40), mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED),
        ((2 << 56) | (3 << 40), mmap.PROT_READ, mmap.MAP_SHARED),
    ]


def test_mmap_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node("/dev/null")
    with pytest.raises(errors.DriverError, match="mmap DATA of CPU 2"):
        node.mmap(uapi.Region.DATA, 2, 4096)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(mmap, "mmap", failing(errno.EAGAIN))
    with pytest.raises(errors.Busy, match="mmap DATA of CPU 2"):
        node.mmap(uapi.Region.DATA, 2, 4096)
    node.close()


def test_mmap_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [failing(errno.EAGAIN), failing(errno.EAGAIN), lambda *_, **__: "mapped"]
    node = Node("/dev/null")
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(mmap, "mmap", lambda *_, **__: answers.pop(0)())
    found: object = node.mmap(uapi.Region.DATA, 2, 4096)
    assert found == "mapped"
    node.close()


def test_poll(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    node = Node(str(fifo))
    assert not node.poll(0)
    assert not node.poll(0.001)
    os.write(node.fileno(), b"x")
    assert node.poll(None)
    node.close()
