# SPDX-License-Identifier: GPL-2.0-only
"""x86-64: places that the kernel itself patches, each kind with what may stand there."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from itertools import chain, compress
from operator import not_
from typing import TYPE_CHECKING, Callable, Optional

from .code import CALL, JUMP, NOP5, SHORT_JUMP, ends_idle, idle, is_idle, target, with_nops

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .tables import Alternative, Replacements, Tables

__all__ = ["Bad", "Context", "Kind", "Place", "kinds", "singles", "static_call"]

_RETURN = re.compile(rb"\xc3(?:\xcc*|\x90*|[\x90\xcc]*)", re.DOTALL)
#: call or jmp *%reg, with a fence before it (AMD), or a prefix.
_INDIRECT = re.compile(rb"(?:\x0f\xae\xe8)?[\x2e\x3e]?\x41?\xff[\xd0-\xd7\xe0-\xe7](.*)", re.DOTALL)
#: As it was, and sealed: v5.18, v6.3 and v6.15 each have another one.
_ENDBR = frozenset(bytes.fromhex(text) for text in ("f30f1efa", "0f1f4000", "660f1f00", "0f1f40d6"))
_NOP2 = b"\x66\x90"
_LOCKS = frozenset((b"\xf0", b"\x3e"))
#: What takes the place of calls of paravirt_ops on hardware: v5.18 and before have them all.
_NATIVE = re.compile(
    rb"(?:\xfa|\xfb|\x9c\x58|\x57\x9d|\x0f\x20[\xd0\xd8]|\x0f\x22\xdf|\x0f\x09|\x0f\x01\xf8|\x48\x89\xf8"
    rb"|\x48\xcf|\xf3\x90|\xc6\x07\x00|\x48?\x31\xc0)?(.*)",
    re.DOTALL,
)
#: What static calls of some functions become: xor %eax, %eax of one that returns 0, movb $0, (%rdi) of a
#: lock's release (both with prefixes), ud1 of a warning (v7.0).
_INLINE = tuple(
    bytes.fromhex(text) for text in ("662e6631c0", "2e2e2e31c0", "66666631c0", "3e3ec60700", "67480fb93a")
)


@dataclass(frozen=True)
class Bad:
    """Something stands there that should not.

    Attributes:
        what: words for people.
        leads: to an address, if it is a jump or a call.
        certain: it is known what may stand there; else it may be a form that is not known here.
    """

    what: str
    leads: int | None = None
    certain: bool = True


@dataclass(frozen=True)
class Context:
    """The kernel that is looked at.

    Attributes:
        base: address of its text.
        size: of it.
        is_function: whether a static call, a call or a jump may lead to an address outside the text.
        is_tracer: whether an address is code that ftrace or BPF have made to be called.
        moved: by how much the kernel was moved when it was booted.
        kernel: the text of the kernel itself, where that which is looked at is a module's.
    """

    base: int
    size: int
    is_function: Callable[[int], bool]
    is_tracer: Callable[[int], bool]
    moved: int
    kernel: range

    def is_own(self, address: int) -> bool:
        """Whether it is in the text that is looked at, or in the kernel's own."""
        return 0 <= address - self.base < self.size or address in self.kernel


Check = Callable[[Context, int, bytes, bytes], Optional[Bad]]


@dataclass(frozen=True)
class Place:
    """Some bytes of the text that may be others than in the image.

    Attributes:
        kind: in a word.
        offset, size: in the text.
        check: of what stands there (found) against the image (pristine): None, or what is bad.
    """

    kind: str
    offset: int
    size: int
    check: Check


def _traced(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
    if found in NOP5 or found == pristine:
        return None
    leads = target(found, context.base + offset)
    if leads is not None and (found[0] in (CALL, JUMP)) and context.is_tracer(leads):
        return None
    return Bad("the place of the function tracer has something else", leads)


def _jump(context: Context, offset: int, found: bytes, to: int) -> Bad | None:
    leads = target(found, context.base + offset)
    if leads == context.base + to or (leads is None and is_idle(found)):
        return None
    return Bad("a jump label leads to where it should not", leads)


def _return(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
    del pristine
    leads = target(found, context.base + offset)
    if _RETURN.fullmatch(found) or (leads is not None and context.is_own(leads)):
        return None
    return Bad("a return has become something else", leads)


def _retpoline(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
    match = _INDIRECT.fullmatch(found)
    if match and is_idle(match[1]):
        return None
    leads = target(found[found[:1] == b"\x2e" :], context.base + offset + (found[:1] == b"\x2e"))
    if leads is not None and context.is_own(leads):
        return None
    # Some CPUs have thunks in memory of their own (indirect target selection).
    del pristine
    return Bad("an indirect call has become something else", leads, certain=False)


def _call(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
    """Calls that are counted lead to the padding before the function."""
    leads, before = target(found, context.base + offset), target(pristine, context.base + offset)
    if leads is not None and before is not None and 0 <= before - leads <= 32:
        return None
    return Bad("a call leads to where it should not", leads, certain=False)


def static_call(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
    """A place where a static call is, or the trampoline of one."""
    del pristine
    leads = target(found, context.base + offset)
    if leads is None and (found in NOP5 or found in _INLINE or _RETURN.fullmatch(found[:5])):
        return None
    if leads is None:
        return Bad("a static call has become something else", None, certain=False)
    if context.is_own(leads) or context.is_function(leads):
        return None
    return Bad("a static call leads to what nobody owns", leads)


def _paravirt(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
    leads = target(found, context.base + offset)
    if leads is not None and context.is_own(leads) and is_idle(found[5:]):
        return None
    match = _NATIVE.fullmatch(found)
    if (leads is None and match and is_idle(match[1])) or found == pristine:
        return None
    certain = leads is not None and not context.is_own(leads)
    return Bad("a call of paravirt_ops has become something else", leads, certain=certain)


def _one_of(what: str, forms: frozenset[bytes]) -> Check:
    def check(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
        del context, offset
        return None if found in forms or found == pristine else Bad(what)

    return check


def _anything(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
    del context, offset, pristine, found
    return None


def _alternative(
    context: Context,
    offset: int,
    pristine: bytes,
    found: bytes,
    there: list[Alternative],
    codes: Replacements,
) -> Bad | None:
    wanted = with_nops(found)
    if wanted == with_nops(pristine):
        return None
    address = context.base + offset
    for one in there:
        for code in codes.of(one):
            if _is_replacement(code, one.address, wanted, found, address - context.moved):
                return None
    leads = target(found, address)
    # An indirect call of paravirt_ops that has become a direct one, or one of what does nothing.
    if leads is not None and found[0] == CALL and context.is_own(leads) and is_idle(found[5:]):
        return None
    if pristine[:2] == b"\xff\x15" and idle(found):
        return None
    if any(ends_idle(found, code) for code in (pristine, *chain.from_iterable(map(codes.of, there)))):
        return None
    outside = leads is not None and not context.is_own(leads)
    return Bad("what stands there is no alternative that the kernel has", leads, certain=outside)


def _is_replacement(code: bytes, linked: int, wanted: bytes, found: bytes, address: int) -> bool:
    """Whether that was put there; what counts from the instruction's place is another number there."""
    filled = (code + b"\x90" * (len(found) - len(code)))[: len(found)]
    if wanted == with_nops(filled):
        return True
    leads = target(found, address)
    size = 2 if found[0] == SHORT_JUMP else 5
    if leads is not None and leads == target(code, linked) and idle(found[size:]):
        return True
    moved = linked - address
    at, there = 0, bytearray(filled)
    while at < len(found):
        if there[at] != found[at] and not _moves(there, found, at, moved):
            break
        at += 1
    return bytes(there) == found or with_nops(bytes(there)) == wanted


def _moves(there: bytearray, found: bytes, at: int, moved: int) -> bool:
    """Whether one of the four words that have byte `at` differs by just that distance; there gets it."""
    for begin in range(max(at - 3, 0), min(at, len(found) - 4) + 1):
        (before,) = struct.unpack_from("<I", there, begin)
        if struct.pack("<I", before + moved & 0xFFFFFFFF) == found[begin : begin + 4]:
            there[begin : begin + 4] = found[begin : begin + 4]
            return True
    return False


def _constant(value: bytes) -> Check:
    def check(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
        del context, offset, pristine
        return None if found == value else Bad("a constant is another one than elsewhere")

    return check


def _to(labels: Mapping[int, int]) -> Check:
    def check(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
        del pristine
        return _jump(context, offset, found, labels[offset])

    return check


def _with(alternatives: list[Alternative], codes: Replacements) -> Check:
    def check(context: Context, offset: int, pristine: bytes, found: bytes) -> Bad | None:
        return _alternative(context, offset, pristine, found, alternatives, codes)

    return check


@dataclass(frozen=True)
class Kind:
    """Places of one kind and one size, most of which have a form that says enough.

    Attributes:
        name: of the kind.
        offsets, size: in the text, in order.
        forms: bytes that are right at all of them.
        check: of what is none of these; what it finds right that leads nowhere is right at all of them.
    """

    name: str
    offsets: list[int]
    size: int
    forms: frozenset[bytes]
    check: Check


def kinds(tables: Tables, pristine: bytes | bytearray) -> Iterator[Kind]:
    """Of which there are many."""
    returns = frozenset((b"\xc3\xcc\xcc\xcc\xcc", b"\xc3\x90\x90\x90\x90"))
    no_lock = _one_of("a lock has become something else", _LOCKS)
    no_endbr = _one_of("an endbr64 has become something else", _ENDBR)
    yield Kind("traced", tables.traced, 5, NOP5, _traced)
    yield Kind("return", tables.returns, 5, returns, _return)
    yield Kind("lock", tables.locks, 1, _LOCKS, no_lock)
    yield Kind("endbr", tables.endbr, 4, _ENDBR, no_endbr)
    yield Kind("call", tables.calls, 5, frozenset(), _call)
    yield Kind("cfi", tables.cfi, 16, frozenset(), _anything)
    long, short = _apart(tables.static_calls, pristine, b"\x0f", lambda second: second & 0xF0 == 0x80)
    yield Kind("static call", short, 5, NOP5 | returns | frozenset(_INLINE), static_call)
    yield Kind("static call", long, 6, frozenset(), static_call)
    long, short = _apart(tables.retpolines, pristine, b"\x2e\x0f", lambda _: True)
    yield Kind("retpoline", short, 5, frozenset(), _retpoline)
    yield Kind("retpoline", long, 6, frozenset(), _retpoline)
    to = _to(tables.jumps)
    jump, others = _apart(sorted(tables.jumps), pristine, bytes((SHORT_JUMP,)), lambda _: True)
    nop, long = _apart(others, pristine, _NOP2[:1], lambda second: second == _NOP2[1])
    yield Kind("jump label", sorted(jump + nop), 2, frozenset((_NOP2,)), to)
    yield Kind("jump label", long, 5, NOP5, to)
    for size, places in tables.paravirt.items():
        yield Kind("paravirt", places, size, frozenset(), _paravirt)


def _apart(
    offsets: list[int], code: bytes | bytearray, firsts: bytes, is_one: Callable[[int], bool]
) -> tuple[list[int], list[int]]:
    """Offsets of code that begins with one of some bytes and then one that is asked for; and the others."""
    begins = list(map(firsts.__contains__, map(code.__getitem__, offsets)))
    those = [offset for offset in compress(offsets, begins) if is_one(code[offset + 1])]
    if len(those) == sum(begins):
        return those, list(compress(offsets, map(not_, begins)))
    known = set(those)
    return those, [offset for offset in offsets if offset not in known]


def singles(tables: Tables, pristine: bytearray, found: bytes) -> Iterator[Place]:
    """Those that each have a check of their own, where they differ.

    Alternatives come last, as other places lie in them: what was right in these is in pristine by then.
    """

    def differs(offset: int, size: int) -> bool:
        return found[offset : offset + size] != pristine[offset : offset + size]

    for offsets, size in tables.constants.values():
        if offsets:
            values = [found[offset : offset + size] for offset in offsets]
            check = _constant(max(set(values), key=values.count))
            yield from (Place("constant", offset, size, check) for offset in offsets if differs(offset, size))
    for offset, there in tables.alternatives.items():
        size = max([one.size for one in there])
        if differs(offset, size):
            yield Place("alternative", offset, size, _with(there, tables.replacements))
