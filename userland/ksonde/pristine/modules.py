# SPDX-License-Identifier: GPL-2.0-only
"""The modules that are loaded, and the files that they came from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .image import NoImage, build_id, read, unpacked
from .objects import DAMAGED, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .objects import Object

__all__ = ["Files", "Loaded", "loaded"]

#: What the file of a module may end with.
_ENDS = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")
_BUILD_ID = "notes/.note.gnu.build-id"


@dataclass(frozen=True)
class Loaded:
    """A module that is there.

    Attributes:
        name: of it.
        sections: addresses by name; also of what was freed when it had started.
        build: its build id, b"" when it has none.
    """

    name: str
    sections: Mapping[str, int]
    build: bytes


def loaded(name: str, root: Path) -> Loaded | None:
    """What the kernel says of a module in /sys/module; None: it is not there, or not quite.

    Raises:
        NoImage: it does not say where the module is.
    """
    folder = root / name
    try:
        if (folder / "initstate").read_bytes() != b"live\n":
            return None
        sections = dict(_sections(str(folder / "sections")))
        notes = folder / _BUILD_ID
        build = build_id(notes.read_bytes()) if notes.exists() else b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise NoImage(f"the kernel does not say where it is: {error}") from error
    if not any(sections.values()):
        raise NoImage("the kernel does not say where it is")
    return Loaded(name, sections, build)


def _sections(folder: str) -> Iterator[tuple[str, int]]:
    # There are forty of each module.
    for entry in os.listdir(folder):  # noqa: PTH208
        file = os.open(f"{folder}/{entry}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield entry, int(os.read(file, 64), 16)
        finally:
            os.close(file)


class Files:
    """Finds and reads modules' files.

    Args:
        root: where those of the running kernel are: /lib/modules/RELEASE.
        more: folders, or files, that are looked at before.
    """

    def __init__(self, root: Path, more: Sequence[Path] = ()) -> None:
        self._root = root
        self._more = more
        self._known: dict[tuple[str, bytes], Object] = {}
        self._paths: dict[str, list[str]] | None = None

    def find(self, module: Loaded) -> Object:
        """The file of a module.

        Raises:
            NoImage: none, or none of the same build.
        """
        key = (module.name, module.build)
        if key not in self._known:
            if not module.build:
                raise NoImage("it has no build id")
            self._known[key] = self._find(module)
        return self._known[key]

    def _find(self, module: Loaded) -> Object:
        why = "no file of it was found"
        for path in self._candidates(module.name):
            if not path.exists():
                continue
            found = _parsed(path)
            if not isinstance(found, str) and build_id(found.notes()) == module.build:
                return found
            why = found if isinstance(found, str) else f"{path} is of another build"
        raise NoImage(why)

    def _candidates(self, name: str) -> Iterator[Path]:
        for place in self._more:
            if place.is_dir():
                for spelled in dict.fromkeys((name, name.replace("_", "-"))):
                    yield from (place / f"{spelled}{end}" for end in _ENDS)
            elif _name(place.name) == name:
                yield place
        if self._paths is None:
            self._paths = self._listed()
        yield from (self._root / path for path in self._paths.get(name, ()))

    def _listed(self) -> dict[str, list[str]]:
        """All that modules.dep lists, by name; what comes first counts first."""
        paths: dict[str, list[str]] = {}
        try:
            lines = (self._root / "modules.dep").read_text(errors="surrogateescape").splitlines()
        except OSError:
            return paths
        for line in lines:
            path = line.partition(":")[0]
            paths.setdefault(_name(path.rpartition("/")[2]), []).append(path)
        return paths


def _parsed(path: Path) -> Object | str:
    """A module's file; a sentence where it is none."""
    try:
        return parse(str(path), unpacked(read(str(path))))
    except OSError as error:
        return f"{path}: {error.strerror}"
    except NoImage as error:
        return f"{path}: {error}"
    except DAMAGED as error:
        return f"{path} is damaged: {error}"


def _name(file: str) -> str:
    """Of a module, by that of its file."""
    return file.partition(".ko")[0].replace("-", "_")


def grouped(why: Sequence[tuple[str, str]]) -> list[str]:
    """Modules that were not compared, by the reason: a sentence each."""
    by: dict[str, list[str]] = {}
    for name, reason in why:
        by.setdefault(reason, []).append(name)
    return [f"{', '.join(sorted(names))}: {reason}" for reason, names in by.items()]
