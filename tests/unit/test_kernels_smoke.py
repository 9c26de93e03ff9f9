# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ksonde import uapi
from ksonde_tools.kernels import run, smoke
from support import build_record, schema_text

INIT: dict[str, Any] = {
    "tid": 1, "tgid": 1, "parent_tgid": 0, "pgid": 1, "sid": 0, "uid": 0, "euid": 0, "comm": "init",
    "exe": "/init", "mnt_ns": 11, "pid_ns": 12, "net_ns": 13, "user_ns": 14, "hostname": "smoke",
}  # fmt: skip
#: Only what one test looks at; the others are about acts that were not done.
ACTS: dict[str, Any] = {
    "self": {
        "tgid": 1, "mnt_ns": 11, "pid_ns": 12, "net_ns": 13, "user_ns": 14, "hostname": "smoke", "sid": 0,
        "pgid": 1,
    },
    "connect4": {"tgid": 1, "errno": 111, "port": 4242, "socket": 77},
    "connect6": {"skipped": "no IPv6"},
    "connect_unix": {"skipped": "no sockets of that kind"},
}  # fmt: skip
CONNECT: dict[str, Any] = {
    "family": 2, "type": 1, "protocol": 6, "remote_port": 4242, "in_progress": 0, "result": -111,
    "remote_address": bytes([127, 0, 0, 1]) + bytes(12), "socket": 77,
}  # fmt: skip


def _blob(word: str, content: bytes) -> str:
    text = base64.b64encode(content).decode()
    parts = [text[at : at + 800] for at in range(0, len(text), 800)]
    return "".join(f"[ 1.0] ksonde-smoke: {word} {part}\n" for part in parts) + f"ksonde-smoke: {word}.\n"


def _hook(index: int, name: str, event: int, state: int = 1, mechanism: int = 4, detail: str = "") -> str:
    row = {
        "size": uapi.HookInfo.sizeof(), "index": index, "event": event, "state": state,
        "mechanism": mechanism, "users": 1, "hits": 1, "missed": 0, "timed_hits": 0, "timed_ns": 0,
        "name": name.encode().ljust(32, b"\0"), "target": bytes(64),
        "detail": detail.encode().ljust(512, b"\0"),
        "cost": 0, "keep": 0, "reserved": 0,
    }  # fmt: skip
    return _blob("hook", uapi.HookInfo.build(row))


def _log(*more: str, connect: dict[str, Any] | None = None, acts: dict[str, Any] | None = None) -> str:
    lines = [_blob("schema", schema_text().encode())]
    lines += [
        f"[ 2.0] ksonde-smoke: act {name} {json.dumps(facts)}\n" for name, facts in (acts or ACTS).items()
    ]
    lines.append(_blob("record", build_record("connect", connect or CONNECT, INIT)))
    return "".join([*lines, *more])


def _checker(log: str, *tests: str, debug: bool = False) -> smoke.Checker:
    checker = smoke.Checker(smoke.parse(log), debug=debug)
    for test in tests:
        getattr(checker, test)()
    return checker


def test_what_the_guest_did_is_what_was_recorded() -> None:
    checker = _checker(_log(), "_context", "_connects")
    assert checker.wrong == {}
    assert checker.checked["connect"] == 8


def test_a_chatty_kernel_between_the_lines() -> None:
    log = _log().replace("\n", "\n[ 9.9] clocksource: Switched to clocksource tsc\n")
    assert _checker(log, "_connects").wrong == {}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("result", -110, "connect4: result is -110, not -111"),
        ("remote_port", 4243, "connect4: remote_port is 4243, not 4242"),
        ("socket", 78, "connect4: 0 records, not 1"),
    ],
)
def test_a_record_that_differs(field: str, value: int, said: str) -> None:
    checker = _checker(_log(connect={**CONNECT, field: value}), "_connects")
    assert checker.wrong == {"connect": [said]}


def test_a_context_that_differs() -> None:
    acts = {**ACTS, "self": {**ACTS["self"], "mnt_ns": 15}}
    assert _checker(_log(acts=acts), "_context").wrong == {"connect": ["context: mnt_ns is 11, not 15"]}


def test_a_context_alone_is_no_test_of_an_event() -> None:
    assert _checker(_log(), "_context").checked == {}


def test_a_record_too_many() -> None:
    log = _log(_blob("record", build_record("connect", CONNECT, INIT)))
    assert _checker(log, "_connects").wrong == {"connect": ["connect4: 2 records, not 1"]}


def test_what_the_guest_did_not_say_is_wrong() -> None:
    checker = smoke.Checker(smoke.parse(_log()))
    checker.run()
    assert "exec: the guest did not say 'exec'" in checker.wrong["session_state"]
    assert checker.tests["exec"] == ["exec: the guest did not say 'exec'"]
    assert checker.tests["connects"] == []


def test_a_log_without_records() -> None:
    checker = smoke.Checker(smoke.parse("[ 1.0] Kernel panic - not syncing\n"))
    checker.run()
    assert "cannot be decoded" in checker.wrong["session_state"][0]


def _found(kernel: bool = True, part: str = "syscalls") -> tuple[str, str]:
    place = {"symbol": "f", "offset": 0, "module": "" if kernel else "evil", "kernel": kernel}
    callback = {"slot": 0, "lsm": "capability", "function": place}
    lsm = {
        "kind": "lists", "by_symbol": {"found": True, "why": ""},
        "by_code": {"found": False, "why": "decode: not built for this architecture"},
        "hooks": [{"hook": "h", "functions": [], "callbacks": [callback], "whole": True, "agree": None}],
    }  # fmt: skip
    finding = {"event": 701, "where": "sys_call_table[1]", "what": "wrong", "place": place}
    scan = {"part": part, "parts": 1, "checked": 9, "why": "", "findings": [] if kernel else [finding]}
    return _blob("lsm", json.dumps(lsm).encode()), _blob("integrity", json.dumps(scan).encode())


def test_what_is_found_in_the_kernel() -> None:
    checker = _checker(_log(*_found()), "_lsm", "_integrity")
    assert checker.wrong == {}
    assert checker.said.notes == [
        "1 LSM hooks, 1 callbacks, 0 agree; not found by code: decode: not built for this architecture",
        "syscalls: 9 checked",
    ]
    checker = _checker(_log(*_found(kernel=False)), "_lsm", "_integrity")
    assert checker.wrong == {
        "lsm": ["h: a callback of module evil, which is no LSM of the kernel: f [evil]"],
        "integrity": ["syscalls: sys_call_table[1]: wrong: f [evil]"],
    }
    one, two = _found()
    checker = _checker(_log(one, two, _found()[1]), "_integrity")
    assert checker.wrong == {"integrity": ["2 of 1 parts were answered"]}


@pytest.mark.parametrize("why", ["", "there is no image"])
def test_what_could_not_be_looked_at_has_a_reason(why: str) -> None:
    scan = {"part": "idt", "parts": 1, "checked": 0, "why": why, "findings": []}
    lsm = {
        "kind": "lists", "by_symbol": {"found": False, "why": why}, "by_code": {"found": False, "why": why},
        "hooks": [],
    }  # fmt: skip
    kind = {"part": "bpf", "parts": 1, "whole": False, "why": why, "entries": []}
    blobs = {"integrity": scan, "lsm": lsm, "inventory": kind}
    log = _log(*(_blob(name, json.dumps(found).encode()) for name, found in blobs.items()))
    wrong = {
        "lsm": [f"not found by {way}, and it is not said why" for way in ("symbol", "code")],
        "integrity": ["idt: nothing was looked at, and it is not said why"],
        "inventory": ["bpf: not all of it, and it is not said why"],
    }
    assert _checker(log, "_lsm", "_integrity", "_inventory").wrong == ({} if why else wrong)


def test_who_is_called_by_the_kernel() -> None:
    place = {"symbol": "f", "offset": 0, "module": "", "kernel": True}
    entry = {"name": "die_chain", "detail": "", "at": [], "owner": "known", "function": place}
    kind = {"part": "notifiers", "parts": 1, "whole": False, "why": "half blind", "entries": [entry]}
    checker = _checker(_log(_blob("inventory", json.dumps(kind).encode())), "_inventory")
    assert checker.wrong == {}
    assert checker.said.notes == ["1 notifiers (half blind)"]
    kind = {**kind, "parts": 2, "whole": True, "entries": [{**entry, "owner": "nobody"}]}
    checker = _checker(_log(_blob("inventory", json.dumps(kind).encode())), "_inventory")
    assert checker.wrong == {"inventory": ["notifiers die_chain: owner nobody", "1 of 2 kinds were answered"]}
    assert checker.said.notes == ["1 notifiers"]


def test_faults_and_leaks_are_looked_at_only_where_the_kernel_can() -> None:
    plain, debug = smoke.Checker(smoke.parse(_log())), smoke.Checker(smoke.parse(_log()), debug=True)
    plain.run()
    debug.run()
    assert "faults" not in plain.tests
    assert debug.tests["faults"]
    assert debug.tests["leaks"]


def _debug(leaks: int = 0, errno: int = 0, locks: int = 1, refused: int = 9, killed: int = 9) -> str:
    calls = "".join(
        f'ksonde-smoke: faults {call} {{"tried": 10, "refused": {refused}, "errno": 12, "whole": 1}}\n'
        for call in ("open", "start", "map")
    )
    return (
        calls + f'ksonde-smoke: faults random {{"tried": 30, "refused": 20, "killed": {killed}}}\n'
        f'ksonde-smoke: leaks {{"errno": {errno}, "leaks": {leaks}, "debug_locks": {locks}}}\n'
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, ""),
        ({"leaks": 2}, "2 leaks"),
        ({"errno": 1}, "errno 1"),
        ({"locks": 0}, "lockdep"),
        ({"refused": 0}, "faults in open"),
        ({"killed": 10}, "faults at random"),
    ],
)
def test_what_a_debug_kernel_says(how: dict[str, int], said: str) -> None:
    wrong = _checker(_log(_debug(**how)), "_faults", "_leaks", debug=True).wrong.get("session_state", [])
    assert (said in " ".join(wrong)) if said else not wrong


def _verdicts(*hooks: str) -> dict[str, Any]:
    return run._events(_checker(_log(*hooks), "_connects"))


def test_verdicts() -> None:
    detail = "ftrace x: this kernel was built without it (-95)\nkprobe x: taken\n"
    assert _verdicts(_hook(0, "connect", 42))["connect"]["verdict"] == "ok"
    found = _verdicts(_hook(0, "connect", 42, state=2, mechanism=4, detail=detail))["connect"]
    assert found["verdict"] == "degraded"
    assert found["why"] == ["connect: ftrace x: this kernel was built without it (-95); kprobe x: taken"]
    assert _verdicts(_hook(0, "connect", 42, state=3))["connect"]["verdict"] == "failed"
    assert _verdicts(_hook(0, "connect", 42), _hook(1, "more", 42, state=3))["connect"]["verdict"] == "failed"
    assert _verdicts(_hook(0, "execve", 59))["execve"]["verdict"] == "armed"
    assert "idt_hook" not in _verdicts(_hook(0, "execve", 59))


def test_a_hook_whose_point_the_kernel_has_not() -> None:
    """The event has less, and says why; without any hook that is what the kernel lacks, or a failure."""
    gone = _hook(1, "more", 42, state=3, detail="ftrace x: this kernel has no such point (-2)\n")
    found = _verdicts(_hook(0, "connect", 42), gone)["connect"]
    assert found["verdict"] == "degraded"
    assert found["why"] == ["more: ftrace x: this kernel has no such point (-2)"]
    checker = _checker(_log(gone), "_connects")
    assert run._events(checker)["connect"]["verdict"] == "failed"
    checker.lacking.add("connect")
    assert run._events(checker)["connect"]["verdict"] == "lacking"


def test_a_kernel_without_the_notifications() -> None:
    without = "usb: this kernel was built without it (-95)\n"
    verdicts = {
        mechanism: _verdicts(_hook(0, "fork", 800, state=3, detail=f"{mechanism} {without}"))["fork"][
            "verdict"
        ]
        for mechanism in ("notifier", "ftrace")
    }
    assert verdicts == {"notifier": "lacking", "ftrace": "failed"}


def test_a_kernel_without_io_uring() -> None:
    checker = _checker(_log(acts={**ACTS, "ring": {"result": -38}, "personality": {}}), "_ring")
    assert (checker.lacking, checker.wrong) == ({"io_uring"}, {})


def test_the_last_word_on_a_hook_counts() -> None:
    found = _verdicts(_hook(0, "connect", 42), _hook(0, "connect", 42, state=3))
    assert found["connect"]["verdict"] == "failed"


def test_where_no_result_can_be_seen_it_is_absent() -> None:
    log = _log(
        _hook(0, "connect", 42, state=2, mechanism=3),
        connect={**CONNECT, "result": None, "in_progress": None},
    )
    assert _checker(log, "_connects").wrong == {}
    log = _log(_hook(0, "connect", 42, state=2, mechanism=3))
    assert _checker(log, "_connects").wrong


#: What other records have than a result of 0.
NOTHING: dict[str, dict[str, int]] = {
    "open": {"flags": 0, "mode": 0, "resolve": 0, "result": 0},
    "rename": {"flags": 0},
    "link": {},
    "mount": {},
    "file_read": {},
}


def _acted(act: dict[str, Any], *records: tuple[str, dict[str, Any]], more: str = "") -> str:
    done = [
        build_record(event, {**NOTHING.get(event, {"result": 0}), **data}, INIT) for event, data in records
    ]
    return _log(*(_blob("record", record) for record in done), more, acts={**ACTS, **act})


FILES = {
    name: {"tgid": 1, "errno": 0} for name in ("chmod", "rename", "link", "symlink", "mount", "newmount")
}
FILES["open"] = {"tgid": 1, "errno": 2, "flag": 0o400000}
#: A test, the act that it looks at, and records that tell of it.
MORE: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]] = {
    "_files": (
        FILES,
        [
            ("open", {"filename": "/tmp/plain", "path": "/tmp/plain", "flags": 0o400000}),
            ("open", {"filename": "/tmp/missing", "result": -2}),
            ("chmod", {"path": "/tmp/plain", "old_mode": 0o100644, "mode": 0o4755}),
            ("file_read", {"path": "/tmp/plain", "mode": 0o100644, "position": 0, "fs_id": "tmpfs"}),
        ],
    ),
    "_renamed": (
        FILES,
        [
            (
                "rename",
                {
                    "old_path": b'/tmp/made\n\x1e\x17 "\xff',
                    "new_path": b'/tmp/other\n\x1e\x17 "\xff',
                    "fs_id": "tmpfs",
                },
            ),
            ("link", {"path": "/tmp/hard", "kind": 1, "target": "/tmp/plain", "fs_id": "tmpfs"}),
            ("link", {"path": "/tmp/soft", "kind": 2, "target": "plain", "fs_id": "tmpfs"}),
        ],
    ),
    "_mount": (
        FILES,
        [
            (
                "mount",
                {
                    "target": "/tmp/mounted",
                    "source": "src",
                    "type": "tmpfs",
                    "flags": 2,
                    "options": "size=64k",
                },
            ),
            *(
                ("mount", {"kind": kind, "type": "tmpfs", "flags": 0, **data})
                for kind, data in (
                    (2, {"target": "/tmp/moved", "flags": 1 << 21 | 2}),
                    (3, {"source": b"a\n\xff"}),
                    (4, {"options": b"source=a\n\xff"}),
                    (6, {"source": "/tmp/moved", "flags": 4096}),
                )
            ),
        ],
    ),
    "_accepted": (
        {
            "bind": {"tgid": 1, "errno": 0, "port": 99},
            "accept": {"tgid": 1, "fd": 3, "result": 5, "port": 98},
        },
        [
            (
                "bind",
                {
                    "family": 2,
                    "type": 1,
                    "protocol": 6,
                    "port": 0,
                    "local_port": 99,
                    "address": bytes([127, 0, 0, 2]),
                },
            ),
            (
                "accept",
                {
                    "family": 2,
                    "protocol": 6,
                    "fd": 3,
                    "result": 5,
                    "local_port": 99,
                    "local_address": bytes([127, 0, 0, 2]),
                    "remote_port": 98,
                    "remote_address": bytes([127, 0, 0, 1]),
                },
            ),
        ],
    ),
    "_memfd": (
        {"memfd": {"tgid": 1, "result": 5}},
        [("memfd_create", {"name": b"a\n\x1e\x17\xff", "memfd_flags": 1, "result": 5})],
    ),
    "_signals": (
        {"signals": {"tgid": 1, "child": 9, "errno": 0, "pidfd": 5}},
        [
            ("kill", {"target_tgid": 9, "pid": None, "pidfd": 5, "signal": 0}),
            ("kill", {"target_tgid": 9, "pid": 9, "pidfd": None, "signal": 15}),
            ("tkill", {"target_tgid": 9, "thread": 9, "signal": 0}),
            ("tgkill", {"target_tgid": 9, "pid": 9, "thread": 9, "signal": 0}),
        ],
    ),
    "_capset": (
        {"capset": {"tgid": 1, "status": 0, "old": 3, "new": 2}},
        [("capset", {"old_cap_effective": 3, "new_cap_effective": 2})],
    ),
}


@pytest.mark.parametrize("test", MORE)
def test_acts_on_files_and_processes(test: str) -> None:
    act, records = MORE[test]
    assert _checker(_acted(act, *records), test).wrong == {}
    assert _checker(_acted(act, *records[1:]), test).wrong


def test_a_new_session() -> None:
    leader = {**INIT, "tgid": 9, "pgid": 9, "sid": 9}
    record = _blob("record", build_record("setsid", {"result": 9}, leader))
    acts = {**ACTS, "setsid": {"tgid": 9, "status": 0}}
    assert _checker(_log(record, acts=acts), "_session").wrong == {}
    acts = {**ACTS, "setsid": {"tgid": 9, "status": 256}}
    assert "refused" in _checker(_log(record, acts=acts), "_session").wrong["setsid"][0]


def test_what_a_kernel_answers_that_should_not() -> None:
    act = {**MORE["_memfd"][0], "memfd": {"tgid": 1, "result": -38}}
    record = ("memfd_create", {"name": b"a\n\x1e\x17\xff", "memfd_flags": 1, "result": -38})
    assert _checker(_acted(act, record), "_memfd").wrong == {
        "memfd_create": ["memfd: the kernel answered -38"]
    }
    act = {**FILES, "open": {"tgid": 1, "errno": 13, "flag": 1}}
    records = [
        ("open", {"filename": "/tmp/plain", "path": "/tmp/plain", "flags": 0}),
        ("open", {"filename": "/tmp/missing", "result": -13}),
        ("chmod", {"path": "/tmp/plain", "old_mode": 0o100644, "mode": 0o4755}),
        ("file_read", {"path": "/tmp/plain", "mode": 0o100644, "position": 0, "fs_id": "tmpfs"}),
    ]
    assert _checker(_acted(act, *records), "_files").wrong["open"] == [
        "open: flags_ is 0o0", "open: the kernel answered 13"
    ]  # fmt: skip


def test_what_a_return_alone_does_not_tell() -> None:
    act, _ = MORE["_capset"]
    record = ("capset", {"old_cap_effective": None, "new_cap_effective": 2})
    hook = _hook(0, "capset", 807, state=2, mechanism=6)
    assert _checker(_acted(act, record, more=hook), "_capset").wrong == {}
    assert _checker(_acted(act, record), "_capset").wrong


def test_a_kernel_without_pidfds() -> None:
    act, records = MORE["_signals"]
    old = {"signals": {**act["signals"], "pidfd": -1}}
    assert _checker(_acted(old, *records[1:]), "_signals").wrong == {}


IDS = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid")
SETS = ("inheritable", "permitted", "effective", "bounding", "ambient")


def _credentials(first: int) -> dict[str, list[int]]:
    return {
        "uids": [first, first + 1, first + 2, first + 3],
        "gids": [first + 4, first + 5, first + 6, first + 7],
        **{name: [first + 8 + at, 0, 0, 0] for at, name in enumerate(SETS)},
    }


def _escalation(tgid: int, noticed: int, **data: Any) -> str:
    fields = {f"{side}_{name}": first + at for side, first in (("old", 10), ("new", 30))
              for at, name in enumerate((*IDS, *(f"cap_{name}" for name in SETS)))}  # fmt: skip
    told = {"noticed": noticed, "replaced": 1, "explained": 2, "explained_time": 500, "old_user_ns": 14}
    ancestors = [{"start_time": 0, "tgid": 1, "comm": "init"}]
    context = {**INIT, "tgid": tgid, "parent_tgid": 1, "uid": 30, "euid": 31}
    record = build_record("privilege_escalation", {**fields, **told, "ancestors": ancestors, **data}, context)
    return _blob("record", record)


def _intruded(*records: str, **facts: Any) -> smoke.Checker:
    acts = dict(ACTS)
    for tgid, how in ((7, "exec"), (8, "fork"), (9, "exit")):
        acts[f"before_{how}"], acts[f"after_{how}"] = _credentials(10), _credentials(30)
        known = {"status": 0, "loaded": 0, "unloaded": 0, "swap": 1, "time": [400, 600]}
        acts[f"intrude_{how}"] = {"tgid": tgid, **known, **facts}
    return _checker(_log(*records, acts=acts), "_escalated")


ESCALATIONS = [_escalation(7, 1), _escalation(8, 2), _escalation(9, 3)]


def test_an_escalation() -> None:
    assert _intruded(*ESCALATIONS).wrong == {}


@pytest.mark.parametrize(
    ("records", "facts", "said"),
    [
        (ESCALATIONS[:2], {}, "noticed at exit: 0 records, not 1"),
        ([*ESCALATIONS, _escalation(5, 1)], {}, "4 records of three escalations"),
        (ESCALATIONS, {"loaded": -1}, "the fixture or its process failed"),
        (ESCALATIONS, {"time": [501, 600]}, "explained at 500, not in 501..600"),
        ([*ESCALATIONS[:2], _escalation(9, 3, new_fsgid=1)], {}, "new_fsgid is 1, not 37"),
        ([*ESCALATIONS[:2], _escalation(9, 3, ancestors=[])], {}, "ancestors are ()"),
    ],
)
def test_an_escalation_that_is_told_wrongly(records: list[str], facts: dict[str, Any], said: str) -> None:
    assert said in " ".join(_intruded(*records, **facts).wrong["privilege_escalation"])


def _of_usb(what: str, number: int) -> dict[str, Any]:
    hub = what == "usb1"
    return {
        "vendor_id": 1, "product_id": 2, "device_class": 9 if hub else 0, "bus": 1, "number": number,
        "configuration": 1, "product": what, "manufacturer": "", "serial": "s",
        "device_path": f"/devices/{what}", "interfaces": ["090000" if hub else "030000"],
    }  # fmt: skip


def _usb_record(action: int, what: str, number: int, **other: Any) -> str:
    data = {**_of_usb(what, number), "manufacturer": None, "action": action}
    return _blob("record", build_record("usb_device", {**data, **other}, INIT))


def _usb_acts(modules: int) -> dict[str, Any]:
    return {
        **ACTS,
        "usb_hub": _of_usb("usb1", 1),
        "usb_device": _of_usb("1-1", 2), "usb_device_again": _of_usb("1-1", 2),
        "usb": {"tgid": 1, "modules": modules, "unbind": 0, "bind": 0},
    }  # fmt: skip


LOADED = [_usb_record(1, "usb1", 1), _usb_record(1, "1-1", 2)]
AGAIN = [_usb_record(2, "1-1", 2), _usb_record(1, "1-1", 2)]


def test_a_usb_device() -> None:
    assert _checker(_log(*LOADED, *AGAIN, acts=_usb_acts(4)), "_usb").wrong == {}
    assert _checker(_log(*AGAIN, acts=_usb_acts(0)), "_usb").wrong == {}
    wrong = _checker(_log(*AGAIN, acts=_usb_acts(4)), "_usb").wrong["usb_device"]
    assert "hub: it came 0 times, not 1" in wrong
    wrong = _checker(_log(*AGAIN[1:], acts=_usb_acts(0)), "_usb").wrong["usb_device"]
    assert wrong == ["device: it went 0 times, not once"]
    refused = {**_usb_acts(0), "usb": {"tgid": 1, "modules": 0, "unbind": 19, "bind": 0}}
    assert "refused" in _checker(_log(*AGAIN, acts=refused), "_usb").wrong["usb_device"][0]


def test_a_kernel_without_usb() -> None:
    checker = _checker(_log(acts={**ACTS, "usb": {"skipped": "this kernel has no USB"}}), "_usb")
    assert (checker.wrong, checker.said.notes) == ({}, ["USB: this kernel has no USB"])
