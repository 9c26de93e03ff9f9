# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import grp
import pwd

import pytest

from ksonde.enrich import users
from ksonde.enrich.users import Users


def test_names_of_this_machine() -> None:
    assert Users().user(0) == "root"
    assert Users().group(0) == grp.getgrgid(0).gr_name


@pytest.mark.parametrize("number", [987_654_321, 2**32 - 1, 2**64, -5])
def test_no_name(number: int) -> None:
    assert Users().user(number) is None
    assert Users().group(number) is None


def test_each_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = pwd.getpwuid

    def getpwuid(uid: int) -> pwd.struct_passwd:
        asked.append(uid)
        return real(uid)

    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    names = Users()
    for _ in range(3):
        assert names.user(0) == "root"
        assert names.user(987_654_321) is None
    assert asked == [0, 987_654_321]
    old = Users(max_age=0)
    assert old.user(0) == old.user(0) == "root"
    assert asked[2:] == [0, 0]


def test_it_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_REMEMBERED", 10)
    names = Users()
    for uid in range(987_654_321, 987_654_400):
        names.user(uid)
    assert len(names._known) <= 10
