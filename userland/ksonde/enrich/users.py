# SPDX-License-Identifier: GPL-2.0-only
"""User and group names."""

from __future__ import annotations


class Users:
    """Names of user and group ids, looked up once each."""

    def user(self, uid: int) -> str | None:
        """Name of a user id, None when it has none."""
        raise NotImplementedError

    def group(self, gid: int) -> str | None:
        """Name of a group id, None when it has none."""
        raise NotImplementedError
