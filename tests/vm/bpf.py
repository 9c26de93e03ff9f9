# SPDX-License-Identifier: GPL-2.0-only
"""Programs of BPF for a function of the kernel, by bpf(2) alone."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Of linux/bpf.h: types of programs, and what they are attached as.
TRACING_PROGRAM, LSM_PROGRAM = 26, 29
FENTRY, FEXIT, LSM_MAC = 24, 25, 27
_BTF = Path("/sys/kernel/btf/vmlinux")
_SYS_BPF = 321
_PROG_LOAD, _RAW_TRACEPOINT_OPEN = 5, 17
_FUNCTION = 12
#: Bytes behind a type of BTF by its kind, and behind each of its members.
_ONCE = {1: 4, 3: 12, 14: 4, 17: 4}
_EACH = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}

#: An instruction: its code, registers, offset and constant.
Code = tuple[tuple[int, int, int, int], ...]
#: r0 = 0; exit
NOTHING: Code = ((0xB7, 0, 0, 0), (0x95, 0, 0, 0))


def refuses(tgid: int) -> Code:
    """A program that refuses with EACCES what a process asks for, and nobody else's."""
    return (
        (0x85, 0, 0, 14),  # r0 = bpf_get_current_pid_tgid()
        (0x77, 0, 0, 32),  # r0 >>= 32
        (0x15, 0, 2, tgid),  # if r0 == tgid goto +2
        *NOTHING,
        (0xB7, 0, 0, -errno.EACCES),
        (0x95, 0, 0, 0),
    )


@contextmanager
def program(
    kind: int, attach: int, function: str, name: str = "ksonde_test", code: Code = NOTHING
) -> Iterator[int]:
    """A program that is loaded for a function, and not attached yet: its descriptor."""
    if not _BTF.exists():
        pytest.skip("cannot run here: the kernel does not describe its types")
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=BBhi", *one) for one in code))
    licence = ctypes.create_string_buffer(b"GPL")
    where = ctypes.addressof(instructions), ctypes.addressof(licence)
    # union bpf_attr: up to the version, then flags, name, interface, how it is attached, and to which type.
    words = struct.pack("=IIQQIIQII", kind, len(code), *where, 0, 0, 0, 0, 0)
    words += struct.pack("=16sII", name.encode(), 0, attach)
    loaded = _bpf(_PROG_LOAD, words.ljust(108, b"\0") + struct.pack("=I", _type_of(function)))
    try:
        yield loaded
    finally:
        os.close(loaded)


@contextmanager
def attached(loaded: int) -> Iterator[None]:
    """A program where it belongs.  OSError: it is refused."""
    link = _bpf(_RAW_TRACEPOINT_OPEN, struct.pack("=QI4x", 0, loaded))
    try:
        yield
    finally:
        os.close(link)


def _bpf(command: int, attributes: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    made = int(libc.syscall(_SYS_BPF, command, attributes, len(attributes)))
    if made < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return made


def _type_of(function: str) -> int:
    """The number of a function in the kernel's description of its types (BTF)."""
    data = _BTF.read_bytes()
    header, types, length, strings, size = struct.unpack_from("=IIIII", data, 4)
    texts = header + strings
    name = data.index(b"\0" + function.encode() + b"\0", texts, texts + size) + 1 - texts
    at, number = header + types, 1
    while at < header + types + length:
        called, info = struct.unpack_from("=II", data, at)
        kind = info >> 24 & 0x1F
        if (called, kind) == (name, _FUNCTION):
            return number
        at += 12 + _ONCE.get(kind, 0) + _EACH.get(kind, 0) * (info & 0xFFFF)
        number += 1
    raise LookupError(function)
