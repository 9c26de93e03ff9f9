# SPDX-License-Identifier: GPL-2.0-only
"""Event 808."""

from __future__ import annotations

from typing import Any

import pytest

from acting import NO_TARGET, REREAD, Facts, Tap, Ticks, act, context_of, flags_of, target_of

EVENTS = ["perf_event_open"]

SOFTWARE, BREAKPOINT, NO_TYPE = 1, 5, 0xDEAD
TASK_CLOCK, CPU_CLOCK = 1, 0
USER, KERNEL, HYPERVISOR = 1, 2, 4
CLOEXEC = 8
ESRCH, EBADF, EACCES, EFAULT, EINVAL = 3, 9, 13, 14, 22
NOBODY = "ids=65534:65534:65534:65534:65534:65534"


def own(facts: Facts) -> dict[str, Any]:
    return {"target_tgid": facts["tgid"], "target_start_time": Ticks(facts["start_ticks"])}


def check(tap: Tap, facts: Facts, flags: int, excluded: int, **data: Any) -> None:
    tap.collect()
    sides = {"exclude_user": USER, "exclude_kernel": KERNEL, "exclude_hv": HYPERVISOR}
    known = {name: 1 if excluded & bit else 0 for name, bit in sides.items()}
    usual = {"type": SOFTWARE, "config": TASK_CLOCK, "pid": 0, "on_cpu": -1, "group": -1, "open_flags": 0}
    expected = {**usual, **known, "result": facts["result"], **data}
    tap.check(tap.one("perf_event_open", facts["tgid"]), context_of(facts), expected, flags=flags)


@pytest.mark.parametrize("excluded", [0, KERNEL | HYPERVISOR, USER, HYPERVISOR])
def test_of_itself(tap: Tap, bits: int, excluded: int) -> None:
    facts = act(f"perf={SOFTWARE}:{TASK_CLOCK}:{excluded}:0:-1:-1:{CLOEXEC}", bits=bits)["perf"]
    assert facts["result"] > 0
    check(tap, facts, flags_of(bits), excluded, open_flags=CLOEXEC, **own(facts))


def test_of_another(tap: Tap, bits: int, victim: int) -> None:
    facts = act(f"perf={SOFTWARE}:{TASK_CLOCK}:0:{victim}:-1:-1:0", bits=bits)["perf"]
    assert facts["result"] > 0
    check(tap, facts, flags_of(bits), 0, pid=victim, **target_of(victim))


def test_of_a_processor(tap: Tap, bits: int) -> None:
    facts = act(f"perf={SOFTWARE}:{CPU_CLOCK}:0:-1:1:-1:0", bits=bits)["perf"]
    assert facts["result"] > 0
    check(tap, facts, flags_of(bits), 0, config=CPU_CLOCK, pid=-1, on_cpu=1, **NO_TARGET)


def test_of_a_type_that_is_none(tap: Tap, bits: int) -> None:
    """The kernel finds out when it makes the event: what it was asked for is its own copy."""
    config = 0x1234567890ABCDEF
    facts = act(f"perf={NO_TYPE}:{config}:{KERNEL}:0:-1:-1:0", bits=bits)["perf"]
    assert facts["result"] < 0
    check(tap, facts, flags_of(bits), KERNEL, type=NO_TYPE, config=config, **own(facts))


def test_refused_early(tap: Tap, bits: int) -> None:
    """Read from the program once more: there is no such flag, no such group, no such process."""
    flags = flags_of(bits) | REREAD
    facts = act(f"perf={SOFTWARE}:{TASK_CLOCK}:{USER}:0:-1:-1:64", bits=bits)["perf"]
    assert facts["result"] == -EINVAL
    check(tap, facts, flags, USER, open_flags=64, **own(facts))
    facts = act(f"perf={SOFTWARE}:{TASK_CLOCK}:0:0:-1:77:0", bits=bits)["perf"]
    assert facts["result"] == -EBADF
    check(tap, facts, flags, 0, group=77, **own(facts))
    facts = act(f"perf={SOFTWARE}:{TASK_CLOCK}:0:4000000:-1:-1:0", bits=bits)["perf"]
    assert facts["result"] == -ESRCH
    check(tap, facts, flags, 0, pid=4000000, **NO_TARGET)


def test_not_allowed(tap: Tap, bits: int) -> None:
    facts = act(NOBODY, f"perf={SOFTWARE}:{CPU_CLOCK}:0:-1:0:-1:0", bits=bits)["perf"]
    assert facts["result"] == -EACCES
    check(tap, facts, flags_of(bits) | REREAD, 0, config=CPU_CLOCK, pid=-1, on_cpu=0, **NO_TARGET)


def test_nothing_there(tap: Tap, bits: int) -> None:
    facts = act("badperf", bits=bits)["badperf"]
    assert facts["result"] == -EFAULT
    nothing = dict.fromkeys(("type", "config", "exclude_user", "exclude_kernel", "exclude_hv"))
    check(tap, facts, flags_of(bits) | REREAD, 0, **nothing, **own(facts))


def test_of_a_cgroup(tap: Tap, bits: int) -> None:
    """Its descriptor is in the place of the process; this one leads nowhere."""
    facts = act(f"perf={SOFTWARE}:{TASK_CLOCK}:0:77:1:-1:4", bits=bits)["perf"]
    assert facts["result"] == -EBADF
    check(tap, facts, flags_of(bits), 0, pid=77, on_cpu=1, open_flags=4, **NO_TARGET)
