# SPDX-License-Identifier: GPL-2.0-only
"""The image that a kernel was booted from: found, unpacked, proved to be of the same build."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .xz import Filtered

__all__ = ["Image", "NoImage", "Section", "build_id", "find", "parse", "read", "unpacked"]

_CANDIDATES = (
    "/boot/vmlinuz-{}",
    "/lib/modules/{}/vmlinuz",
    "/lib/modules/{}/vmlinux",
    "/boot/vmlinux-{}",
    "/usr/lib/debug/boot/vmlinux-{}",
    "/usr/lib/debug/lib/modules/{}/vmlinux",
    "/usr/lib/debug/lib/modules/{}/vmlinuz",
)
_XZ = b"\xfd7zXZ\0"
#: What a packed kernel begins with, and who unpacks it.
_PACKERS = (
    (b"\x1f\x8b\x08", "gzip"),
    (_XZ, "xz"),
    (b"BZh", "bzip2"),
    (b"\x5d\0\0", "lzma"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x89LZO", "lzop"),
)
_MOST_BYTES = 1 << 30
_BUILD_ID = 3
_SECTION = struct.Struct("<IIQQQQIIQQ")
_NOBITS = 8
_ALLOCATED = 2


class NoImage(Exception):
    """There is none that could be used; the text says why."""


@dataclass(frozen=True)
class Section:
    """A part of the image: where it is linked to, and where it lies in the file."""

    address: int
    offset: int
    size: int


@dataclass
class Image:
    """A kernel as an ELF file.

    Attributes:
        path: it came from.
        data: the file, unpacked.
        machine: of the ELF header.
        sections: by name.
        relocations: lists that follow the ELF file, of words: where addresses are that move with the kernel.
    """

    path: str
    data: bytes | mmap | Filtered
    machine: int
    sections: dict[str, Section]
    relocations: Sequence[memoryview] = ()

    def bytes_of(self, name: str) -> bytes:
        """Of a section; none where there is no such section."""
        section = self.sections.get(name)
        return self.data[section.offset : section.offset + section.size] if section is not None else b""

    def copy_of(self, name: str) -> bytearray:
        """The same, to be written to."""
        section = self.sections.get(name, Section(0, 0, 0))
        part = slice(section.offset, section.offset + section.size)
        if isinstance(self.data, (bytes, mmap)):
            return bytearray(memoryview(self.data)[part])
        return self.data.copy(part)

    def at(self, address: int, size: int) -> bytes:
        """What is linked to an address; less, or nothing, where a section ends."""
        for section in self.sections.values():
            if section.address <= address < section.address + section.size:
                begin = section.offset + address - section.address
                return self.data[begin : min(begin + size, section.offset + section.size)]
        return b""


def find(release: str, notes: bytes, version: bytes, path: str | None = None) -> Image:
    """The image of the running kernel.

    Args:
        release: of the kernel.
        notes: /sys/kernel/notes
        version: /proc/version
        path: of the image; None: it is looked for.

    Raises:
        NoImage: none, or none of the same build.
    """
    paths = [path] if path is not None else [name.format(release) for name in _CANDIDATES]
    why = f"there is no image of kernel {release}"
    for name in paths:
        try:
            image = parse(name, _kernel(read(name)))
        except OSError as error:
            if path is not None:
                raise NoImage(f"{name}: {error.strerror}") from error
            continue
        except NoImage as error:
            why = f"{name}: {error}"
            continue
        except (struct.error, ValueError, OverflowError) as error:
            why = f"{name} is damaged: {error}"
            continue
        if _is_same(image, notes, version):
            return image
        why = f"{name} is of another build"
    raise NoImage(why)


def read(name: str) -> bytes | mmap:
    """A file, of which not all will be looked at."""
    with Path(name).open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)


def _is_same(image: Image, notes: bytes, version: bytes) -> bool:
    wanted, there = build_id(notes), build_id(image.bytes_of(".notes"))
    if wanted and there:
        return wanted == there
    return len(version) > 20 and version in image.data[:]


def build_id(notes: bytes) -> bytes:
    """The build id among notes, b"" when there is none."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        name = notes[at + 12 : at + 12 + name_size]
        at += 12 + (name_size + 3 & ~3)
        if kind == _BUILD_ID and name == b"GNU\0":
            return notes[at : at + size]
        at += size + 3 & ~3
    return b""


def unpacked(data: bytes | mmap) -> bytes | mmap:
    """The ELF file within an image (x86: Documentation/arch/x86/boot.rst)."""
    if data[:4] == b"\x7fELF":
        return data
    payload = data[slice(*_payload(data))]
    for magic, packer in _PACKERS:
        if payload.startswith(magic):
            unpacked = _unpack(payload, packer)
            if unpacked[:4] != b"\x7fELF":
                raise NoImage(f"what {packer} has packed is no ELF file")
            return unpacked
    raise NoImage("it is packed in a way that is not known")


def _payload(data: bytes | mmap) -> tuple[int, int]:
    """Begin and end of what is packed in an image for x86, and its size; of all where it is none."""
    if data[0x202:0x206] != b"HdrS" or struct.unpack_from("<H", data, 0x206)[0] < 0x208:
        return 0, len(data)
    begin = ((data[0x1F1] or 4) + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
    return begin, begin + struct.unpack_from("<I", data, 0x24C)[0]


def _kernel(data: bytes | mmap) -> bytes | mmap | Filtered:
    """As unpacked(), where the usual image for x86 costs less."""
    import lzma

    from . import xz

    begin, end = _payload(data)
    if begin and data[begin : begin + len(_XZ)] == _XZ:
        try:
            with memoryview(data) as view, view[begin:end] as payload:
                found = xz.unpacked(payload)
        except (lzma.LZMAError, EOFError) as error:
            raise NoImage(f"xz: {error}") from error
        if found is not None:
            return found
    return unpacked(data)


def _unpack(data: bytes, packer: str) -> bytes:
    """What a packer has packed; its size may follow it."""
    import bz2
    import lzma
    import zlib

    try:
        if packer == "gzip":
            return zlib.decompressobj(31).decompress(data, _MOST_BYTES)
        if packer == "bzip2":
            return bz2.BZ2Decompressor().decompress(data)
        if packer in ("xz", "lzma"):
            return lzma.LZMADecompressor().decompress(data)
    except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
        raise NoImage(f"{packer}: {error}") from error
    if packer == "zstd":
        try:
            # The standard library has it since Python 3.14 only.
            from zstandard import ZstdDecompressor, ZstdError
        except ImportError:
            return _filtered(packer, data)
        try:
            return bytes(ZstdDecompressor().decompressobj().decompress(data))
        except ZstdError as error:
            raise NoImage(f"{packer}: {error}") from error
    return _filtered(packer, data)


def _filtered(program: str, data: bytes) -> bytes:
    """What a program unpacks; it complains of the size that follows, so its exit code says nothing."""
    try:
        done = subprocess.run([program, "-dcq"], input=data, capture_output=True, check=False)
    except OSError as error:
        raise NoImage(f"it is packed by {program}, which is not installed") from error
    return done.stdout


def parse(path: str, data: bytes | mmap | Filtered) -> Image:
    """An ELF file of 64 bits.

    Raises:
        NoImage: it is none.
        struct.error, ValueError: it is damaged.
    """
    header = data[:64]
    if header[:6] != b"\x7fELF\2\1":
        raise NoImage("it is no ELF file of 64 bits")
    machine = struct.unpack_from("<H", header, 18)[0]
    (table,) = struct.unpack_from("<Q", header, 40)
    size, count, names = struct.unpack_from("<HHH", header, 58)
    if size != _SECTION.size or not count or names >= count:
        raise NoImage("it has no sections")
    headers = list(_SECTION.iter_unpack(data[table : table + count * size]))
    if len(headers) != count:
        raise ValueError("it ends too early")
    strings = data[headers[names][4] : headers[names][4] + headers[names][5]]
    sections: dict[str, Section] = {}
    end = table + count * size
    for name, kind, flags, address, offset, length, *_ in headers:
        if kind == _NOBITS:
            continue
        end = max(end, offset + length)
        if flags & _ALLOCATED:
            text = strings[name : strings.find(b"\0", name)].decode("ascii", "replace")
            sections[text] = Section(address, offset, length)
    return Image(path, data, machine, sections, _lists(data[end : end + (len(data) - end & ~3)]))


def _lists(words: bytes) -> list[memoryview]:
    """Words of 32 bits, between those that are 0."""
    lists = []
    at = 0
    while at < len(words):
        end = words.find(bytes(4), at)
        while end % 4 and end > 0:
            end = words.find(bytes(4), end + 1)
        end = len(words) if end < 0 else end
        if at < end:
            lists.append(memoryview(words)[at:end].cast("I"))
        at = end + 4
    return lists
