# SPDX-License-Identifier: GPL-2.0-only
"""x86-64: the code of all modules against that of their files, byte by byte."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ksonde.errors import DriverError

from .compare import compare
from .exports import Exports
from .image import NoImage
from .linked import link
from .modules import grouped, loaded
from .objects import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .compare import Difference, Known, Live
    from .image import Image
    from .modules import Files, Loaded
    from .objects import Object

__all__ = ["Changed", "ModuleText"]

#: Of the kernel's own symbols, those that modules' code leads to and that are not exported.
_CALLERS = ("ftrace_caller", "ftrace_regs_caller", "__fentry__")


@dataclass(frozen=True)
class Changed:
    """Bytes of a module's code that should be others.

    Attributes:
        module: its name.
        base: address of what the difference counts from.
        difference: it.
    """

    module: str
    base: int
    difference: Difference


class _Module:
    """A module, to who compares a kernel with its image."""

    def __init__(self, live: Live, symbols: dict[str, int]) -> None:
        self._live = live
        callers = {name: live.symbols[name] for name in _CALLERS if name in live.symbols}
        self.symbols: Mapping[str, int] = {**callers, **symbols}

    def code(self, address: int, size: int) -> bytes:
        return self._live.code(address, size)

    def known(self, address: int) -> Known:
        return self._live.known(address)


class ModuleText:
    """Compares.

    Args:
        image: of the kernel, which says where what it exports is.
        live: the kernel.
        files: of the modules.
        root: where the kernel lists them: /sys/module.
    """

    def __init__(self, image: Image, live: Live, files: Files, root: Path) -> None:
        self._live = live
        self._files = files
        self._root = root
        symbols = live.symbols
        if not {"_text", "_stext", "_etext"} <= set(symbols):
            raise NoImage("the kernel does not say where its text is")
        self._kernel = range(symbols["_stext"], symbols["_etext"])
        self._exports = Exports(image, symbols["_text"] - image.sections[".text"].address)
        if not self._exports:
            raise NoImage(f"{image.path} does not say what the kernel exports")
        #: Of modules that others need.
        self._others: dict[str, dict[str, int]] = {}
        self._why: list[tuple[str, str]] = []

    def compare(self) -> tuple[int, list[str], list[Changed]]:
        """All modules: how many bytes were compared, what was not, and what should not be so."""
        checked = 0
        changed: list[Changed] = []
        names = sorted(path.parent.name for path in self._root.glob("*/initstate"))
        for name in names:
            bytes_, differences = self._one(name)
            checked += bytes_
            changed += differences
        return checked, grouped(self._why), changed

    def _one(self, name: str) -> tuple[int, list[Changed]]:
        try:
            module = loaded(name, self._root)
            if module is not None:
                return self._compared(module, self._files.find(module))
        except DriverError as error:
            if error.errno != errno.EFAULT:
                raise
            # It may have gone meanwhile.
            if (self._root / name).exists():
                self._why.append((name, "its code is not where the kernel says"))
        except NoImage as error:
            self._why.append((name, str(error)))
        except DAMAGED as error:
            self._why.append((name, f"its file is damaged: {error}"))
        return 0, []

    def _compared(self, module: Loaded, found: Object) -> tuple[int, list[Changed]]:
        needed = found.needs()

        def exported(name: str) -> int | None:
            address = self._exports.get(name)
            if address is None:
                address = next((there[name] for there in map(self._of, needed) if name in there), None)
            return self._exports.get_by_end(name) if address is None else address

        linked = link(found, module.sections, exported, self._live.code)
        owner = self._live.known(linked.symbols["_text"]).owner
        if owner.module not in ("", module.name):
            raise NoImage(f"the kernel says that its code is where that of {owner.module} is")
        result = compare(linked.image, _Module(self._live, linked.symbols), self._kernel)
        if result.differences and loaded(module.name, self._root) != module:
            return 0, []
        self._why += [(module.name, why) for why in result.why]
        if linked.unknown:
            count, names = sum(linked.unknown.values()), ", ".join(sorted(linked.unknown))
            self._why.append((module.name, f"{count} places refer to what was not found ({names})"))
        base = linked.symbols["_text"]
        return linked.checked, [Changed(module.name, base, one) for one in result.differences]

    def _of(self, name: str) -> dict[str, int]:
        """What a module has for others; nothing where its file is not to be had."""
        if name not in self._others:
            self._others[name] = {}
            try:
                module = loaded(name, self._root)
                if module is not None:
                    self._others[name] = self._files.find(module).exports(module.sections)
            except (NoImage, *DAMAGED):
                pass
        return self._others[name]
