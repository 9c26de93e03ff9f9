# SPDX-License-Identifier: GPL-2.0-only
"""User and group names, as this machine's account database has them now.

They are names of the initial user namespace's ids; a container may call its users otherwise.
"""

from __future__ import annotations

import time
from typing import Callable

__all__ = ["Users"]

#: Ids that are remembered; more than that, and all are forgotten.
_REMEMBERED = 4096


class Users:
    """Names of user and group ids; each is looked up once in max_age seconds.

    Args:
        max_age: seconds for which a name, or that there is none, is believed.
    """

    def __init__(self, max_age: float = 300.0) -> None:
        self._max_age = max_age
        self._known: dict[tuple[str, int], tuple[float, str | None]] = {}

    def user(self, uid: int) -> str | None:
        """Name of a user id, None when it has none."""
        return self._name("user", uid, _user)

    def group(self, gid: int) -> str | None:
        """Name of a group id, None when it has none."""
        return self._name("group", gid, _group)

    def _name(self, kind: str, number: int, look_up: Callable[[int], str]) -> str | None:
        now = time.monotonic()
        known = self._known.get((kind, number))
        if known is not None and now - known[0] < self._max_age:
            return known[1]
        try:
            name: str | None = look_up(number)
        except (KeyError, OverflowError, OSError):
            name = None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[kind, number] = now, name
        return name


def _user(uid: int) -> str:
    from pwd import getpwuid

    return getpwuid(uid).pw_name


def _group(gid: int) -> str:
    from grp import getgrgid

    return getgrgid(gid).gr_name
