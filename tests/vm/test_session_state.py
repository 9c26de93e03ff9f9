# SPDX-License-Identifier: GPL-2.0-only
"""Event 901."""

from __future__ import annotations

import os
from typing import Any

import ksonde
from acting import Tap, assert_fields, boottime
from ksonde.record import Record

STARTED, ARMED, DEGRADED, UNAVAILABLE, FILTER, STOPPED = range(1, 7)
STATES = {"armed": ARMED, "degraded": DEGRADED, "unavailable": UNAVAILABLE}
MECHANISMS = (
    "none", "tracepoint", "ftrace", "kprobe", "kretprobe", "syscall", "sys_exit", "notifier", "netfilter",
    "fexit",
)  # fmt: skip


def data_of(record: Record) -> dict[str, Any]:
    data: dict[str, Any] = record.to_dict()["data"]
    assert record.hook is None and record.flags == 0 and not record.to_dict()["process"]
    return data


def test_what_a_session_tells() -> None:
    began = boottime()
    with ksonde.open(["connect", "execve"], start=False) as session:
        session.start()
        tap = Tap(session)
        records = tap.of("session_state") or [r for r in tap.collect() if r.event == "session_state"]
        wanted = [hook for hook in session.device.hooks() if hook.users]
        assert {"connect", "process_exec", "execve_failed"} <= {hook.name for hook in wanted}
        available = [hook for hook in wanted if hook.state != "unavailable"]
        sums = {"hooks_armed": len(available), "hooks_unavailable": len(wanted) - len(available)}
        costs = dict.fromkeys(("one_of", "hook_cost", "all_cost", "budget"))
        nothing = {"hook_event": None, "mechanism": None, "hook_name": None, "detail": None, **costs}
        expected: list[dict[str, Any]] = [{"what": STARTED, **sums, **nothing}]
        for hook in wanted:
            event = tap.schema.events[hook.event].id if hook.event else None
            detail = "\n".join(hook.detail)
            assert detail and "taken" in detail
            expected.append(
                {
                    "what": STATES[hook.state],
                    "hook_event": event,
                    "mechanism": MECHANISMS.index(hook.mechanism) if hook.state != "unavailable" else None,
                    **sums,
                    "hook_name": hook.name,
                    "detail": detail,
                    **costs,
                }
            )
        got = [data_of(record) for record in records]
        assert len(got) == len(expected)
        for record, data in zip(records, expected):
            data["detail"] = data["detail"] and data["detail"] + "\n"
            assert_fields(tap.schema, record, data)
        assert all(began <= record.time <= boottime() for record in records)

        session.skip(1)
        session.follow(os.getpid())
        changes = [data_of(record) for record in tap.collect() if record.event == "session_state"]
        assert changes == [{"what": FILTER, **sums, **nothing}] * 2

        session.stop()
        ends = [data_of(record) for record in tap.collect() if record.event == "session_state"]
        assert ends == [{"what": STOPPED, **sums, **nothing}]


def test_hooks_of_this_kernel() -> None:
    """On the kernel that the tests run on, every hook has its first choice."""
    with ksonde.Device() as device:
        events = device.schema().profile("S")
    with ksonde.open(events) as session:
        hooks = session.device.hooks()
        assert len(hooks) >= 10
        assert {hook.name: hook.state for hook in hooks} == {hook.name: "armed" for hook in hooks}
        assert all(hook.users == 1 and hook.target for hook in hooks)
