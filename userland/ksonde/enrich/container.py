# SPDX-License-Identifier: GPL-2.0-only
"""Which container a cgroup is of: the path says so, in the words of whoever made it.

The outermost container of a path counts.  What lies below it was made by those inside, who can give it any
name they like; so can a user below ``user@UID.service``, where rootless runtimes put their containers.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

__all__ = ["UNKNOWN", "Container", "container_of"]


class Container(NamedTuple):
    """A container, in the words of OCSF.

    Attributes:
        uid: its id; of systemd-nspawn and LXC, which have none, the name.
        runtime: docker, buildkit, containerd, cri-o, podman, systemd-nspawn, lxc, libvirt-lxc; None: the path
            does not tell; "unknown" of UNKNOWN only.
        pod_uuid: uid of the Kubernetes pod, id of the podman pod; None: in none.
    """

    uid: Optional[str]
    runtime: Optional[str]
    pod_uuid: Optional[str] = None


#: It could not be found out whether it is a container, and which.
UNKNOWN = Container(None, "unknown")

_ID = "(?P<uid>[0-9a-f]{64})"
#: What systemd takes for the name of a machine, escaped as in the name of a unit.
_MACHINE = r"(?P<uid>(?:[0-9A-Za-z._]|\\x2d|-)+)"
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

#: Runtime and how a part of the path begins with its container: whole names of directories, one or more.
_FORMS = (
    ("docker", rf"docker/{_ID}"),
    ("docker", rf"docker-{_ID}\.scope"),
    ("docker", rf"ecs/[^/]+/(?:[^/]+/)??{_ID}"),
    ("buildkit", r"buildkit/(?P<uid>[0-9a-z]{25})"),
    ("buildkit", r"docker-(?P<uid>[0-9a-z]{25})\.scope"),
    ("containerd", rf"cri-containerd-{_ID}\.scope"),
    ("containerd", rf"[^/]*:cri-containerd:{_ID}"),
    ("containerd", rf"nerdctl-{_ID}\.scope"),
    ("cri-o", rf"crio-{_ID}(?:\.scope)?"),
    ("cri-o", rf"[^/]*:crio:{_ID}"),
    ("podman", rf"libpod-(?:payload-)?{_ID}(?:\.scope)?"),
    # Beside the machine's own, a "supervisor": systemd-nspawn itself.
    ("systemd-nspawn", rf"systemd-nspawn@{_MACHINE}\.service(?!/supervisor(?:/|$))"),
    ("libvirt-lxc", rf"machine-lxc\\x2d[0-9]+\\x2d{_MACHINE}\.scope"),
    ("systemd-nspawn", rf"machine-(?!lxc\\x2d|qemu\\x2d){_MACHINE}\.scope(?!/supervisor(?:/|$))"),
    ("lxc", r"lxc\.payload[./](?P<uid>[^/]+)"),
    ("lxc", r"lxc/(?P<uid>[^/]+)"),
    (None, _ID),
)
_CONTAINERS = [(runtime, re.compile(rf"(?:^|(?<=/)){form}(?=/|$)")) for runtime, form in _FORMS]
_POD = re.compile(
    rf"kubepods[^/]*-pod(?P<unit>{_UUID.replace('-[', '_[')}|[0-9a-f]{{32}})\.slice(?=[/:])"
    rf"|(?:^|/)kubepods(?:/[^/]+)?/pod(?P<folder>{_UUID}|[0-9a-f]{{32}})/"
    r"|libpod_pod_(?P<podman>[0-9a-f]{64})\.slice/"
)
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def container_of(path: str) -> Optional[Container]:
    """The container that a cgroup belongs to.

    Args:
        path: from the root of the hierarchy on, as /proc/PID/cgroup has it.

    Returns:
        None where the path is of no container that is known here.
    """
    found = [(match.start(), runtime, match) for runtime, form in _CONTAINERS if (match := form.search(path))]
    if not found:
        return None
    _, runtime, match = min(found, key=lambda one: one[0])
    uid = _unescape(match["uid"]) if runtime in ("systemd-nspawn", "libvirt-lxc") else match["uid"]
    return Container(uid, runtime, _pod(path[: match.end()]))


def _pod(path: str) -> Optional[str]:
    match = _POD.search(path)
    if match is None:
        return None
    return match["unit"].replace("_", "-") if match["unit"] else match["folder"] or match["podman"]


def _unescape(name: str) -> str:
    """The name that is in the name of a unit."""
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), os.fsencode(name)))
