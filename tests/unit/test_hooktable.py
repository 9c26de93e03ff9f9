# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ksonde import hooktable
from ksonde.hooktable import Hook, NoTable, Point
from ksonde.uapi import Mechanism

#: As engine/table.c and engine/hook.h have it, with other offsets: those come from the file.
SOURCE = """
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct point { const char *target; uint32_t mechanism; void *handlers[3]; };
struct hook {
	uint64_t other; uint32_t event; bool always, vital; const char *name; const struct point *points;
};
struct table {
	uint32_t format, hook_name, hook_event, hook_always, hook_points, point_size, point_mechanism,
		point_target, ftrace_works, fexit_works;
	struct hook * const *hooks;
	const char * const *prefixes;
	const uint16_t *ids;
	uint32_t hook_vital;
};
static void handler(void) {}
static const struct point first_points[] = {
	{ "__sys_connect_file", 4, { handler } }, { "security_socket_connect", 2, { handler } }, {}
};
static const struct point second_points[] = { { "execve execveat", 5, { handler } }, {} };
struct hook first = { .name = "connect", .event = 1, .vital = true, .points = first_points };
struct hook second = { .name = "execve_failed", .event = 0, .always = true, .points = second_points };
struct hook * const hooks[] = { &first, &second, NULL };
static const char * const prefixes[] = { "__x64_sys_", "__ia32_sys_", NULL };
const uint16_t ids[] = { 59, 42 };
static const struct table ks_table __attribute__((used)) = {
	FORMAT, offsetof(struct hook, name), offsetof(struct hook, event), offsetof(struct hook, always),
	offsetof(struct hook, points), sizeof(struct point), offsetof(struct point, mechanism),
	offsetof(struct point, target), 1, 0, hooks, prefixes, ids,
	offsetof(struct hook, vital)
};
"""


def compiled(folder: Path, source: str, *flags: str) -> Path:
    out = folder / "table.o"
    command = ["gcc", "-x", "c", "-c", "-O2", "-fno-pic", *flags, "-o", str(out), "-"]
    subprocess.run(command, input=source, text=True, check=True)
    return out


@pytest.fixture(name="ko", scope="module")
def _ko(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("table"), SOURCE, "-DFORMAT=2", "-mcmodel=kernel")


def test_the_table(ko: Path) -> None:
    table = hooktable.read(ko)
    assert table.hooks == (
        Hook(
            "connect",
            42,
            always=False,
            points=(Point("kretprobe", "__sys_connect_file"), Point("ftrace", "security_socket_connect")),
            vital=True,
        ),
        Hook("execve_failed", 59, always=True, points=(Point("syscall", "execve execveat"),)),
    )
    assert table.ftrace_works
    assert not table.fexit_works
    assert table.syscall_prefixes == ("__x64_sys_", "__ia32_sys_")


def test_the_mechanisms_are_those_of_the_protocol() -> None:
    assert [name.lower() for name in Mechanism.__members__] == list(hooktable.MECHANISMS)
    assert [mechanism.value for mechanism in Mechanism] == list(range(len(hooktable.MECHANISMS)))


def test_what_is_no_table(tmp_path: Path) -> None:
    other = tmp_path / "other.ko"
    other.write_text("text")
    with pytest.raises(NoTable, match="no 64-bit little-endian ELF file") as caught:
        hooktable.read(other)
    assert caught.value.path == other
    with pytest.raises(NoTable, match="symbol ks_table is missing"):
        hooktable.read(compiled(tmp_path, "int x;"))
    with pytest.raises(NoTable, match="of format 3"):
        hooktable.read(compiled(tmp_path, SOURCE, "-DFORMAT=3"))
    with pytest.raises(NoTable, match="64-bit"):
        hooktable.read(compiled(tmp_path, "int x;", "-m32"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_said(ko: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(ko.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    broken = tmp_path / "broken.ko"
    broken.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        hooktable.read(broken)
    except NoTable as error:
        assert str(error)  # noqa: PT017 # most damages are seen, some hit what is not looked at
