# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ksonde import __version__, cli, doctor, preflight, preflight_report
from ksonde.doctor import FAIL, OK, WARN
from ksonde.preflight import DEGRADED, FAILS, FINE, Kernel, Report


def kernel(release: str, verdict: str, **more: Any) -> Kernel:
    hooks = (
        preflight.Prediction("connect", "degraded", "ftrace", "f", ("kretprobe g: no", "ftrace f: taken")),
    )
    checks = (
        doctor.Check("kernel", OK, release),
        doctor.Check("build", FAIL if verdict == FAILS else WARN, "x", "y"),
    )
    return Kernel(release, False, False, verdict, more.pop("why", ""), checks, hooks)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([FINE], 0),
        ([FINE, FINE], 0),
        ([FAILS, FINE], 20),
        ([FAILS, FAILS], 20),
        ([FINE, FAILS], 21),
        ([DEGRADED, FAILS], 21),
        ([DEGRADED, FINE], 22),
        ([FINE, DEGRADED], 22),
    ],
)
def test_exit_codes(
    verdicts: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whys = ("", "build: x" if verdicts[1:] == [FAILS] else "")
    kernels = tuple(kernel(f"6.{i}", verdict, why=whys[i]) for i, verdict in enumerate(verdicts))
    report = Report(__version__, "/clone", "6.0", "the newest one", kernels)
    monkeypatch.setattr(preflight, "examine", lambda **_: report)
    assert cli.main(["preflight"]) == code
    sys.stdout.flush()
    capfd.readouterr()
    assert cli.main(["preflight", "--json"]) == code
    sys.stdout.flush()
    told = json.loads(capfd.readouterr().out)
    assert (told["exit_code"], told["next_boot"]) == (code, "6.0")
    assert [one["verdict"] for one in told["kernels"]] == verdicts
    assert told["kernels"][0]["hooks"][0]["mechanism"] == "ftrace"
    assert told["why"] == ("6.1: build: x" if verdicts[1:] == [FAILS] else "")


def test_as_a_script_it_needs_nothing_installed(tmp_path: Path) -> None:
    """tools/preflight of a copied clone: no package but Python's own is asked for."""
    script = Path(__file__).parents[2] / "tools" / "preflight"
    command = [sys.executable, "-I", "-S", str(script), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={"PATH": ""}
    )
    assert "Traceback" not in done.stderr
    assert (done.returncode in (0, 20, 21, 22)) == bool(done.stdout)
    assert done.stdout or done.stderr.startswith("ksonde: no kernel is installed")
    done = subprocess.run([*command[:-1], "--jason"], capture_output=True, text=True, check=False)
    assert done.returncode == 2


def test_main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    report = Report(__version__, "/clone", "6.1", "the newest one", (kernel("6.1", DEGRADED),))
    monkeypatch.setattr(preflight, "examine", lambda: report)
    assert preflight_report.main([]) == 22
    assert "degraded  6.1" in capfd.readouterr().out
    assert preflight_report.main(["--json"]) == 22
    assert json.loads(capfd.readouterr().out)["exit_code"] == 22


def test_for_people(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    kernels = (kernel("6.1", FAILS, why="build: x"), kernel("6.0", DEGRADED, why="connect degraded"))
    report = Report(__version__, "/clone", "6.1", "the newest one", kernels)
    monkeypatch.setattr(preflight, "examine", lambda **_: report)
    cli.main(["preflight"])
    sys.stdout.flush()
    assert capfd.readouterr().out.splitlines() == [
        f"ksonde {__version__} from /clone",
        "next boot: 6.1, the newest one",
        "",
        "fails  6.1: build: x",
        "    fail  build: x",
        "          -> y",
        "",
        "degraded  6.0: connect degraded",
        "    warn  build: x",
        "          -> y",
    ]
    cli.main(["preflight", "--verbose"])
    sys.stdout.flush()
    out = capfd.readouterr().out
    assert "    connect  degraded  ftrace     f" in out.splitlines()
    assert "        kretprobe g: no" in out.splitlines()
