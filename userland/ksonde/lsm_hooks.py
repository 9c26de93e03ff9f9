# SPDX-License-Identifier: GPL-2.0-only
"""Who sits in the kernel's LSM hooks, and whether that is as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BadInspection
from .inspection import Finding, Place
from .text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["EVENT", "Callback", "Hook", "Hooks", "booted", "tree"]

#: The number of the event that a finding is, and a change.
EVENT = 705

#: The LSMs that the kernel booted with, by its own word; there where securityfs is mounted.
BOOTED = Path("/sys/kernel/security/lsm")


@dataclass(frozen=True)
class Callback:
    """One of a hook's callbacks.

    Attributes:
        slot: its number in the hook, in the order of the calls.
        lsm: name of the LSM that registered it, by the kernel's data; "" for none.
        function: that was registered.
        called: that the kernel will call, where that is another one.
        code_calls: what the code calls in its place, where that is something else.
        program: BPF programs are attached to it.
    """

    slot: int
    lsm: str
    function: Place
    called: Place | None
    code_calls: tuple[Place, ...]
    program: bool = False

    @classmethod
    def parse(cls, found: Any) -> Callback:
        """A callback as the driver writes it.  KeyError, TypeError."""
        called = found.get("called")
        return cls(
            slot=found["slot"],
            lsm=found["lsm"],
            function=Place.parse(found["function"]),
            called=Place.parse(called) if called is not None else None,
            code_calls=tuple(map(Place.parse, found.get("code_calls", ()))),
            program=bool(found.get("program", False)),
        )


@dataclass(frozen=True)
class Hook:
    """An LSM hook.

    Attributes:
        name: as the kernel's headers have it.
        functions: whose code has the hook.
        callbacks: in the order in which they are called.
        whole: False: the way along the callbacks led to nowhere.
        agree: whether both ways say the same; None: only one knows the hook.
    """

    name: str
    functions: tuple[str, ...]
    callbacks: tuple[Callback, ...]
    whole: bool
    agree: bool | None


@dataclass(frozen=True)
class Hooks:
    """All LSM hooks of the running kernel.

    Attributes:
        kind: lists, static calls, or none.
        by_symbol, by_code: how each way went: found, why (not), and how much was read.
        hooks: all of them.
    """

    kind: str
    by_symbol: dict[str, Any]
    by_code: dict[str, Any]
    hooks: tuple[Hook, ...]

    @classmethod
    def parse(cls, found: dict[str, Any]) -> Hooks:
        """What the driver found.

        Raises:
            BadInspection: it is not what it should look like.
        """
        try:
            return cls(
                kind=found["kind"],
                by_symbol=dict(found["by_symbol"]),
                by_code=dict(found["by_code"]),
                hooks=tuple(
                    Hook(
                        name=hook["hook"],
                        functions=tuple(hook["functions"]),
                        callbacks=tuple(map(Callback.parse, hook["callbacks"])),
                        whole=hook["whole"],
                        agree=hook["agree"],
                    )
                    for hook in found["hooks"]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInspection(f"{type(error).__name__}: {error}") from error

    @property
    def answered(self) -> bool:
        """Whether the callbacks are known: one way at least found the hooks."""
        return bool(self.by_symbol["found"] or self.by_code.get("address") or self.by_code["found"])

    def notes(self) -> list[str]:
        """What could not be found out, and why."""
        ways = (("by symbol", self.by_symbol), ("by code", self.by_code))
        notes = [f"not found {name}: {way['why']}" for name, way in ways if not way["found"]]
        partly = self.by_code.get("partly", 0)
        if partly:
            notes.append(f"the code of {partly} of {self.by_code['read']} places was not understood whole")
        return notes

    def findings(self, lsms: Collection[str] | None) -> list[Finding]:
        """What should not be so.

        Args:
            lsms: the LSMs that the kernel booted with; None: not known.
        """
        return [finding for hook in self.hooks for finding in _judge(hook, lsms)]


def _judge(hook: Hook, lsms: Collection[str] | None) -> Iterator[Finding]:
    explained = False
    for callback in hook.callbacks:
        for finding in _judge_callback(hook.name, callback, lsms):
            explained = True
            yield finding
    if not hook.whole:
        yield Finding(hook.name, "its callbacks cannot be followed to their end", None, EVENT)
    if hook.agree is False and not explained:
        yield Finding(hook.name, "the kernel's table and its code do not say the same", None, EVENT)


def _judge_callback(hook: str, callback: Callback, lsms: Collection[str] | None) -> Iterator[Finding]:
    place = callback.function
    more = {"position": callback.slot, "lsm": callback.lsm}
    if not place.kernel:
        owner = f"of module {place.module}" if place.module else "that nobody owns"
        yield Finding(hook, f"a callback {owner}, which is no LSM of the kernel", place, EVENT, more)
    elif lsms is not None and callback.lsm not in lsms:
        what = f"is of an LSM {callback.lsm!r}" if callback.lsm else "is of no LSM"
        yield Finding(
            hook, f"a callback {what}; the kernel booted with {', '.join(lsms)}", place, EVENT, more
        )
    if callback.called is not None:
        what = f"in place of {place} something else would be called"
        yield Finding(hook, what, callback.called, EVENT, more)
    for called in callback.code_calls:
        what = f"in place of {callback.called or place} the code calls something else"
        yield Finding(hook, what, called, EVENT, more)


def booted(path: Path | None = None) -> tuple[str, ...] | None:
    """The LSMs that the kernel says it booted with; None: it does not say."""
    try:
        names = (path or BOOTED).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return tuple(names.split(",")) if names else None


def tree(found: Hooks, lsms: Collection[str] | None, only: Collection[str] = ()) -> Iterator[str]:
    """The hooks and their callbacks, as lines for people.

    Args:
        found: hooks.
        lsms: that the kernel booted with.
        only: names of hooks; none: all that have callbacks.
    """
    used = [hook for hook in found.hooks if hook.callbacks]
    count = sum(len(hook.callbacks) for hook in used)
    yield (
        f"{plural(len(found.hooks), 'LSM hook')} ({found.kind}), {len(used)} with "
        f"{plural(count, 'callback')}; booted with {printable(', '.join(lsms)) if lsms else 'unknown LSMs'}"
    )
    agree = sum(hook.agree is True for hook in found.hooks)
    one = sum(hook.agree is None for hook in found.hooks)
    yield f"symbols and code agree on {agree}; {one} known in one way only"
    for hook in found.hooks:
        if hook.name in only or (not only and hook.callbacks):
            yield ""
            yield from _branch(hook)


def _branch(hook: Hook) -> Iterator[str]:
    mark = {True: "", False: "  DISAGREE", None: "  (one way)"}[hook.agree]
    yield printable(hook.name) + mark
    width = max((len(callback.lsm) for callback in hook.callbacks), default=0)
    for number, callback in enumerate(hook.callbacks, 1):
        edge = "└─" if number == len(hook.callbacks) else "├─"
        line = f"{edge} {printable(callback.lsm).ljust(width)}  {printable(str(callback.function))}"
        if callback.called is not None:
            line += f"  CALLS {printable(str(callback.called))}"
        if callback.program:
            line += "  with BPF programs"
        for called in callback.code_calls:
            line += f"  CODE CALLS {printable(str(called))}"
        yield line
    if not hook.callbacks:
        yield "└─ nobody"
