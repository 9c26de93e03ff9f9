# SPDX-License-Identifier: GPL-2.0-only
"""x86: a kernel packed by xz, of which only what is looked at is made of the packer's form again.

Before it packs code, xz makes absolute addresses of the distances in calls and jumps (filter x86).  To undo
that for all of an image takes a fifth as long as to unpack it, and most of an image is never looked at.

The file's format: https://tukaani.org/xz/xz-file-format.txt.
"""

from __future__ import annotations

import lzma
import struct
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap

__all__ = ["Filtered", "unpacked"]

#: Header of the stream, and begin of its first block: bytes of the block's header, its flags and filters, and
#: the property of the last one.
_BEGIN = struct.Struct("<12xB5sB")
_STREAM = 12
#: Two filters, no sizes; x86, without properties; LZMA2 with one byte of them: of its dictionary.
_CHAIN = bytes((1, 4, 0, 0x21, 1))
#: 128 MiB.
_MOST_PROPERTY = 30
_MOST_BYTES = 1 << 30
#: Bytes at a time: more are joined from several once more.  LZMA2 may have twice as many in a piece.
_PIECE = 1 << 15
_CALL, _JUMP = b"\xe8", b"\xe9"
#: An instruction that the filter changes has so many bytes; what it does depends on no more before it.
_INSTRUCTION = 5


class Filtered:
    """Bytes, of which slices have the filter undone.

    Args:
        data: that the filter has made.
    """

    def __init__(self, data: bytes | mmap) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, part: slice) -> bytes:
        return bytes(self.copy(part))

    def copy(self, part: slice) -> bytearray:
        """The same, to be written to."""
        begin, end, step = part.indices(len(self._data))
        if step != 1:
            raise ValueError("only of bytes that follow each other")
        if begin >= end:
            return bytearray()
        known = self._known(begin)
        done = _undone(memoryview(self._data)[known : end + _INSTRUCTION], known)
        del done[end - known :]
        del done[: begin - known]
        return done

    def _known(self, at: int) -> int:
        """The last place up to there before which nothing is that matters to what the filter does."""
        while at:
            before = self._data[max(at - _INSTRUCTION, 0) : at]
            last = max(before.rfind(_CALL), before.rfind(_JUMP))
            if last < 0:
                break
            at -= len(before) - last
        return at


def _undone(code: memoryview, at: int) -> bytearray:
    """By liblzma, which has that filter only before another one: LZMA2, which may leave all as it is."""
    filters = [{"id": lzma.FILTER_X86, "start_offset": at}, {"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    done = bytearray(len(code))
    at = 0
    for begin in range(0, len(code), _PIECE):
        piece = code[begin : begin + _PIECE]
        # It begins with whether there was none before, and its size less 1.
        decoder.decompress(struct.pack(">BH", 2 if begin else 1, len(piece) - 1))
        part = decoder.decompress(piece)
        done[at : at + len(part)] = part
        at += len(part)
    done[at:] = decoder.decompress(b"\0")
    return done


def unpacked(payload: bytes | memoryview) -> Filtered | None:
    """What a kernel's build has packed by xz for x86: a stream, and the size of what is in it.

    The stream's checksum is of what the filter is undone of, and is not looked at.  LZMA2 has its own check
    in each piece of at most 64 KiB: damage is found by that.

    Args:
        payload: of an image.

    Returns:
        None: it is packed by xz in another way.

    Raises:
        lzma.LZMAError: it is damaged.
        EOFError, struct.error: it ends too early.
    """
    header, chain, prop = _BEGIN.unpack_from(payload)
    size = int.from_bytes(payload[-4:], "little")
    if chain != _CHAIN or prop > _MOST_PROPERTY or not 0 < size <= _MOST_BYTES:
        return None
    dictionary = (2 | prop & 1) << prop // 2 + 11
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}]
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    data = mmap(-1, size, MAP_PRIVATE | MAP_ANONYMOUS)
    # Half of an image is that, and takes no memory where it is not written.
    nothing = bytes(_PIECE)
    at, read = 0, _STREAM + 4 * (header + 1)
    while not decoder.eof:
        packed: bytes | memoryview = b""
        if decoder.needs_input:
            packed = payload[read : read + _PIECE]
            read += _PIECE
            if not packed:
                raise EOFError("it ends too early")
        piece = decoder.decompress(packed, _PIECE)
        if at + len(piece) > size:
            return None
        if piece != nothing:
            data[at : at + len(piece)] = piece
        at += len(piece)
    # Where more follows, the stream has another block.
    return Filtered(data) if at == size else None
