# SPDX-License-Identifier: GPL-2.0-only
"""Paths as the runtimes make them."""

from __future__ import annotations

import re
from typing import Optional

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ksonde.enrich.container import Container, container_of

ONE = "3f2a9c0d1e4b5a6978877665544332211000ffeeddccbbaa9988776655443322"
TWO = ONE[::-1]
POD = "6f1b2c3d-0a1b-4c2d-8e3f-00112233445a"
UNIT_POD = POD.replace("-", "_")
STATIC_POD = "0123456789abcdef0123456789abcdef"
USER = "/user.slice/user-1000.slice/user@1000.service"
BUILD = "x5h7oizyhrunip3o2urd7of1d"
SLICES = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNIT_POD}.slice"
KIND = f"/kubelet.slice{SLICES.replace('/kube', '/kubelet-kube')}"

CONTAINERS: list[tuple[str, Optional[str], str, Optional[str]]] = [
    (f"/docker/{ONE}", "docker", ONE, None),
    (f"/docker/{ONE}/init", "docker", ONE, None),
    (f"/system.slice/docker-{ONE}.scope", "docker", ONE, None),
    (f"/system.slice/docker-{ONE}.scope/system.slice/cron.service", "docker", ONE, None),
    (f"/mycgroup.slice/docker-{ONE}.scope", "docker", ONE, None),
    (f"{USER}/user.slice/docker-{ONE}.scope", "docker", ONE, None),
    (f"/ecs/0e1d2c3b/{ONE}", "docker", ONE, None),
    (f"/ecs/default/0e1d2c3b/{ONE}", "docker", ONE, None),
    (f"/ecstasks.slice/ecstasks-0e1d2c3b.slice/docker-{ONE}.scope", "docker", ONE, None),
    (f"{SLICES}/docker-{ONE}.scope", "docker", ONE, POD),
    (f"/docker/buildkit/{BUILD}", "buildkit", BUILD, None),
    (f"/system.slice/docker-{BUILD}.scope", "buildkit", BUILD, None),
    (f"{SLICES}/cri-containerd-{ONE}.scope", "containerd", ONE, POD),
    (f"{SLICES}/cri-containerd-{ONE}.scope/init.scope", "containerd", ONE, POD),
    (f"{SLICES.replace('burstable', 'besteffort')}/cri-containerd-{ONE}.scope", "containerd", ONE, POD),
    (f"/kubepods.slice/kubepods-pod{UNIT_POD}.slice/cri-containerd-{ONE}.scope", "containerd", ONE, POD),
    (f"/kubepods.slice/kubepods-pod{STATIC_POD}.slice/crio-{ONE}.scope", "cri-o", ONE, STATIC_POD),
    (f"{KIND}/cri-containerd-{ONE}.scope", "containerd", ONE, POD),
    (
        f"/system.slice/containerd.service/kubepods-burstable-pod{UNIT_POD}.slice:cri-containerd:{ONE}",
        "containerd",
        ONE,
        POD,
    ),
    (f"/system.slice/nerdctl-{ONE}.scope", "containerd", ONE, None),
    (f"/kubepods/burstable/pod{POD}/{ONE}", None, ONE, POD),
    (f"/kubepods/pod{POD}/{ONE}", None, ONE, POD),
    (f"/kubepods/besteffort/pod{STATIC_POD}/{ONE}/child", None, ONE, STATIC_POD),
    (f"/kubepods/burstable/pod{POD}/crio-{ONE}", "cri-o", ONE, POD),
    (f"{SLICES}/crio-{ONE}.scope", "cri-o", ONE, POD),
    (f"{SLICES}/crio-{ONE}.scope/container", "cri-o", ONE, POD),
    (f"/machine.slice/libpod-{ONE}.scope", "podman", ONE, None),
    (f"/machine.slice/libpod-{ONE}.scope/container", "podman", ONE, None),
    (f"{USER}/user.slice/libpod-{ONE}.scope/container", "podman", ONE, None),
    (f"/libpod_parent/libpod-{ONE}", "podman", ONE, None),
    (f"/system.slice/web.service/libpod-payload-{ONE}", "podman", ONE, None),
    (f"/machine.slice/machine-libpod_pod_{TWO}.slice/libpod-{ONE}.scope", "podman", ONE, TWO),
    (f"{USER}/user.slice/user-libpod_pod_{TWO}.slice/libpod-{ONE}.scope", "podman", ONE, TWO),
    ("/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn", "web", None),
    ("/machine.slice/systemd-nspawn@web.service/payload/init.scope", "systemd-nspawn", "web", None),
    ("/machine.slice/systemd-nspawn@my\\x2dweb.service", "systemd-nspawn", "my-web", None),
    ("/machine.slice/machine-web.scope", "systemd-nspawn", "web", None),
    ("/machine.slice/machine-my\\x2dweb.scope/payload", "systemd-nspawn", "my-web", None),
    ("/machine.slice/machine-lxc\\x2d4711\\x2dmy\\x2dweb.scope", "libvirt-lxc", "my-web", None),
    ("/lxc/web", "lxc", "web", None),
    ("/lxc/101/ns/init.scope", "lxc", "101", None),
    ("/lxc.payload/web", "lxc", "web", None),
    ("/lxc.payload.web", "lxc", "web", None),
    ("/lxc.payload.test_my-web/system.slice/ssh.service", "lxc", "test_my-web", None),
    (f"{USER}/app.slice/lxc.payload.web", "lxc", "web", None),
    # A parent of the user's own choice, or ctr(8): no word of a runtime, but an id.
    (f"/default/{ONE}", None, ONE, None),
    (f"/actions_job/{ONE}", None, ONE, None),
    (f"/{ONE}", None, ONE, None),
    # The outer one is what the host made.
    (f"/docker/{ONE}/docker/{TWO}", "docker", ONE, None),
    (f"/docker/{ONE}/kubelet/kubepods/burstable/pod{POD}/{TWO}", "docker", ONE, None),
    (f"/lxc.payload.web/system.slice/docker-{TWO}.scope", "lxc", "web", None),
    (f"{SLICES}/cri-containerd-{ONE}.scope/docker/{TWO}", "containerd", ONE, POD),
]
OTHERS = [
    "",
    "/",
    "/init.scope",
    "/user.slice/user-0.slice/session-4.scope",
    f"{USER}/init.scope",
    "/system.slice/docker.service",
    "/system.slice/containerd.service",
    "/system.slice/crio.service",
    "/docker",
    "/docker/buildkit",
    "/kubepods.slice/kubepods-burstable.slice",
    SLICES,
    f"/kubepods/burstable/pod{POD}",
    f"{SLICES}/crio-conmon-{ONE}.scope",
    f"/kubepods/burstable/pod{POD}/crio-conmon-{ONE}",
    f"/machine.slice/libpod-conmon-{ONE}.scope",
    f"{USER}/user.slice/libpod-conmon-{ONE}.scope",
    "/system.slice/web.service/supervisor",
    "/system.slice/web.service/runtime",
    f"/machine.slice/machine-libpod_pod_{TWO}.slice",
    "/machine.slice",
    "/machine.slice/systemd-nspawn@web.service/supervisor",
    "/machine.slice/machine-web.scope/supervisor",
    "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator",
    "/lxc",
    "/lxc.monitor.web",
    "/lxc.monitor/web",
    "/lxc.pivot",
    "/system.slice/lxc.service",
    "/system.slice/lxcfs.service",
    f"/system.slice/docker-{ONE[:-1]}.scope",
    f"/docker/{ONE}0",
    f"/docker/{ONE[:12]}",
    f"/docker/{ONE.upper()}",
    f"/docker/{ONE} (deleted)",
    f"/a{ONE}",
    f"/{ONE}.mount",
    f"/system.slice/my-docker-{ONE}.scope",
    f"/system.slice/docker-{ONE}.scope.d",
    "/system.slice/run-docker-runtime.mount",
]


@pytest.mark.parametrize(("path", "runtime", "uid", "pod"), CONTAINERS)
def test_containers(path: str, runtime: Optional[str], uid: str, pod: Optional[str]) -> None:
    assert container_of(path) == Container(uid, runtime, pod)


@pytest.mark.parametrize("path", OTHERS)
def test_no_container(path: str) -> None:
    assert container_of(path) is None


WORDS = sorted({word for path, *_ in CONTAINERS for word in re.split(r"([/@:.-]|\\x2d)", path) if word})
NAMES = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=3)), max_size=12).map("".join)
NOISE = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)


@given(st.one_of(st.text(), st.text(NOISE), NAMES, NAMES.map(lambda name: f"/{name}/{ONE}")))
@example("/machine.slice/machine-a\\x2d.scope")
def test_any_path(path: str) -> None:
    """Nothing is raised, and whatever is told stands in the path."""
    found = container_of(path)
    if found is None:
        return
    assert found.uid
    assert found.uid in path or found.uid in path.replace("\\x2d", "-")
    assert found.pod_uuid is None or found.pod_uuid in path or found.pod_uuid.replace("-", "_") in path


@given(st.lists(st.sampled_from(WORDS), max_size=6).map("/".join))
def test_who_is_inside_cannot_change_it(below: str) -> None:
    """But by the names that systemd-nspawn has for its own processes."""
    for path, runtime, uid, pod in CONTAINERS:
        if not below.startswith("supervisor"):
            assert container_of(f"{path}/{below}") == Container(uid, runtime, pod)
