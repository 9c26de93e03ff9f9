# SPDX-License-Identifier: GPL-2.0-only
"""Profiles: what is found, what is made of it, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import SCHEMA
from ksonde import profiles
from ksonde.errors import BadProfile, UnknownProfile
from ksonde.limits import Limit
from ksonde.portscan import PortScan
from ksonde.profiles import read
from ksonde.rules import Rule


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of profiles; the system's is next to it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(profiles, "SYSTEM", tmp_path / "etc")
    (tmp_path / "etc").mkdir()
    home = tmp_path / "config" / "ksonde" / "profiles"
    home.mkdir(parents=True)
    return home


def put(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_drivers_own() -> None:
    assert read("default").events(SCHEMA) == SCHEMA.profile("D")
    assert read("sandbox").events(SCHEMA) == SCHEMA.profile("S")
    assert list(profiles.listed()) == ["default", "sandbox"]


def test_a_file_extends(home: Path) -> None:
    put(home / "web.toml", 'description = "a web server"\nextends = "default"\nevents = ["fork", "execve"]\n')
    put(home / "more.toml", 'extends = "./web.toml"\nevents = [\n  "exit",\n]\n')
    web, more = read("web"), read("more")
    assert web.events(SCHEMA) == (*SCHEMA.profile("D"), "fork")
    assert more.events(SCHEMA) == (*web.events(SCHEMA), "exit")
    assert (web.description, more.description) == ("a web server", "")
    assert [one.name for one in more.chain()] == ["more", "web", "default"]
    assert read(str(home / "more.toml")) == more


def test_the_users_folder_wins(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / "one.toml", 'events = ["exit"]')
    put(tmp_path / "etc" / "one.toml", 'events = ["fork"]')
    put(tmp_path / "etc" / "two.toml", 'events = ["fork"]')
    put(tmp_path / "etc" / "README", "nothing")
    assert list(profiles.listed()) == ["default", "sandbox", "one", "two"]
    assert read("one").events(SCHEMA) == ("exit",)
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert profiles.folders()[0] == tmp_path / ".config" / "ksonde" / "profiles"
    assert read("one").events(SCHEMA) == ("fork",)


#: One that is right, and the begin of another one.
FILTERS = """
events = ["exit", "connect"]

[[filter]]
action = "exclude" # "exclud"
events = ["exit"]

[[filter]]
"""


WATCHING = '[[filter]]\naction = "include"\nevents = ["file_write"]\npath_prefix = "/etc/"\n'


def test_filters_by_path(home: Path) -> None:
    put(home / "etc.toml", 'events = ["file_write"]\n' + WATCHING)
    assert read("etc").rules(SCHEMA) == (Rule("include", ("file_write",), path_prefix="/etc/"),)


def test_filters(home: Path) -> None:
    more = 'action = "include"\nuid = 33\nmnt_ns = "/proc/self/ns/mnt"\nexe_prefix = "/usr/"\n'
    put(home / "base.toml", FILTERS + more)
    put(home / "web.toml", 'extends = "base"\n[[filter]]\naction = "exclude"\nuid = "root"\npid_ns = 7\n')
    namespace = Path("/proc/self/ns/mnt").stat().st_ino
    base = (
        Rule("exclude", ("exit",)),
        Rule("include", uid=33, mnt_ns=namespace, exe_prefix="/usr/"),
    )
    assert read("base").rules(SCHEMA) == base
    assert read("web").rules(SCHEMA) == (*base, Rule("exclude", uid=0, pid_ns=7))
    assert read("default").rules(SCHEMA) == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('action = "include"\nevents = ["exit",\n"exut"]', 11, "there is no event 'exut'"),
        ('action = "include"\nevents = ["exit"]', 8, "filter 2: it can never match: rule 1 excludes all"),
        ('action = "include"\nevents = ["fork"]', 8, "filter 2: it can never match: the session does not"),
        ('action = "include"\nexe = "bin/x"', 8, "filter 2: it can never match: the path of an exe"),
        (
            'action = "include"\n' * 1 + '[[filter]]\naction = "include"\n' * 63,
            134,
            "filter 65: there are 65",
        ),
    ],
)
def test_filters_that_can_never_match(home: Path, text: str, line: int, message: str) -> None:
    put(home / "wrong.toml", FILTERS + text)
    put(home / "above.toml", 'extends = "wrong"\n[[filter]]\naction = "exclude"\nuid = 7\n')
    with pytest.raises(BadProfile) as caught:
        read("above" if line < 100 else "wrong").rules(SCHEMA)
    assert (Path(caught.value.path).name, caught.value.line) == ("wrong.toml", line)
    assert caught.value.reason.startswith(message)


#: One that is right, one of the other kind, and the begin of another one.
LIMITS = """
events = ["exit", "connect"]
[[limit]]
events = ["exit"]
per_second = 5
[[filter]]
action = "exclude"
uid = 3
[[limit]]
"""


def test_limits(home: Path) -> None:
    put(home / "base.toml", LIMITS + 'events = ["connect"]\nper_process = 7')
    put(home / "web.toml", 'extends = "base"\n[[limit]]\nevents = ["exit", "exit"]\nper_second = 9\n')
    base = (Limit(("exit",), per_second=5), Limit(("connect",), per_process=7))
    assert read("base").limits(SCHEMA) == base
    assert read("web").limits(SCHEMA) == (Limit(("exit",), per_second=9), base[1])
    assert read("default").limits(SCHEMA) == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('events = ["connect",\n"exut"]\nper_second = 1', 11, "there is no event 'exut'"),
        ('events = ["connect"]', 9, "limit 2: it has neither per_second nor per_process"),
        ('events = ["connect"]\nper_second = 0', 9, "limit 2: per_second is 0, not from 1 to 100000"),
        ('events = ["connect"]\nper_process = 100001', 9, "limit 2: per_process is 100001, not from"),
        ('events = ["connect"]\nper_process = 3\nper_second = 2', 9, "limit 2: per_process is more than"),
        ('events = ["exit"]\nper_second = 1', 9, "limit 2: limit 1 is about exit, too"),
        ("per_second = 1", 9, "limit 2: it names no events"),
        ('events = ["lost"]\nper_second = 1', 9, "limit 2: lost always comes"),
        ('events = ["fork"]\nper_second = 1', 9, "limit 2: the session does not record fork"),
    ],
)
def test_limits_that_make_no_sense(home: Path, text: str, line: int, message: str) -> None:
    put(home / "wrong.toml", LIMITS + text)
    put(home / "above.toml", 'extends = "wrong"\n[[limit]]\nevents = ["exit"]\nper_second = 7\n')
    with pytest.raises(BadProfile) as caught:
        read("above").limits(SCHEMA)
    assert (Path(caught.value.path).name, caught.value.line) == ("wrong.toml", line)
    assert caught.value.reason.startswith(message)


def test_networks(home: Path) -> None:
    """A filter with several of them is a rule for each, and one filter."""
    one = '[[filter]]\naction = "exclude"\nevents = ["connect"]\n'
    several = 'network = ["192.0.2.0/24", "2001:db8::1", "192.0.2.0/24"]\n'
    put(
        home / "net.toml",
        'events = ["connect"]\n' + one + several + one + 'network = "10.0.0.0/8"\nuid = 3\n',
    )
    assert read("net").rules(SCHEMA) == (
        Rule("exclude", ("connect",), network="192.0.2.0/24"),
        Rule("exclude", ("connect",), network="2001:db8::1"),
        Rule("exclude", ("connect",), network="10.0.0.0/8", uid=3),
    )
    put(home / "net.toml", 'events = ["connect"]\n' + one + several + one + 'network = "192.0.2.7"\n')
    with pytest.raises(BadProfile) as caught:
        read("net").rules(SCHEMA)
    assert caught.value.line == 6
    assert caught.value.reason.startswith("filter 2: it can never match: rule 1 excludes all of it")


def test_port_scan(home: Path) -> None:
    put(home / "base.toml", 'events = ["port_scan"]\n[port_scan]\nports = 5\nwindow = 60\n')
    put(home / "web.toml", 'extends = "base"\n[port_scan]\nwindow = 9\nloopback = true\n')
    assert read("base").port_scan(SCHEMA) == PortScan(ports=5, window=60)
    assert read("web").port_scan(SCHEMA) == PortScan(ports=5, window=9, loopback=True)
    assert read("sandbox").port_scan(SCHEMA) == PortScan()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            'events = ["port_scan"]\n[port_scan]\nhosts = 3\nports = 33',
            4,
            "port_scan: ports is 33, not from 2 to 32",
        ),
        ('events = ["port_scan"]\n[port_scan]\nwindow = 0', 3, "port_scan: window is 0, not from 1 to 86400"),
        (
            'events = ["exit"]\n\n[port_scan]\nwindow = 5',
            3,
            "port_scan: the session does not record port_scan",
        ),
    ],
)
def test_a_port_scan_that_makes_no_sense(home: Path, text: str, line: int, message: str) -> None:
    put(home / "wrong.toml", text)
    put(home / "above.toml", 'extends = "wrong"\n')
    with pytest.raises(BadProfile) as caught:
        read("above").port_scan(SCHEMA)
    assert (Path(caught.value.path).name, caught.value.line) == ("wrong.toml", line)
    assert caught.value.reason == message


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (LIMITS + "per_secnd = 1\n", 10, "there is no key 'per_secnd'", "did you mean per_second?"),
        (LIMITS + 'events = ["exit"]\nper_second = "1"', 11, "per_second is no number", "say per_second"),
        (LIMITS + "per_process = true", 10, "per_process is no number", "say per_process"),
        (LIMITS + "events = 1", 10, "events is no list of names", "say events"),
        ('events = ["exit"]\nlimit = 3', 2, "limit is no list of tables", "begin each with [[limit]]"),
        ("events = [", 1, "invalid value", ""),
        ('events = ["exit"]\n\nevents = ["exit"]', 3, "cannot overwrite a value", ""),
        ('events = ["exit"]\nx = 1\n', 2, "there is no key 'x'", "the keys are"),
        ('# event = 1\n\nevent = ["exit"]', 3, "there is no key 'event'", "did you mean events?"),
        ('events = "exit"', 1, "events is no list of names", "say events"),
        ('\nevents = ["exit", 3]', 2, "events is no list of names", "say events"),
        ('events = ["exit"]\nextends = 3', 2, "extends is no string", "say extends"),
        ('events = ["exit"]\nextends = "sandbx"', 2, "there is no profile 'sandbx'", "did you mean sandbox?"),
        ('events = ["exit"]\nextends = "./no.toml"', 2, "cannot read ./no.toml: No such file", ""),
        ('extends = "./wrong.toml"', 1, "it extends itself", "end the circle"),
        ('description = """\nevents\n"""\n', 1, "it has no events", "say events"),
        ('events = ["exit"]\n[filter]\naction = "exclude"', 2, "filter is no list of tables", "begin each"),
        (FILTERS + "uid = 1\n", 8, "a filter has no action", "say action"),
        (FILTERS + 'events = []\naction = "exclud"\n', 10, "there is no action 'exclud'", "say action"),
        (FILTERS + 'exe_prefx = "/x"\n', 9, "there is no key 'exe_prefx'", "did you mean exe_prefix?"),
        (FILTERS + 'action = "include"\nexe = 3\n', 10, "exe is no string", "say exe"),
        (FILTERS + 'action = "include"\npath_prefix = 3\n', 10, "path_prefix is no string", "say path_p"),
        (FILTERS + 'action = "include"\nuid = true\n', 10, "uid: it is not a user's id or name", ""),
        (FILTERS + 'action = "include"\nuid = "no one"\n', 10, "uid: there is no user 'no one'", ""),
        (FILTERS + 'action = "include"\nmnt_ns = "/no"\n', 10, "mnt_ns: cannot look at /no: No such", ""),
        (FILTERS + 'action = "include"\ncgroup = "/no/no"\n', 10, "cgroup: cannot look at /sys/fs", ""),
        (
            FILTERS + 'action = "include"\nnetwork = 3\n',
            10,
            "network is no string and no list",
            "say network",
        ),
        (
            FILTERS + 'action = "include"\nnetwork = []\n',
            10,
            "network is no string and no list",
            "say network",
        ),
        (FILTERS + 'action = "include"\nnetwork = [\n"::1",\n"::g"]\n', 12, "network: ::g is no network", ""),
        (
            FILTERS + 'action = "include"\nnetwork = "10.1.2.3/8"\n',
            10,
            "network: 10.1.2.3/8 lies within a network: that is 10.0.0.0/8",
            "",
        ),
        ('events = ["exit"]\nport_scan = 3', 2, "port_scan is no table", "begin it with [port_scan]"),
        ('events = ["exit"]\n[[port_scan]]\nports = 3', 2, "port_scan is no table", "begin it with"),
        ('events = ["exit"]\n[port_scan]\nport = 3', 3, "there is no key 'port'", "did you mean ports?"),
        ('events = ["exit"]\n[port_scan]\nports = "3"', 3, "ports is no number", "say ports = 20"),
        ('events = ["exit"]\n[port_scan]\nhosts = true', 3, "hosts is no number", "say hosts = 20"),
        ('events = ["exit"]\n[port_scan]\nloopback = 1', 3, "loopback is neither true nor", "say loopback"),
        ("x = " + "[" * 5000 + "]" * 5000, 1, "it is nested too deeply", ""),
    ],
)
def test_what_is_wrong_has_a_line(home: Path, text: str, line: int, message: str, hint: str) -> None:
    path = put(home / "wrong.toml", text)
    with pytest.raises(BadProfile) as caught:
        read("wrong")
    error = caught.value
    assert (error.path, error.line) == (path, line)
    assert error.reason.startswith(message)
    assert error.hint.startswith(hint)
    assert str(error) == f"{path}:{line}: {error.reason}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('events = ["exit", "conect"]', 1),
        ('# "conect"\ndescription = "conect?"\nevents = [\n  \'exit\', # "conect"\n  "conect",\n]\n', 5),
        ("description = '''\n'conect'\n'''\r\nevents = ['conect']", 4),
    ],
)
def test_an_unknown_event_has_a_line_and_the_nearest(home: Path, text: str, line: int) -> None:
    put(home / "wrong.toml", text)
    put(home / "above.toml", 'extends = "wrong"')
    for name in ("wrong", "above"):
        profile = read(name)
        with pytest.raises(BadProfile) as caught:
            profile.events(SCHEMA)
        assert (Path(caught.value.path).name, caught.value.line) == ("wrong.toml", line)
        assert caught.value.reason == "there is no event 'conect'"
        assert caught.value.hint == "did you mean connect?"


def test_files_that_are_no_text(home: Path) -> None:
    (home / "a.toml").write_bytes(b"# a\n\nevents = ['\xff']")
    (home / "b.toml").write_bytes(b"#" * (profiles.SIZE_MAX + 1))
    for name, line in (("a", 3), ("b", 1)):
        with pytest.raises(BadProfile) as caught:
            read(name)
        assert caught.value.line == line


def test_names_that_there_are_not(home: Path) -> None:
    with pytest.raises(UnknownProfile) as caught:
        read("defalt")
    assert (caught.value.nearest, caught.value.hint) == ("default", "did you mean default?")
    with pytest.raises(UnknownProfile, match="there is no profile 'zzz'"):
        read("zzz")
    with pytest.raises(FileNotFoundError):
        read("./zzz.toml")
    put(home / "default.toml", 'events = ["exit"]')
    assert read("default").path is None
    with pytest.raises(BadProfile, match="the driver has a profile default already"):
        read(str(home / "default.toml"))


def test_a_circle_of_files_ends(home: Path) -> None:
    put(home / "a.toml", 'extends = "b"')
    put(home / "b.toml", 'extends = "a"')
    with pytest.raises(BadProfile, match="it extends itself"):
        read("a")
