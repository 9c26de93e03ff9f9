# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that are installed, and the one that the next boot will take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksonde.machine import Machine

_GRUB = ("/boot/grub/", "/boot/grub2/")
_ENTRIES = ("/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries")
_BLOCK = re.compile(r"^\s*(menuentry|submenu|linux(?:16|efi)?)\s+(.*)$|^\s*(\})")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"|(\S+)")
_IMAGE = re.compile(r"vmlinu[zx]-(\S+)")


@dataclass(frozen=True)
class NextBoot:
    """The kernel of the next boot, and how that was determined."""

    release: str
    how: str


def installed(machine: Machine) -> list[str]:
    """The kernels that can be booted: with modules, and an image.  The newest first.

    Where no image is to be seen (another /boot, a machine booted from outside), modules are enough.
    """
    folder = machine.path("/lib/modules")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    with_modules = [name for name in names if (folder / name / "kernel").is_dir()]
    with_image = [name for name in with_modules if _has_image(machine, name)]
    return sorted(with_image or with_modules, key=version_key, reverse=True)


def _has_image(machine: Machine, release: str) -> bool:
    places = [f"/boot/vmlinuz-{release}", f"/boot/vmlinux-{release}", f"/lib/modules/{release}/vmlinuz"]
    return any(machine.path(place).is_file() for place in places)


def version_key(release: str) -> list[tuple[int, int, str]]:
    """Sorts 6.1.0-9 before 6.1.0-10, and 6.2-rc1 before 6.2."""
    parts = re.findall(r"\d+|[a-z]+|~", release.replace("-rc", "~rc"))
    key = [(1, int(part), "") if part.isdigit() else (-1 if part == "~" else 0, 0, part) for part in parts]
    return [*key, (0, 0, "")]


def next_boot(machine: Machine, kernels: list[str]) -> Optional[NextBoot]:
    """The kernel that the boot loader will take; where that cannot be read, the newest one."""
    for found in (_grub(machine), _systemd_boot(machine)):
        if found is not None and found.release in kernels:
            return found
    if not kernels:
        return None
    return NextBoot(kernels[0], "the newest one: no boot loader's choice can be read")


# -------------------------------------------------------------------- GRUB


@dataclass
class _Entry:
    """An entry of a menu: what it may be called by, and its kernel."""

    names: tuple[str, ...]
    release: str = ""


def _grub(machine: Machine) -> Optional[NextBoot]:
    for folder in _GRUB:
        config = machine.read(f"{folder}grub.cfg")
        if config is None:
            continue
        entries = list(_bls(machine)) if "blscfg" in config else list(_menu(config))
        wanted, how = _grub_choice(machine, folder, config)
        entry = _choose(entries, wanted)
        if entry is not None and entry.release:
            return NextBoot(entry.release, how)
    return None


def _grub_choice(machine: Machine, folder: str, config: str) -> tuple[str, str]:
    """What names the default entry, and where it is said."""
    environment = dict(
        line.split("=", 1)
        for line in (machine.read(f"{folder}grubenv") or "").splitlines()
        if "=" in line and not line.startswith("#")
    )
    if environment.get("next_entry"):
        return environment["next_entry"], f"next_entry of {folder}grubenv"
    defaults = re.findall(r"^\s*set default=(?:\"([^\"]*)\"|'([^']*)'|(\S+))", config, re.MULTILINE)
    values = ["".join(groups) for groups in defaults]
    saved = any("${saved_entry}" in value for value in values)
    if saved and environment.get("saved_entry"):
        return environment["saved_entry"], f"saved_entry of {folder}grubenv"
    fixed = next((value for value in values if "$" not in value), "0")
    return fixed, f"the default entry of {folder}grub.cfg"


def _menu(config: str) -> Iterator[_Entry]:
    """The entries in order, as titles and ids and as numbers of nested menus: 1>0."""
    open_blocks: list[tuple[str, tuple[str, ...]]] = []
    counts = [0]
    for line in config.splitlines():
        match = _BLOCK.match(line)
        if match is None:
            continue
        kind, rest, closes = match.groups()
        if closes:
            if open_blocks and open_blocks.pop()[0] == "submenu":
                counts.pop()
            continue
        if kind in ("menuentry", "submenu"):
            outer = open_blocks[-1][1] if open_blocks else ("",)
            own = (str(counts[-1]), *_labels(rest))
            counts[-1] += 1
            names = tuple(f"{above}>{name}" if above else name for above in outer for name in own)
            open_blocks.append((kind, names))
            if kind == "submenu":
                counts.append(0)
        elif open_blocks and open_blocks[-1][0] == "menuentry":
            image = _IMAGE.search(rest)
            yield _Entry(open_blocks[-1][1], image[1] if image else "")


def _labels(rest: str) -> Iterator[str]:
    """Title and id of a menuentry line."""
    words = ["".join(groups) for groups in _QUOTED.findall(rest)]
    yield words[0] if words else ""
    for option, value in zip(words, words[1:]):
        if option in ("--id", "$menuentry_id_option", "${menuentry_id_option}"):
            yield value


def _bls(machine: Machine) -> Iterator[_Entry]:
    """Entries of the boot loader specification, the newest first, as GRUB and systemd-boot sort them."""
    found: list[tuple[str, str, str]] = []
    for folder in _ENTRIES:
        place = machine.path(folder)
        for path in sorted(place.glob("*.conf")) if place.is_dir() else ():
            text = path.read_text("utf-8", "replace")
            keys = dict(line.strip().split(None, 1) for line in text.splitlines() if len(line.split()) > 1)
            image = _IMAGE.search(keys.get("linux", ""))
            release = keys.get("version") or (image[1] if image else "")
            found.append((release, path.stem, keys.get("title", "")))
    found.sort(key=lambda entry: version_key(entry[0]), reverse=True)
    for number, (release, stem, title) in enumerate(found):
        yield _Entry((str(number), stem, f"{stem}.conf", title), release)


def _choose(entries: list[_Entry], wanted: str) -> Optional[_Entry]:
    """GRUB takes the first entry when there is none of that name."""
    named = (entry for entry in entries if wanted in entry.names)
    inside = (entry for entry in entries if any(name.startswith(f"{wanted}>") for name in entry.names))
    return next(named, None) or next(inside, None) or next(iter(entries), None)


# ------------------------------------------------------------ systemd-boot


def _systemd_boot(machine: Machine) -> Optional[NextBoot]:
    for folder in ("/boot/loader", "/efi/loader", "/boot/efi/loader"):
        config = machine.read(f"{folder}/loader.conf")
        if config is None:
            continue
        entries = list(_bls(machine))
        match = re.search(r"^default\s+(\S+)", config, re.MULTILINE)
        pattern = match[1] if match else "*"
        for entry in entries:
            if any(_matches(name, pattern) for name in entry.names[1:3]) and entry.release:
                return NextBoot(entry.release, f"the default of {folder}/loader.conf")
    return None


def _matches(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(name, pattern)
