# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import struct
from types import TracebackType

import pytest

from ksonde import sockdiag


def message(kind: int, body: bytes) -> bytes:
    data = struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body
    return data + bytes(-len(data) % 4)


def told(inode: int) -> bytes:
    """struct inet_diag_msg, and an attribute behind it."""
    return message(20, bytes(68) + struct.pack("=I", inode) + b"\x05\0\x08\0\x01")


class Socket:
    """A socket of netlink: each dump is answered by the datagrams that come next."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []

    def __enter__(self) -> Socket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def recv(self, _size: int) -> bytes:
        return self.answers.pop(0)


DONE = message(3, bytes(4))


def asked(monkeypatch: pytest.MonkeyPatch, *answers: bytes) -> Socket:
    there = Socket(*answers)
    monkeypatch.setattr("socket.socket", lambda *_: there)
    return there


def test_all_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    there = asked(
        monkeypatch, told(7) + told(0), told(8), DONE, DONE, told(9) + DONE, message(4, b"x") + DONE
    )
    assert list(sockdiag.inodes()) == [7, 8, 9]
    assert [(data[16], data[17]) for data in there.sent] == [(2, 6), (2, 17), (10, 6), (10, 17)]
    assert {len(data) for data in there.sent} == {16 + 56}


@pytest.mark.parametrize(("error", "said"), [(2, "no CONFIG_INET_DIAG"), (1, "Operation not permitted")])
def test_refused(monkeypatch: pytest.MonkeyPatch, error: int, said: str) -> None:
    asked(monkeypatch, message(2, struct.pack("=i", -error)))
    with pytest.raises(OSError, match=said) as raised:
        list(sockdiag.inodes())
    assert raised.value.errno == error


def test_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, bytes(16))
    with pytest.raises(OSError, match="damaged"):
        list(sockdiag.inodes())
