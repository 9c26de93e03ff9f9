# SPDX-License-Identifier: GPL-2.0-only
"""Names of network interfaces and namespaces."""

from __future__ import annotations


class Interfaces:
    """Names of interfaces and network namespaces, as the kernel has them now."""

    def name(self, index: int) -> str | None:
        """Name of the interface of that index."""
        raise NotImplementedError

    def of_address(self, address: str) -> str | None:
        """Name of the interface that has this local address."""
        raise NotImplementedError

    def namespace(self, inode: int) -> str | None:
        """Name of a network namespace: "host" for this process's own, of /run/netns, or "pid N (comm)"."""
        raise NotImplementedError
