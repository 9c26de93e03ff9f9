# SPDX-License-Identifier: GPL-2.0-only
"""Who sits in the LSM hooks: ksonde lsm, and what the driver says to whom."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ksonde
from acting import TESTS
from ksonde import inspection, uapi
from ksonde import lsm_hooks as lsm

FIXTURE = TESTS / "ksonde_lsm.ko"
KSONDE = [sys.executable, "-m", "ksonde"]
#: What begins the names of an LSM's callbacks; landlock's are plainly hook_...
PREFIXES = {
    "apparmor": ("apparmor_", "aa_"),
    "capability": ("cap_",),
    "landlock": ("hook_",),
    "lockdown": ("lockdown_",),
    "bpf": ("bpf_",),
}


@pytest.fixture(autouse=True)
def securityfs() -> None:
    if not lsm.BOOTED.exists():
        subprocess.run(["mount", "-t", "securityfs", "securityfs", "/sys/kernel/security"], check=True)


@pytest.fixture
def foreign(request: pytest.FixtureRequest) -> Iterator[str]:
    name = getattr(request, "param", "nobody")
    subprocess.run(["insmod", FIXTURE, f"lsm={name}"], check=True)
    yield name
    if Path("/sys/module/ksonde_lsm").exists():
        subprocess.run(["rmmod", "ksonde_lsm"], check=True)


def run(*words: str) -> tuple[int, str, str]:
    done = subprocess.run([*KSONDE, "lsm", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def found() -> lsm.Hooks:
    return lsm.Hooks.parse(inspection.look(uapi.Inspect.LSM))


def symbols() -> dict[int, set[str]]:
    """All symbols, read independently."""
    names: dict[int, set[str]] = {}
    for line in Path("/proc/kallsyms").read_text().splitlines():
        address, _kind, name, *_module = line.split()
        names.setdefault(int(address, 16), set()).add(name)
    return names


def test_every_callback_is_what_kallsyms_says() -> None:
    hooks = found()
    known = symbols()
    booted = lsm.booted()
    assert booted is not None
    assert "capability" in booted
    count, seen = 0, set()
    for hook in hooks.hooks:
        for callback in hook.callbacks:
            place = callback.function
            assert place.address is not None
            assert place.symbol in known[int(place.address, 16)]
            assert (place.offset, place.module, place.kernel) == (0, "", True)
            assert callback.lsm in booted
            assert place.symbol.startswith(PREFIXES.get(callback.lsm, (f"{callback.lsm}_",)))
            assert callback.called is None
            assert not callback.code_calls
            seen.add(callback.lsm)
            count += 1
    # Each LSM that booted sits somewhere.
    assert seen == set(booted)
    assert count > 50


def test_both_ways_agree() -> None:
    hooks = found()
    assert hooks.by_symbol["found"]
    assert hooks.by_code["found"]
    assert hooks.by_code["partly"] == 0
    assert hooks.notes() == []
    assert hooks.findings(lsm.booted()) == []
    names = [hook.name for hook in hooks.hooks]
    assert len(set(names)) == len(names)
    agree = [hook.name for hook in hooks.hooks if hook.agree]
    assert len(agree) >= 0.95 * len(names)
    assert not [hook.name for hook in hooks.hooks if hook.agree is False or not hook.whole]
    by_name = {hook.name: hook for hook in hooks.hooks}
    assert by_name["file_open"].functions == ("security_file_open",)
    assert by_name["capable"].callbacks[0].function.symbol == "cap_capable"


def test_the_order_is_that_of_the_calls() -> None:
    """The kernel asks its LSMs in the order in which it says that it booted with them."""
    order = {name: number for number, name in enumerate(lsm.booted() or ())}
    for hook in found().hooks:
        numbers = [order[callback.lsm] for callback in hook.callbacks]
        assert numbers == sorted(numbers), hook.name


def test_command() -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert re.search(r"^file_open\n(├─ .*\n)*[├└]─ .*apparmor_file_open", out, re.MULTILINE)
    code, out, err = run("--json", "capable")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["findings"] == []
    assert [hook["name"] for hook in answer["hooks"]] == ["capable"]
    code, out, err = run("no_such_hook")
    assert (code, out) == (1, "")
    assert "no LSM hook 'no_such_hook'" in err


@pytest.mark.parametrize("foreign", ["nobody", "apparmor"], indirect=True)
def test_a_callback_of_a_module(foreign: str) -> None:
    code, out, err = run("--json")
    assert (code, err) == (3, "")
    answer = json.loads(out)
    hook = next(one for one in answer["hooks"] if one["name"] == "task_getscheduler")
    # The first of a list; of static calls the first one that was free.
    foreigners = [one for one in hook["callbacks"] if one["function"]["module"]]
    (first,) = foreigners
    assert first["slot"] == (0 if answer["kind"] == "lists" else len(hook["callbacks"]) - 1)
    assert first["lsm"] == foreign
    place: dict[str, Any] = first["function"]
    assert int(place.pop("address"), 16) in symbols()
    assert place == {
        "symbol": "ksonde_lsm_callback",
        "offset": 0,
        "module": "ksonde_lsm",
        "kernel": False,
    }
    assert all(one["function"]["kernel"] for one in hook["callbacks"] if one not in foreigners)
    (finding,) = answer["findings"]
    assert finding["where"] == "task_getscheduler"
    assert finding["what"] == "a callback of module ksonde_lsm, which is no LSM of the kernel"
    code, out, err = run()
    assert code == 3
    assert "ksonde_lsm_callback [ksonde_lsm]" in out
    assert "1 finding" in err
    subprocess.run(["rmmod", "ksonde_lsm"], check=True)
    code, _out, err = run()
    assert (code, err) == (0, "")


def test_addresses_are_for_who_may_see_them() -> None:
    """A reader that has CAP_AUDIT_READ only, as the agent has."""
    script = (
        "import json, ksonde; from ksonde import uapi; "
        "print(json.dumps(ksonde.Device().inspect(uapi.Inspect.LSM)))"
    )
    command = ["setpriv", "--bounding-set=-all,+audit_read,+dac_override", "--inh-caps=-all"]
    done = subprocess.run(
        [*command, sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert answer["addresses"] is False
    assert "address" not in done.stdout.replace('"addresses"', "")
    assert "0xffff" not in done.stdout
    hooks = lsm.Hooks.parse(answer)
    assert [hook.callbacks[0].function.symbol for hook in hooks.hooks if hook.name == "capable"] == [
        "cap_capable"
    ]


def test_what_cannot_be_asked() -> None:
    with ksonde.Device() as device:
        refused = (
            ({"what": 4711}, "not supported"),
            ({"what": uapi.Inspect.LSM, "part": 1}, "not supported"),
            ({"what": uapi.Inspect.LSM, "reserved": 1}, "Invalid argument"),
            ({"what": uapi.Inspect.INTEGRITY, "part": 4711}, "No such file"),
            ({"what": uapi.Inspect.INVENTORY, "part": 4711}, "No such file"),
        )
        for asked, why in refused:
            with pytest.raises(ksonde.errors.DriverError, match=why):
                device.node.ioctl(uapi.Ioctl.INSPECT, uapi.pack(uapi.InspectText, **asked))
        argument = uapi.pack(uapi.InspectText, what=uapi.Inspect.LSM)
        with pytest.raises(ksonde.errors.DriverError, match="No space"):
            device.node.ioctl(uapi.Ioctl.INSPECT, argument)
        answer = uapi.InspectText.parse(bytes(argument))
        assert answer.length == 0
        assert answer.needed > 10_000
        argument = uapi.pack(uapi.InspectText, what=uapi.Inspect.LSM, length=uapi.INSPECT_MAX, buffer=8)
        with pytest.raises(ksonde.errors.DriverError, match="Bad address"):
            device.node.ioctl(uapi.Ioctl.INSPECT, argument)
