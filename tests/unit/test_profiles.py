# SPDX-License-Identifier: GPL-2.0-only
"""Profiles: what is found, what is made of it, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import SCHEMA
from ksonde import profiles
from ksonde.errors import BadProfile, UnknownProfile
from ksonde.profiles import read


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


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
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
