# SPDX-License-Identifier: GPL-2.0-only
"""What functions and tracepoints a kernel has, running or not.

From the running kernel's own list; of others from a System.map, where the distribution ships one that is not
empty, or from the type information (BTF) in the kernel's image.
"""

from __future__ import annotations

import lzma
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksonde.machine import Machine

#: Debian ships a System.map of one line, which says where the real one is.
_FEWEST = 1000
_BTF = struct.pack("<HBBI", 0xEB9F, 1, 0, 24)
_FUNC, _TYPEDEF = 12, 8
#: Bytes behind a type: fixed, and for each of its members, by kind.
_EXTRA = {1: 4, 3: 12, 14: 4, 17: 4}
_MEMBER = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
_KINDS = 19
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Symbols:
    """The names that a kernel has.

    Attributes:
        source: where they were found, in a few words.
        names: of functions and of what else there is.
    """

    source: str
    names: frozenset[str]

    def has_function(self, name: str) -> bool:
        """Whether there is a function of exactly that name: a clone of it (x.isra.0) does not count."""
        return name in self.names

    def refuses_probes(self, name: str) -> bool:
        """Whether the kernel's authors forbade probes on that function, as far as the names tell."""
        return f"_kbl_addr_{name}" in self.names

    def has_tracepoint(self, name: str) -> bool:
        """Whether there is a tracepoint."""
        return any(
            f"{prefix}{name}" in self.names for prefix in ("__tracepoint_", "__traceiter_", "btf_trace_")
        )


def find(machine: Machine) -> Optional[Symbols]:
    """The names of the machine's kernel; None where none can be had."""
    release = machine.release
    if machine.is_running:
        found = from_text("the running kernel", machine.read("/proc/kallsyms"))
        if found is not None:
            return found
    for path in (f"/boot/System.map-{release}", f"/lib/modules/{release}/System.map"):
        found = from_text(path, machine.read(path))
        if found is not None:
            return found
    for path in (f"/boot/vmlinuz-{release}", f"/lib/modules/{release}/vmlinuz"):
        found = from_image(path, machine.read_bytes(path), machine)
        if found is not None:
            return found
    return None


def from_image(source: str, image: Optional[bytes], machine: Machine) -> Optional[Symbols]:
    """The names in a kernel's image, packed or not; None where it has no types."""
    names = btf_names(_unpacked(image or b"", machine))
    return Symbols(f"the types in {source}", names) if names else None


def from_text(source: str, text: Optional[str]) -> Optional[Symbols]:
    """Lines of address, type, name, and in a running kernel [module]; None where there are next to none."""
    words = (line.split() for line in (text or "").splitlines())
    names = frozenset(word[2] for word in words if len(word) == 3)
    return Symbols(source, names) if len(names) >= _FEWEST else None


def _unpacked(image: bytes, machine: Machine) -> bytes:
    """The kernel within a compressed image: the first part that holds types."""
    if _BTF in image:
        return image
    for unpacked in _parts(image, machine):
        if _BTF in unpacked:
            return unpacked
    return b""


def _parts(image: bytes, machine: Machine) -> Iterator[bytes]:
    for match in re.finditer(rb"\x1f\x8b\x08\x00|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|\x02\x21\x4c\x18", image):
        rest = image[match.start() :]
        try:
            if rest[:2] == b"\x1f\x8b":
                yield zlib.decompressobj(31).decompress(rest, _MOST_BYTES)
            elif rest[:2] == b"\xfd7":
                yield lzma.LZMADecompressor().decompress(rest, _MOST_BYTES)
            else:
                yield machine.filter(["lz4" if rest[:1] == b"\2" else "zstd", "-dcq"], rest)
        except (lzma.LZMAError, zlib.error):
            continue


def btf_names(kernel: bytes) -> frozenset[str]:
    """Names of functions, and of tracepoints as btf_trace_NAME, from the types within a kernel."""
    at = kernel.find(_BTF)
    while at >= 0:
        names = _btf(kernel, at)
        if names is not None:
            return names
        at = kernel.find(_BTF, at + 1)
    return frozenset()


def _btf(data: bytes, at: int) -> Optional[frozenset[str]]:
    try:
        return frozenset(_btf_names(data, at))
    except (struct.error, ValueError):
        return None


def _btf_names(data: bytes, at: int) -> Iterator[str]:
    types, types_length, strings, strings_length = struct.unpack_from("<IIII", data, at + 8)
    text = data[at + 24 + strings : at + 24 + strings + strings_length]
    place = at + 24 + types
    end = place + types_length
    if end > len(data) or text[:1] != b"\0" or text[-1:] != b"\0":
        raise ValueError("these are no types")
    while place < end:
        name, info = struct.unpack_from("<II", data, place)
        kind, members = info >> 24 & 0x1F, info & 0xFFFF
        if not 1 <= kind <= _KINDS:
            raise ValueError("a type of no known kind")
        place += 12 + _EXTRA.get(kind, 0) + _MEMBER.get(kind, 0) * members
        if kind in (_FUNC, _TYPEDEF):
            word = text[name : text.index(b"\0", name)].decode("ascii", "replace")
            if kind == _FUNC or word.startswith("btf_trace_"):
                yield word
