# SPDX-License-Identifier: GPL-2.0-only
"""x86-64: the text of a kernel against that of its image, byte by byte."""

from __future__ import annotations

import re
import time
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from dataclasses import dataclass
from itertools import chain, repeat
from operator import add, and_, sub
from struct import Struct
from typing import TYPE_CHECKING, Protocol

from ksonde.inspection import Place as Owner

from . import tables as _tables
from .code import CALL, INT3, JUMP, SHORT_JUMP, is_idle, target
from .image import Image, NoImage
from .places import Bad, Context, Kind, Place, kinds, singles, static_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Difference", "Known", "Live", "Result", "compare"]

#: Bytes that differ, with up to three between them that do not.
_RUN = re.compile(rb"[^\0]+(?:\0{1,3}[^\0]+)*")
_PAGE = 4096
#: More of a kind that nobody understands are a kernel that is not understood, not somebody's hooks: but
#: for those that lead out of the text.
_MOST = 32
#: Of a kind that are looked at again, and of all.
_MOST_AGAIN = 256
_MOST_SHOWN = 1024
_LOOKS = 20
_PAUSE = 0.025
#: Begin of what may lead somewhere; what does not is as right elsewhere.
_LEADING = (CALL, JUMP, SHORT_JUMP, 0x0F, 0x2E)
_CALLS_OF_TRACER = ("ftrace_call", "ftrace_regs_call", "ftrace_graph_call")
_CALLERS = ("ftrace_caller", "ftrace_regs_caller", "__fentry__")


@dataclass(frozen=True)
class Known:
    """What the driver knows of an address.

    Attributes:
        owner: of it.
        kprobe: how far before it a kprobe is; -1: none.
        trampoline: it is code that ftrace, kprobes or BPF have made.
        judged: these two are known.
    """

    owner: Owner
    kprobe: int
    trampoline: bool
    judged: bool


class Live(Protocol):
    """The running kernel."""

    symbols: Mapping[str, int]

    def code(self, address: int, size: int) -> bytes:
        """What is there now."""

    def known(self, address: int) -> Known:
        """What the driver knows of it."""


@dataclass(frozen=True)
class Difference:
    """Bytes that should be others.

    Attributes:
        offset: in the text.
        expected, found: they.
        bad: what is wrong with them.
    """

    offset: int
    expected: bytes
    found: bytes
    bad: Bad


@dataclass(frozen=True)
class Result:
    """What a comparison found.

    Attributes:
        checked: bytes of text.
        differences: that should not be.
        why: what was not judged, in words.
    """

    checked: int
    differences: tuple[Difference, ...]
    why: tuple[str, ...]


@dataclass
class _Suspect:
    place: Place
    expected: bytes
    found: bytes
    bad: Bad


def relocated(image: Image, name: str, moved: int) -> bytearray:
    """A section, as it is when the kernel was moved by so much.

    Raises:
        NoImage: the image does not say how.
    """
    text = image.copy_of(name)
    if not moved:
        return text
    lists = image.relocations
    if not 2 <= len(lists) <= 3:
        raise NoImage(f"{image.path} does not say what changes when the kernel is moved")
    base = image.sections[name].address & 0xFFFFFFFF
    # 64 bits, up to v6.14 what is relative to a CPU's own memory, and 32 bits.
    signs = [("<Q", moved), ("<I", -moved), ("<I", moved)]
    if len(lists) == 2:
        del signs[1]
    for each, (layout, by) in zip(lists, signs):
        form = Struct(layout)
        mask = (1 << 8 * form.size) - 1
        # They are in order (sort_relocs() of arch/x86/tools/relocs.c).
        own = each[bisect_left(each, base) : bisect_right(each, base + len(text) - form.size)]
        places = list(map(sub, own.tolist(), repeat(base)))
        before = chain.from_iterable(map(form.unpack_from, repeat(text), places))
        after = map(and_, map(add, before, repeat(by)), repeat(mask))
        deque(map(form.pack_into, repeat(text), places, after), maxlen=0)
    return text


class _Comparison:
    def __init__(self, image: Image, live: Live, kernel: range) -> None:
        self._live = live
        self._image = image
        self._begin = live.symbols["_stext"]
        self._moved = live.symbols["_text"] - image.sections[".text"].address
        self._pristine = relocated(image, ".text", self._moved)
        replacements = bytes(relocated(image, ".altinstr_replacement", self._moved))
        self._tables = _tables.read(image, replacements, live.symbols, self._moved)
        self._callers = {live.symbols.get(name) for name in _CALLERS}
        self._known: dict[int, Known] = {}
        self.unsure: Counter[str] = Counter()
        self.context = Context(
            self._begin, len(self._pristine), self._is_function, self._is_tracer, self._moved, kernel
        )

    def known(self, address: int) -> Known:
        if address not in self._known:
            self._known[address] = self._live.known(address)
        return self._known[address]

    def _is_function(self, address: int) -> bool:
        return bool(self.known(address).owner.symbol)

    def _is_tracer(self, address: int) -> bool:
        if address in (self.context.kernel or range(self._begin, self._begin + len(self._pristine))):
            return address in self._callers
        known = self.known(address)
        if not known.judged:
            self.unsure["calls of tracers were"] += 1
        return known.trampoline or not known.judged

    def read(self) -> bytes:
        return self._live.code(self._begin, len(self._pristine))

    def suspects(self, found: bytes) -> list[_Suspect]:
        """What is not right at the first look; what is right is taken over into the pristine text."""
        pristine = self._pristine
        suspects = [one for kind in list(kinds(self._tables, pristine)) for one in self._of(kind, found)]
        if suspects:
            covered = self._tables.covered()
            for suspect in suspects:
                # What takes the place of all that it lies in is looked at as that.
                begin = suspect.place.offset
                if begin in covered:
                    pristine[begin : begin + suspect.place.size] = suspect.expected
            suspects = [suspect for suspect in suspects if suspect.place.offset not in covered]
        for place in singles(self._tables, pristine, found):
            end = place.offset + place.size
            expected, there = bytes(pristine[place.offset : end]), found[place.offset : end]
            bad = place.check(self.context, place.offset, expected, there)
            if bad is not None:
                suspects.append(_Suspect(place, expected, there, bad))
            pristine[place.offset : end] = there
        return suspects + list(self._rest(found))

    def _of(self, kind: Kind, found: bytes) -> Iterator[_Suspect]:
        # There are a hundred thousand: for most there is no step of Python's own.
        pristine = self._pristine
        size = kind.size
        form = Struct(f"{size}s")
        places = kind.offsets[: bisect_right(kind.offsets, len(found) - size)]
        there = list(chain.from_iterable(map(form.unpack_from, repeat(found), places)))
        forms = set(kind.forms)
        for at, now in zip(places, there) if not forms.issuperset(there) else ():
            if now not in forms and now != pristine[at : at + size]:
                expected = bytes(pristine[at : at + size])
                bad = kind.check(self.context, at, expected, now)
                if bad is not None:
                    yield _Suspect(Place(kind.name, at, size, kind.check), expected, now, bad)
                elif now[0] not in _LEADING:
                    forms.add(now)
        deque(map(form.pack_into, repeat(pristine), places, there), maxlen=0)

    def _rest(self, found: bytes) -> Iterator[_Suspect]:
        """What differs at no known place."""
        pristine = self._pristine
        for page in range(0, len(pristine), _PAGE):
            one, other = pristine[page : page + _PAGE], found[page : page + _PAGE]
            if one == other:
                continue
            differ = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
            for match in _RUN.finditer(differ.to_bytes(len(one), "little")):
                at, size = page + match.start(), match.end() - match.start()
                expected, there = bytes(pristine[at : at + size]), found[at : at + size]
                bad = self._unknown(self.context, at, expected, there)
                if bad is not None:
                    yield _Suspect(Place("code", at, size, self._unknown), expected, there, bad)

    def _unknown(self, context: Context, offset: int, expected: bytes, found: bytes) -> Bad | None:
        """What is at no place that the kernel's tables name; also when it is read once more."""
        if found == expected:
            return None
        if is_idle(expected) and not expected.strip(b"\x90\xcc"):
            # What is there is not reached, if nothing else was changed; some CPUs have calls counted there.
            return Bad("the space between functions was filled", certain=False)
        known = self.known(context.base + offset)
        begin = known.owner.offset
        if known.owner.symbol.startswith("__SCT__") and begin < 5:
            code = self._live.code(context.base + offset - begin, 5)
            return static_call(context, offset - begin, b"", code)
        for name in _CALLS_OF_TRACER:
            at = self._live.symbols.get(name, 0) - context.base
            if at <= offset < at + 5:
                leads = target(self._live.code(context.base + at, 5), context.base + at)
                if leads is not None and (context.is_own(leads) or context.is_function(leads)):
                    return None
        if known.owner.symbol == "hypercall_page":
            return Bad("the hypervisor's page is not compared", certain=False)
        return Bad("the code was changed", self._leads(context, offset))

    def _leads(self, context: Context, offset: int) -> int | None:
        """Where a jump or call that the changed bytes belong to leads, if out of the text."""
        begin = max(offset - 4, 0)
        code = self._live.code(context.base + begin, 16)
        for at in (offset - begin, *range(offset - begin)):
            leads = target(code[at : at + 5], context.base + begin + at)
            if leads is None or code[at] not in (CALL, JUMP) or context.is_own(leads):
                continue
            if at == offset - begin or self.known(leads).owner.symbol:
                return leads
        return None

    def is_probed(self, suspect: _Suspect) -> bool:
        """Whether a kprobe has put it there."""
        begin = self._begin + suspect.place.offset
        for address in (*range(begin, begin + suspect.place.size, 5), begin + suspect.place.size - 1):
            known = self._live.known(address)
            if not known.judged and suspect.found[:1] == bytes((INT3,)):
                self.unsure["breakpoints were"] += 1
                return True
            if known.kprobe >= 0:
                return True
        return False

    def confirmed(self, suspects: list[_Suspect]) -> list[_Suspect]:
        """Those that are wrong whenever they are looked at: code is patched while it is read."""
        if len(suspects) > _MOST_SHOWN:
            self.unsure["places more were"] += len(suspects) - _MOST_SHOWN
        left = [suspect for suspect in suspects[:_MOST_SHOWN] if not self.is_probed(suspect)]
        for _ in range(_LOOKS):
            certain = [suspect for suspect in left if suspect.bad.certain]
            if not certain:
                break
            time.sleep(_PAUSE)
            for suspect in certain:
                place = suspect.place
                found = self._live.code(self._begin + place.offset, place.size)
                bad = place.check(self.context, place.offset, suspect.expected, found)
                if bad is None:
                    left.remove(suspect)
                else:
                    suspect.bad, suspect.found = bad, found
        return [suspect for suspect in left if not self.is_probed(suspect)]

    def _leads_out(self, suspect: _Suspect) -> bool:
        leads = suspect.bad.leads
        return leads is not None and not self.context.is_own(leads)

    def _known_kinds(self, suspects: list[_Suspect], most: int, unsure: Counter[str]) -> list[_Suspect]:
        """Those that lead out, and of the others those of kinds that are not too many; these are counted."""
        many = Counter(one.place.kind for one in suspects if not self._leads_out(one))
        new = {kind: count for kind, count in many.items() if count > most}
        unsure.update(new)
        return [one for one in suspects if self._leads_out(one) or one.place.kind not in new]

    def result(self) -> Result:
        unsure: Counter[str] = Counter()
        # So many of one kind that lead nowhere are not worth a second look.
        suspects = self._known_kinds(self.suspects(self.read()), _MOST_AGAIN, unsure)
        left = self._known_kinds(self.confirmed(suspects), _MOST, unsure)
        certain = [one for one in left if one.bad.certain]
        unsure.update(one.place.kind for one in left if not one.bad.certain)
        why = [f"{count} places were not understood ({kind})" for kind, count in sorted(unsure.items())]
        why += [f"{count} {what} not judged" for what, count in sorted(self.unsure.items())]
        if self._tables.unknown:
            why.append("tables that were not found: " + ", ".join(self._tables.unknown))
        if self._tables.cfi:
            why.append(f"{len(self._tables.cfi)} checks of control flow were not compared")
        return Result(
            len(self._pristine),
            tuple(Difference(one.place.offset, one.expected, one.found, one.bad) for one in certain),
            tuple(why),
        )


def compare(image: Image, live: Live, kernel: range = range(0)) -> Result:
    """The text of the running kernel, or of a module, against that of its image.

    Args:
        image: what it should be.
        live: what it is.
        kernel: the text of the kernel itself, where it is a module's that is compared.

    Raises:
        NoImage: the image cannot be used for that.
    """
    missing = [name for name in ("_text", "_stext", "_etext") if name not in live.symbols]
    if missing:
        raise NoImage(f"the kernel shows no symbol {missing[0]}")
    section = image.sections.get(".text")
    size = live.symbols["_etext"] - live.symbols["_stext"]
    if section is None or section.size != size or live.symbols["_text"] != live.symbols["_stext"]:
        raise NoImage(f"{image.path} has another text than the kernel")
    return _Comparison(image, live, kernel).result()
