# SPDX-License-Identifier: GPL-2.0-only
"""Profiles: named choices of events, the driver's own and those of TOML files.

    # /etc/ksonde/profiles/web.toml
    description = "what a web server should not do"
    extends = "default"
    events = ["fork", "exit"]

    [[filter]]
    action = "exclude"
    events = ["create_file"]
    exe_prefix = "/usr/lib/apt/"

    [[limit]]
    events = ["connect"]
    per_second = 5000
    per_process = 500

    [port_scan]
    ports = 5

A file is looked for by its name without .toml in the user's folder, then in the system's; a path (with a
slash, or that ends with .toml) is taken as it is.  What a profile has is checked in two steps: its form when
it is read, its events against a schema, so that a file can be looked at where no module is loaded.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import limits as _limits
from . import portscan as _portscan
from .errors import BadLimit, BadPortScan, BadProfile, BadRule, UnknownEvent, UnknownProfile
from .limits import Limit
from .portscan import PortScan
from .rules import Rule, cgroup_number, check, namespace_number, network, user_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .schema import Schema

__all__ = ["BUILT_IN", "Profile", "folders", "listed", "read"]

#: The driver's own, and the letter that its schema has for them.
BUILT_IN = {"default": "D", "sandbox": "S"}
_BUILT_IN_WHAT = {"default": "what is worth a record on every host", "sandbox": "default, and all the rest"}

SYSTEM = Path("/etc/ksonde/profiles")
SUFFIX = ".toml"
#: Bytes of a file, and profiles that extend each other, at most.
SIZE_MAX = 1 << 20
DEPTH_MAX = 16

_KEYS = ("description", "extends", "events", "filter", "limit", "port_scan")
_LIMIT_KEYS = ("events", "per_second", "per_process")
_FILTER_KEYS = (
    "action", "events", "uid", "exe", "exe_prefix", "mnt_ns", "pid_ns", "cgroup", "path_prefix", "network",
)  # fmt: skip
#: Keys of a filter that are a number, or a text that leads to one.
_NUMBERS = {
    "uid": user_number,
    "mnt_ns": namespace_number,
    "pid_ns": namespace_number,
    "cgroup": cgroup_number,
}
#: A [[filter]] or a [[limit]], and the how many-th.
_Table = tuple[str, int]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Profile:
    """A profile as it was read.

    Attributes:
        name: how it is called.
        path: of its file; None: it is the driver's.
        description: what it is for.
        own: names of the events that it adds to those of what it extends.
        filters: rules that it adds to those of what it extends.
        tables: which [[filter]] each of them is of.
        own_limits: limits that it adds to those of what it extends; of an event it replaces theirs.
        scan: what is a scan of ports; what it leaves open is as what it extends has it.
        parent: the profile that it extends.
    """

    name: str
    path: Path | None
    description: str = ""
    own: tuple[str, ...] = ()
    filters: tuple[Rule, ...] = ()
    tables: tuple[int, ...] = ()
    own_limits: tuple[Limit, ...] = ()
    scan: PortScan = field(default_factory=PortScan)
    parent: Profile | None = None
    text: str = field(default="", repr=False, compare=False)

    def chain(self) -> Iterator[Profile]:
        """It, and what it extends, in that order."""
        profile: Profile | None = self
        while profile is not None:
            yield profile
            profile = profile.parent

    def events(self, schema: Schema) -> tuple[str, ...]:
        """Names of its events, each once: of what it extends first.

        Raises:
            BadProfile: the schema has no such event.
        """
        names: list[str] = []
        for profile in reversed(list(self.chain())):
            names += profile._events(schema)
        return tuple(dict.fromkeys(names))

    def rules(self, schema: Schema) -> tuple[Rule, ...]:
        """Its rules: of what it extends first.

        Raises:
            BadProfile: a rule that can never match, or too many of them.
        """
        origin = [
            (profile, number)
            for profile in reversed(list(self.chain()))
            for number in range(len(profile.filters))
        ]
        rules = tuple(profile.filters[number] for profile, number in origin)
        for profile, number in origin:
            for name in profile.filters[number].events:
                profile._check_event(schema, name, ("filter", profile.tables[number]))
        try:
            check(rules, self.events(schema), schema)
        except BadRule as error:
            profile, number = origin[error.number]
            table = profile.tables[number]
            raise profile.wrong(
                f"filter {table + 1}: {error.reason}", error.hint, table=("filter", table)
            ) from None
        return rules

    def limits(self, schema: Schema) -> tuple[Limit, ...]:
        """Its limits; of what it extends those of events that it does not limit itself.

        Raises:
            BadProfile: a limit that makes no sense.
        """
        events = self.events(schema)
        found: list[Limit] = []
        for profile in self.chain():
            for number, limit in enumerate(profile.own_limits):
                for name in limit.events:
                    profile._check_event(schema, name, ("limit", number))
            try:
                _limits.check(profile.own_limits, events, schema)
            except BadLimit as error:
                table = ("limit", error.number)
                raise profile.wrong(
                    f"limit {error.number + 1}: {error.reason}", error.hint, table=table
                ) from None
            limited = {name for limit in found for name in limit.events}
            for limit in profile.own_limits:
                names = tuple(name for name in limit.events if name not in limited)
                if names:
                    found.append(replace(limit, events=names))
        return tuple(found)

    def port_scan(self, schema: Schema) -> PortScan:
        """What is a scan of ports.

        Raises:
            BadProfile: it makes no sense.
        """
        events = self.events(schema)
        found = PortScan()
        for profile in self.chain():
            try:
                _portscan.check(profile.scan, events)
            except BadPortScan as error:
                raise profile.wrong(str(error), error.hint, key=error.name or "port_scan") from None
            found = found.over(profile.scan)
        return found

    def _events(self, schema: Schema) -> Iterable[str]:
        if self.path is None:
            return schema.profile(BUILT_IN[self.name])
        for name in self.own:
            self._check_event(schema, name)
        return self.own

    def _check_event(self, schema: Schema, name: str, table: _Table | None = None) -> None:
        try:
            schema.event(name)
        except UnknownEvent as error:
            raise self.wrong(str(error), error.hint, value=name, table=table) from None

    def wrong(
        self,
        message: str,
        hint: str = "",
        *,
        key: str | None = None,
        value: Any = None,
        table: _Table | None = None,
    ) -> BadProfile:
        """What is to be raised about a key, or a text that stands in the file, or in that table."""
        return BadProfile(str(self.path), _line(self.text, key, value, table), message, hint)


def folders() -> tuple[Path, ...]:
    """Where profiles are looked for: the first that has a name wins."""
    home = os.environ.get("XDG_CONFIG_HOME") or ""
    config = Path(home) if home.startswith("/") else Path("~/.config").expanduser()
    return (config / "ksonde" / "profiles", SYSTEM)


def listed() -> dict[str, Path | None]:
    """Names of all profiles, and their files."""
    found: dict[str, Path | None] = dict.fromkeys(BUILT_IN)
    for folder in folders():
        try:
            paths = sorted(folder.iterdir())
        except OSError:
            continue
        for path in paths:
            if path.suffix == SUFFIX and _NAME.fullmatch(path.stem):
                found.setdefault(path.stem, path)
    return found


def read(name: str) -> Profile:
    """The profile of that name, or in the file of that path, with what it extends.

    Raises:
        UnknownProfile: there is none of that name.
        BadProfile: its file, or one that it extends, is wrong.
        OSError: a file cannot be read.
    """
    return _read(name, Path(), ())


def is_path(name: str) -> bool:
    """It is a path and no name."""
    return "/" in name or name.endswith(SUFFIX)


def _read(name: str, folder: Path, below: tuple[Path, ...]) -> Profile:
    """The same; folder: where relative paths begin; below: files that extend it."""
    path: Path | None
    if is_path(name):
        path = folder / Path(name).expanduser()
    else:
        known = listed()
        if name not in known:
            nearest = get_close_matches(name, known, 1, 0.5)
            raise UnknownProfile(name, nearest[0] if nearest else None, known)
        path = known[name]
    if path is None:
        return Profile(name, None, _BUILT_IN_WHAT[name])
    return _read_file(path, below)


def _read_file(path: Path, below: tuple[Path, ...]) -> Profile:
    with path.open("rb") as file:
        data = file.read(SIZE_MAX + 1)
    table, text = _parse(path, data)
    bare = Profile(path.stem, path, text=text)
    _check(bare, table)
    parent = None
    if "extends" in table:
        wanted = table["extends"]
        try:
            real = path.resolve()
            if real in below or len(below) >= DEPTH_MAX:
                raise bare.wrong("it extends itself", "end the circle", key="extends")
            parent = _read(wanted, path.parent, (*below, real))
        except UnknownProfile as error:
            raise bare.wrong(str(error), error.hint, key="extends") from None
        except OSError as error:
            raise bare.wrong(f"cannot read {wanted}: {error.strerror or error}", key="extends") from None
    own = tuple(dict.fromkeys(table.get("events", ())))
    rows = table.get("filter", ())
    filters = [(rule, number) for number, row in enumerate(rows) for rule in _filter(bare, number, row)]
    limited = tuple(_limit(bare, number, row) for number, row in enumerate(table.get("limit", ())))
    if parent is None and not own:
        raise bare.wrong("it has no events", 'say events = ["execve"], or extends = "default"')
    return replace(
        bare,
        description=table.get("description", ""),
        own=own,
        filters=tuple(rule for rule, _ in filters),
        tables=tuple(number for _, number in filters),
        own_limits=limited,
        scan=_scan(bare, table.get("port_scan", {})),
        parent=parent,
    )


def _parse(path: Path, data: bytes) -> tuple[dict[str, Any], str]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    if len(data) > SIZE_MAX:
        raise BadProfile(str(path), 1, f"it is longer than {SIZE_MAX} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadProfile(str(path), data.count(b"\n", 0, error.start) + 1, "it is no UTF-8") from None
    # As TOML reads it.
    text = text.replace("\r\n", "\n")
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        number = re.match(r"line (\d+)", place)
        line = int(number[1]) if number else text.count("\n") + 1
        raise BadProfile(str(path), line, message[:1].lower() + message[1:]) from None
    except RecursionError:
        raise BadProfile(str(path), 1, "it is nested too deeply") from None


def _check(profile: Profile, table: dict[str, Any]) -> None:
    """Keys and types."""
    _check_keys(profile, table, _KEYS)
    for key in ("description", "extends"):
        if not isinstance(table.get(key, ""), str):
            raise profile.wrong(f"{key} is no string", f'say {key} = "..."', key=key)
    _check_names(profile, table)
    for key in ("filter", "limit"):
        rows = table.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise profile.wrong(f"{key} is no list of tables", f"begin each with [[{key}]]", key=key)
    if not isinstance(table.get("port_scan", {}), dict):
        raise profile.wrong("port_scan is no table", "begin it with [port_scan]", key="port_scan")
    if profile.name in BUILT_IN and profile.path is not None and profile.path.parent in folders():
        raise profile.wrong(f"the driver has a profile {profile.name} already", "give the file another name")


def _check_keys(
    profile: Profile, table: dict[str, Any], keys: tuple[str, ...], where: _Table | None = None
) -> None:
    for key in table:
        if key not in keys:
            nearest = get_close_matches(key, keys, 1, 0.5)
            hint = f"did you mean {nearest[0]}?" if nearest else f"the keys are {', '.join(keys)}"
            raise profile.wrong(f"there is no key {key!r}", hint, key=key, table=where)


def _check_names(profile: Profile, table: dict[str, Any], where: _Table | None = None) -> None:
    events = table.get("events", [])
    if not isinstance(events, list) or not all(isinstance(name, str) for name in events):
        hint = 'say events = ["execve", "connect"]'
        raise profile.wrong("events is no list of names", hint, key="events", table=where)


def _filter(profile: Profile, number: int, row: dict[str, Any]) -> list[Rule]:
    """A [[filter]]: a rule, or one for each of its networks."""
    where = ("filter", number)
    _check_keys(profile, row, _FILTER_KEYS, where)
    _check_names(profile, row, where)
    action = row.get("action")
    if action not in ("include", "exclude"):
        raise profile.wrong(
            "a filter has no action" if action is None else f"there is no action {action!r}",
            'say action = "include" or action = "exclude"',
            key=None if action is None else "action",
            table=where,
        )
    values: dict[str, Any] = {}
    for key in ("exe", "exe_prefix", "path_prefix"):
        if key in row:
            values[key] = row[key]
            if not isinstance(row[key], str):
                raise profile.wrong(f"{key} is no string", f'say {key} = "/..."', key=key, table=where)
    for key, parse in _NUMBERS.items():
        if key in row:
            try:
                values[key] = parse(row[key])
            except ValueError as error:
                raise profile.wrong(f"{key}: {error}", key=key, table=where) from None
    rule = Rule(action, tuple(dict.fromkeys(row.get("events", ()))), **values)
    return [replace(rule, network=one) for one in _networks(profile, row, where)]


def _networks(profile: Profile, row: dict[str, Any], where: _Table) -> Iterable[str | None]:
    if "network" not in row:
        return (None,)
    asked = row["network"] if isinstance(row["network"], list) else [row["network"]]
    if not asked or not all(isinstance(one, str) for one in asked):
        hint = 'say network = "192.0.2.0/24", or network = ["192.0.2.0/24", "2001:db8::/32"]'
        raise profile.wrong("network is no string and no list of them", hint, key="network", table=where)
    one = None
    try:
        for one in asked:
            network(one)
    except ValueError as error:
        raise profile.wrong(f"network: {error}", value=one, table=where) from None
    return dict.fromkeys(asked)


def _scan(profile: Profile, row: dict[str, Any]) -> PortScan:
    """The [port_scan]."""
    _check_keys(profile, row, _portscan.NAMES)
    for key, value in row.items():
        if key == "loopback" and not isinstance(value, bool):
            raise profile.wrong("loopback is neither true nor false", "say loopback = true", key=key)
        if key != "loopback" and (isinstance(value, bool) or not isinstance(value, int)):
            raise profile.wrong(f"{key} is no number", f"say {key} = 20", key=key)
    return PortScan(**row)


def _limit(profile: Profile, number: int, row: dict[str, Any]) -> Limit:
    """A [[limit]]."""
    where = ("limit", number)
    _check_keys(profile, row, _LIMIT_KEYS, where)
    _check_names(profile, row, where)
    for key in ("per_second", "per_process"):
        if key in row and (isinstance(row[key], bool) or not isinstance(row[key], int)):
            raise profile.wrong(f"{key} is no number", f"say {key} = 500", key=key, table=where)
    names = tuple(dict.fromkeys(row.get("events", ())))
    return Limit(names, row.get("per_second"), row.get("per_process"))


_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[A-Za-z0-9_-]+|\n|.',
    re.DOTALL,
)


def _line(text: str, key: str | None, value: Any, table: _Table | None) -> int:
    """The line of a key, or of a string, in that table or anywhere.

    That of the table, or the first, where it cannot be found: it was written with escapes, say.
    """
    line = 1
    tokens = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if not token.isspace() and token[0] != "#":
            tokens.append((token, line))
        line += token.count("\n")
    found = 1
    if table is not None:
        words = [token for token, _ in tokens]
        heads = [["[", "[", kind, "]", "]"] for kind in ("filter", "limit")]
        begins = [at for at in range(len(words)) if words[at : at + 5] in heads]
        mine = [at for at in begins if words[at + 2] == table[0]]
        if table[1] < len(mine):
            begin = mine[table[1]]
            tokens = tokens[begin : min((at for at in begins if at > begin), default=len(words))]
            found = tokens[0][1]
    for (token, number), (follows, _) in zip(tokens, [*tokens[1:], ("", 0)]):
        if key is not None and token.strip("\"'") == key and follows in ("=", ".", "]"):
            return number
        if value is not None and token[0] in "\"'" and token.strip("\"'") == value and follows != "=":
            return number
    return found
