# SPDX-License-Identifier: GPL-2.0-only
"""The command line, in this process where stand-ins are needed, as a process where that matters."""

from __future__ import annotations

import inspect
import json
import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from typer.models import OptionInfo, ParameterInfo
from typer.testing import CliRunner

import ksonde
from fakes import SCHEMA, FakeDevice, FakeSession, execve, record
from ksonde import __version__, cli, errors
from ksonde.cli import exit as codes
from ksonde.cli import profile, watch
from ksonde.errors import (
    DeviceMissing,
    KsondeError,
    NoSuchProcess,
    PermissionRefused,
    SchemaTooNew,
    VersionMismatch,
)
from ksonde.inspection import Finding
from ksonde.limits import Limit
from ksonde.portscan import PortScan
from ksonde.record import Record
from ksonde.rules import Rule
from ksonde.session import RuleStats
from support import CONNECT

USERLAND = str(Path(ksonde.__file__).parents[1])
LOST = record("lost", {"lost_event": 59, "reason": 0, "count": 3})
STATE = record("session_state", {"what": 1})
Result = tuple[int, str, str]
Run = Callable[..., Result]


@pytest.fixture(name="run")
def _run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line against a stand-in: code, output, errors."""
    opened: list[dict[str, Any]] = []

    def run(
        *argv: str, batches: Optional[list[list[Record]]] = None, problem: Optional[Exception] = None
    ) -> Result:
        def open_(events: Optional[list[str]] = None, **options: Any) -> FakeSession:
            if problem is not None:
                raise problem
            opened.append({"events": events, **options})
            return FakeSession(batches or (), events)

        def device(path: str = "/dev/ksonde") -> FakeDevice:
            if problem is not None:
                raise problem
            return FakeDevice(path)

        monkeypatch.setattr(ksonde, "open", open_)
        monkeypatch.setattr("ksonde.device.Device", device)
        code = cli.main(argv)
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return code, out, err

    run.opened = opened  # type: ignore[attr-defined] # what was asked of ksonde.open()
    return run


def python(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": USERLAND, **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, *argv],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
        **options,
    )


# ------------------------------------------------------------------- start


def test_help_is_quick_to_start() -> None:
    script = (
        "import sys; from ksonde.cli import main; main(['--help']); "
        "print([m for m in ('construct', 'pyroute2', 'pyudev', 'rich', 'json') if m in sys.modules])"
    )
    done = python("-c", script)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_help_of_every_command() -> None:
    runner = CliRunner()
    for command in (
        [],
        *(
            [name]
            for name in (
                "watch",
                "agent",
                "hooks",
                "lsm",
                "scan",
                "stat",
                "schema",
                "load",
                "unload",
                "status",
                "doctor",
            )
        ),
        ["breaker"],
        ["profile"],
        *(["profile", name] for name in ("list", "show", "check")),
    ):
        done = runner.invoke(cli.app, [*command, "--help"])
        assert done.exit_code == 0
        assert "Usage:" in done.output


def test_typer_is_told_everything_without_annotated() -> None:
    # Debian 12's typer would take a name for the default of a parameter that it does not understand.
    for command in [*cli.app.registered_commands, *profile.app.registered_commands]:
        assert command.callback is not None
        for parameter in inspect.signature(command.callback).parameters.values():
            assert not hasattr(parameter.annotation, "__metadata__")
            assert isinstance(parameter.default, ParameterInfo), parameter
            if isinstance(parameter.default, OptionInfo):
                assert parameter.default.default is not ..., parameter
    assert inspect.signature(watch.watch).parameters["event"].default.param_decls == ("--event", "-e")


def test_the_exit_codes_are_all_in_help_and_manual() -> None:
    shown = CliRunner().invoke(cli.app, ["--help"]).output
    manual = (Path(USERLAND).parent / "docs" / "cli.md").read_text(encoding="utf-8")
    for code, meaning in codes.CODES.items():
        assert f"{code:<4} {meaning}" in shown
        assert f"| {code} | {meaning} |" in manual
    classes = [
        one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.KsondeError)
    ]
    assert {str(one.exit_code) for one in classes} <= codes.CODES.keys()
    assert codes.CODES.keys() >= {str(n) for n in (codes.OK, codes.ERROR, codes.USAGE, codes.NO_DEVICE)}


def test_version() -> None:
    done = python("-m", "ksonde", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ksonde {__version__}\n", "")


def test_without_a_command_it_helps() -> None:
    done = python("-m", "ksonde")
    assert done.returncode == 2
    assert "Commands:" in done.stdout


def test_completion() -> None:
    done = python(
        "-m",
        "ksonde",
        env={"_KSONDE_COMPLETE": "complete_bash", "COMP_WORDS": "ksonde wa", "COMP_CWORD": "1"},
    )
    assert done.stdout.split() == ["watch"]


def test_completion_of_events(run: Run) -> None:
    from ksonde.cli.options import complete_event

    assert complete_event("") == []
    run("schema")
    assert complete_event("conn") == ["connect"]
    assert complete_event("al") == ["all"]


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (DeviceMissing("/dev/ksonde"), 3),
        (PermissionRefused("/dev/ksonde"), 4),
        (errors.TooManySessions("/dev/ksonde"), 5),
        (NoSuchProcess(99), 9),
        (VersionMismatch(2, 1, "9.9.9"), 7),
        (SchemaTooNew("type u128"), 7),
        (errors.BadRecord("x\n\x1b[31m"), 8),
        (FileNotFoundError(2, "No such file or directory", "/x"), 1),
        (OSError("strange"), 1),
    ],
)
def test_every_error_is_one_line(run: Run, problem: Exception, code: int) -> None:
    got, out, err = run("watch", problem=problem)
    assert (got, out) == (code, "")
    assert err.startswith("ksonde: ")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()


@pytest.mark.parametrize(
    "argv",
    [
        ["wach"],
        ["watch", "--foo"],
        ["watch", "--for", "soon"],
        ["watch", "--count", "0"],
        ["watch", "--ring", "big"],
        ["watch", "--pid", "3", "--", "true"],
        ["profile", "list", "x"],
        ["load", "sessions_max"],
    ],
)
def test_a_wrong_command_line_is_one_line(run: Run, argv: list[str]) -> None:
    code, out, err = run(*argv)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "; see `ksonde" in err


def test_an_unknown_event_suggests_the_nearest(run: Run) -> None:
    code, _, err = run("watch", "--event", "connct")
    assert code == 6
    assert err == "ksonde: there is no event 'connct'; did you mean connect?\n"


def test_no_device_as_a_process(tmp_path: Path) -> None:
    if Path("/dev/ksonde").exists():
        pytest.skip("the module is loaded here")
    for command in (["watch"], ["hooks"], ["schema"], ["stat"], ["watch", "--", "true"]):
        done = python("-m", "ksonde", *command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.count("\n") == 1
        assert "ksonde load" in done.stderr


def test_an_unknown_profile_suggests_the_nearest(run: Run) -> None:
    for command in ("watch", "stat", "agent", "hooks"):
        code, _, err = run(command, "--profile", "sandbx")
        assert code == 6
        assert err == "ksonde: there is no profile 'sandbx'; did you mean sandbox?\n"


# ------------------------------------------------------------------- watch


def test_lines_and_summary(run: Run) -> None:
    batch = [STATE, execve("/bin/ls", "-l"), LOST, record("connect", CONNECT)]
    code, out, err = run("watch", "--for", "100ms", batches=[batch])
    assert code == 0
    assert [line.split()[3] for line in out.splitlines()] == ["execve", "lost", "connect"]
    assert "\x1b" not in out
    lines = err.splitlines()
    assert lines[-2].endswith(": execve 1, connect 1")
    assert lines[-1] == "lost 0"


def test_options_reach_the_session(run: Run) -> None:
    run(
        "watch",
        "--count",
        "1",
        "-e",
        "execve,connect",
        "--event",
        "exit",
        "--pid",
        "7",
        "--ring",
        "64K",
        batches=[[execve("a")]],
    )
    run("watch", "--count", "1", "--event", "all", batches=[[execve("a")]])
    run("watch", "--count", "1", "--profile", "sandbox", batches=[[execve("a")]])
    run(
        "watch", "--count", "1", "--event", "session_state", "--event", "exit", batches=[[STATE, execve("a")]]
    )
    run("watch", "--count", "1", batches=[[execve("a")]])
    every = {name for name, event in SCHEMA.events.items() if event.profile in "DS"}
    first, second, third, fourth, fifth = run.opened  # type: ignore[attr-defined]
    assert first == {"events": ["execve", "connect", "exit"], "ring_bytes": 65536, "follow": 7}
    assert set(second["events"]) == every == set(third["events"])
    assert fourth["events"] == ["exit"]
    assert fifth == {"events": None, "ring_bytes": 4 << 20, "follow": None}


def test_json_lines_and_nothing_else(run: Run) -> None:
    code, out, err = run(
        "watch", "--json", "--count", "2", batches=[[STATE, execve("a\n"), LOST, execve("b")]]
    )
    assert code == 0
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["execve", "lost", "execve"]
    assert err.splitlines()[-1] == "lost 0"


def test_no_summary(run: Run) -> None:
    assert run("watch", "--no-summary", "--count", "1", batches=[[execve("a")]])[2] == ""


def test_session_state_with_verbose_or_by_name(run: Run) -> None:
    for options in (["-v"], ["--event", "session_state"]):
        assert " started" in run("watch", *options, "--count", "1", batches=[[STATE, execve("a")]])[1]


def test_colour_when_forced(run: Run) -> None:
    assert "\x1b[32mexecve" in run("watch", "--color", "always", "--count", "1", batches=[[execve("a")]])[1]


def test_output_to_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "events"
    code, out, _ = run(
        "watch", "-o", str(path), "--json", "--count", "1", "--", "echo", "mine", batches=[[execve("a")]]
    )
    assert code in (0, 143)
    assert json.loads(path.read_text())["event"] == "execve"
    assert out in ("mine\n", "")
    assert "No such file" in run("watch", "-o", str(tmp_path / "no" / "file"))[2]


def test_a_command_is_followed_and_its_exit_code_is_ours(run: Run) -> None:
    code, out, err = run("watch", "--", "sh", "-c", "echo hello; exit 7", batches=[[execve("sh")]])
    assert code == 7
    assert "hello" in out
    assert "execve" in out
    assert err.splitlines()[-1] == "lost 0"
    assert run.opened[0]["follow"] > 1  # type: ignore[attr-defined]


def test_with_json_the_commands_output_is_kept_apart(run: Run) -> None:
    code, out, err = run("watch", "--json", "sh", "-c", "echo hello; kill -9 $$", batches=[[execve("sh")]])
    assert code == 137
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["execve"]
    assert "hello" in err


def test_time_ends_the_command_too(run: Run) -> None:
    begin = time.monotonic()
    code, _, _ = run("watch", "--for", "200ms", "--", "sleep", "60")
    assert code == 143
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(("name", "code"), [("no-such-command", 127), ("/etc/passwd", 127)])
def test_commands_that_cannot_be(run: Run, name: str, code: int) -> None:
    got, _, err = run("watch", "--", name)
    assert got == code
    assert err.count("\n") == 1


def test_an_unavailable_hook_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = FakeDevice().rows
    monkeypatch.setattr(
        FakeDevice, "hooks", lambda _self: [replace(rows[0], state="unavailable", detail=["no symbol"])]
    )
    err = run("watch", "--count", "1", batches=[[execve("a")]])[2]
    assert err.splitlines()[0] == "ksonde: connect is incomplete, hook connect is unavailable: no symbol"


def test_a_person_is_told_what_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(events=["exit"])
    session.rules = (Rule("exclude", uid=7),)
    session.limits = (Limit(("exit",), 9),)
    watch.announce(session)  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    watch.announce(session)  # type: ignore[arg-type]
    assert capsys.readouterr().err.splitlines() == [
        f"ksonde: watching exit (but of process {os.getpid()}, which is ksonde itself); Ctrl-C ends",
        "ksonde: filter: exclude all uid 7",
        "ksonde: limit: exit at most 9 a second",
    ]


WATCHER = """
import os, sys
import ksonde, ksonde.device
import fakes
batches = [[fakes.execve("a")]] * int(os.environ["BATCHES"])
ksonde.open = lambda events=None, **_: fakes.FakeSession(batches, events)
ksonde.device.Device = fakes.FakeDevice
from ksonde.cli import main
sys.exit(main(sys.argv[1:]))
"""


def watcher(*argv: str, batches: int = 1, **options: Any) -> subprocess.Popen[str]:
    path = os.pathsep.join((USERLAND, str(Path(__file__).parent)))
    environment = {**os.environ, "PYTHONPATH": path, "BATCHES": str(batches)}
    return subprocess.Popen([sys.executable, "-c", WATCHER, *argv], env=environment, text=True, **options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_summary(number: int) -> None:
    process = watcher("watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert "execve" in process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert err.splitlines()[-1] == "lost 0"


@pytest.mark.parametrize("batches", [1, 100_000])
def test_a_reader_that_goes_away_ends_it_quietly(batches: int) -> None:
    process = watcher("watch", batches=batches, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=30) == 0
    process.stderr.close()


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        process = watcher("watch", "--count", "1", stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == "ksonde: No space left on device\n"


def test_colours_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    process = watcher("watch", "--count", "1", stdout=theirs, stderr=subprocess.PIPE)
    _, err = process.communicate(timeout=30)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert ("\x1b[32m" in shown) == (os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR"))
    assert err.endswith("lost 0\n")


# ---------------------------------------------------------- other commands


def test_hooks_that_the_governor_holds_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(FakeDevice().rows[0], cost=18_249_000)
    rows = [replace(row, keep=8), replace(row, state="disarmed", keep=64), replace(row, keep=0xFFFFFFFF)]
    monkeypatch.setattr(FakeDevice, "hooks", lambda _self: rows)
    lines = [" ".join(line.split()) for line in run("hooks")[1].splitlines()[1:]]
    assert [line.rpartition(" kretprobe")[0] for line in lines] == [
        "connect connect armed, 1/8 of its records",
        "connect connect disarmed",
        "connect connect armed, no records",
    ]
    assert lines[0].endswith(" 1.82")


def test_hooks(run: Run) -> None:
    code, out, _ = run("hooks")
    assert code == 0
    head, first, second = out.splitlines()
    assert head.split() == [
        "HOOK",
        "EVENT",
        "STATE",
        "MECHANISM",
        "TARGET",
        "HITS",
        "MISSED",
        "NS/HIT",
        "%",
        "CPU",
    ]
    assert first.split() == [
        "connect",
        "connect",
        "armed",
        "kretprobe",
        "sys_connect",
        "1,200",
        "0",
        "800",
        "0.00",
    ]
    assert second.split() == ["update_cred", "update_cred", "idle", "none", "-", "0", "0", "-", "0.00"]
    assert "    taken" in run("hooks", "-v")[1].splitlines()
    assert json.loads(run("hooks", "--json")[1])[0]["mechanism"] == "kretprobe"
    assert run("hooks", "--arm")[0] == 0
    assert len(run.opened) == 1  # type: ignore[attr-defined]


@pytest.fixture(name="web")
def _web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's profile."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "ksonde" / "profiles"
    folder.mkdir(parents=True)
    path = folder / "web.toml"
    path.write_text('description = "a web\\u001b server"\nextends = "default"\nevents = ["fork"]\n')
    return path


def test_a_profile_of_a_file(run: Run, web: Path) -> None:
    wanted = [*SCHEMA.profile("D"), "fork"]
    for name in ("web", str(web)):
        assert run("watch", "--count", "1", "--profile", name, batches=[[execve("a")]])[0] == 0
    run("hooks", "--arm", "--profile", "web")
    assert [one["events"] for one in run.opened] == [wanted] * 3  # type: ignore[attr-defined]
    web.write_text('events = ["update_cred"]')
    assert [line.split()[0] for line in run("hooks", "--profile", "web")[1].splitlines()] == [
        "HOOK",
        "update_cred",
    ]
    web.write_text('events = [\n"updat_cred"]')
    code, out, err = run("watch", "--profile", "web")
    assert (code, out) == (11, "")
    assert err == f"ksonde: {web}:2: there is no event 'updat_cred'; did you mean update_cred?\n"


def test_profile_list(run: Run, web: Path) -> None:
    (web.parent / "broken.toml").write_text("events = 3")
    code, out, _ = run("profile", "list")
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert names == ["PROFILE", "default", "sandbox", "broken", "web"]
    assert f"{web.parent}/broken.toml:1: events is no list of names" in out
    assert "\x1b" not in out
    rows = {row["name"]: row for row in json.loads(run("profile", "list", "--json")[1])}
    assert (rows["web"]["extends"], rows["web"]["path"]) == ("default", str(web))
    assert rows["broken"]["error"]


def test_profile_show(run: Run, web: Path) -> None:
    code, out, _ = run("profile", "show", "web")
    assert code == 0
    title, _, head, *rows = out.splitlines()
    assert title.startswith(f"web ({web}), extends default (of the driver): ")
    assert head.split() == ["EVENT", "FROM", "WHAT"]
    assert [row.split()[1] for row in rows] == ["default"] * len(SCHEMA.profile("D")) + ["web"]
    shown = json.loads(run("profile", "show", "web", "--json")[1])
    assert shown["events"] == [*SCHEMA.profile("D"), "fork"]
    assert [one["name"] for one in shown["profiles"]] == ["web", "default"]


def test_profile_check(run: Run, web: Path) -> None:
    count = len(SCHEMA.profile("D")) + 1
    right = f"{web}: {count} events, 0 filters, 0 limits, no error\n"
    assert run("profile", "check", str(web)) == (0, right, "")
    code, out, err = run("profile", "check", str(web), problem=DeviceMissing("/dev/ksonde"))
    assert (code, out) == (0, f"{web}: well formed\n")
    assert err.startswith("ksonde: its events, filters and limits are not checked: there is no /dev/ksonde")
    web.write_text('events = ["exot"]')
    code, out, err = run("profile", "check", "web")
    assert (code, out) == (11, "")
    assert err == f"ksonde: {web}:1: there is no event 'exot'; did you mean exit?\n"
    web.write_text("events = ")
    assert run("profile", "check", "web", problem=DeviceMissing("/dev/ksonde"))[0] == 11


def test_filters_of_a_profile(run: Run, web: Path) -> None:
    web.write_text('extends = "default"\n[[filter]]\naction = "exclude"\nuid = 33\nevents = ["connect"]\n')
    run("watch", "--count", "1", "--profile", "web", batches=[[execve("a")]])
    run("stat", "--for", "10ms", "--profile", "web")
    rule = Rule("exclude", ("connect",), uid=33)
    assert [one["rules"] for one in run.opened] == [(rule,)] * 2  # type: ignore[attr-defined]
    assert run("profile", "show", "web")[1].endswith("\nfilters:\n  exclude connect uid 33\n")
    (shown,) = json.loads(run("profile", "show", "web", "--json")[1])["filters"]
    assert (shown["action"], shown["events"], shown["uid"], shown["exe"]) == (
        "exclude",
        ["connect"],
        33,
        None,
    )
    assert ", 1 filter, 0 limits, no error" in run("profile", "check", "web")[1]


def test_limits_of_a_profile(run: Run, web: Path) -> None:
    web.write_text('extends = "default"\n[[limit]]\nevents = ["connect"]\nper_second = 50\nper_process = 5\n')
    run("watch", "--count", "1", "--profile", "web", batches=[[execve("a")]])
    run("stat", "--for", "10ms", "--profile", "web")
    limit = Limit(("connect",), 50, 5)
    assert [one["limits"] for one in run.opened] == [(limit,)] * 2  # type: ignore[attr-defined]
    sentence = "connect at most 50 a second, 5 a second of a process"
    assert run("profile", "show", "web")[1].endswith(f"\nlimits:\n  {sentence}\n")
    (shown,) = json.loads(run("profile", "show", "web", "--json")[1])["limits"]
    assert shown == {"events": ["connect"], "per_second": 50, "per_process": 5}
    assert ", 0 filters, 1 limit, no error" in run("profile", "check", "web")[1]


def test_port_scan_of_a_profile(run: Run, web: Path) -> None:
    web.write_text('events = ["port_scan"]\n[port_scan]\nports = 5\nwindow = 60\n')
    run("watch", "--count", "1", "--profile", "web", batches=[[execve("a")]])
    run("stat", "--for", "10ms", "--profile", "web", "--port-scan", "hosts=3,window=1m,allow=10.0.0.0/8")
    first, second = run.opened  # type: ignore[attr-defined]
    assert first["port_scan"] == PortScan(ports=5, window=60)
    assert "rules" not in first
    assert second["port_scan"] == PortScan(ports=5, hosts=3, window=60)
    assert second["rules"] == (Rule("exclude", ("port_scan",), network="10.0.0.0/8"),)
    assert run("profile", "show", "web")[1].endswith("\nport_scan: 5 ports, within 60 s\n")
    shown = json.loads(run("profile", "show", "web", "--json")[1])["port_scan"]
    assert shown == {"ports": 5, "hosts": None, "window": 60, "loopback": None}
    assert ", 0 filters, 0 limits, port_scan, no error" in run("profile", "check", "web")[1]


def test_port_scan_on_the_command_line(run: Run) -> None:
    words = ("--event", "port_scan", "--port-scan")
    run("watch", "--count", "1", *words, "allow=::1,allow=10.0.0.1", batches=[[execve("a")]])
    (opened,) = run.opened  # type: ignore[attr-defined]
    assert "port_scan" not in opened
    assert [rule.network for rule in opened["rules"]] == ["::1", "10.0.0.1"]
    code, _, err = run("watch", *words, "ports=many")
    assert code == 2
    assert "ports is a number, not 'many'" in err


def test_stat_shows_what_filters_held_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    decided = [RuleStats(Rule("exclude", uid=7), 1234), RuleStats(Rule("include"), 5), RuleStats(None, 6)]
    monkeypatch.setattr(FakeSession, "rule_stats", lambda _self: decided)
    lines = [" ".join(line.split()) for line in run("stat", "--for", "10ms")[1].splitlines()]
    at = lines.index("FILTER HELD BACK LET THROUGH")
    assert lines[at + 1 : at + 5] == [
        "exclude all uid 7 1,234 0",
        "include all 0 5",
        "(no include rule matched) 6 0",
        "",
    ]
    assert f"filtered 3 (with all of process {os.getpid()}, which reads), LOST records 0, wake-ups 2" in lines
    sums = json.loads(run("stat", "--for", "10ms", "--json")[1])
    assert sums["skipped"] == os.getpid()
    assert sums["filters"][0] == {"rule": "exclude all uid 7", "held_back": 1234, "let_through": 0}


@pytest.mark.usefixtures("web")
def test_completion_of_profiles() -> None:
    from ksonde.cli.options import complete_profile

    assert complete_profile("") == ["default", "sandbox", "web"]
    assert complete_profile("w") == ["web"]


def test_stat(run: Run) -> None:
    code, out, _ = run("stat", "--for", "50ms", "--event", "execve")
    assert code == 0
    assert out.splitlines()[1].split()[:4] == ["execve", "5", "5", "0"]
    sums = json.loads(run("stat", "--for", "50ms", "--json")[1])
    assert sums["produced"] == 10
    assert len(sums["rings"]) == 2


def test_schema(run: Run) -> None:
    code, out, _ = run("schema")
    assert code == 0
    assert ["42", "connect", "default"] in [line.split()[:3] for line in out.splitlines()]
    assert json.loads(run("schema", "--json")[1]) == json.loads(SCHEMA.text)
    out = run("schema", "connect")[1]
    assert "remote_port" in out
    assert "parent_tgid" in out
    assert json.loads(run("schema", "connect", "--json")[1])["id"] == 42
    assert "parent_tgid" not in run("schema", "lost")[1]
    assert run("schema", "execvee")[0] == 6


def test_load_scans(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ksonde import breaker, module

    monkeypatch.setattr(breaker, "load", lambda *_, **__: breaker.Loaded(new=True, source="x"))
    monkeypatch.setattr(breaker, "leave_watcher", lambda: None)
    monkeypatch.setattr(module, "status", lambda: module.Status(True, "0.1.0"))
    monkeypatch.setattr("ksonde.scanner.scan_all", lambda: [Finding("module m\x1b", "hides")])
    warning = "ksonde: WARNING: module m\\e: hides; see `ksonde scan`, `ksonde lsm`\n"
    assert run("load")[2] == warning
    assert run("load", "--no-scan")[2] == ""

    def cannot() -> None:
        raise KsondeError("no memory")

    monkeypatch.setattr("ksonde.scanner.scan_all", cannot)
    assert run("load")[2] == "ksonde: WARNING: the kernel was not scanned: no memory\n"


def test_load_unload_status(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ksonde import breaker, health, module

    asked: list[dict[str, Any]] = []

    def load(path: Optional[Path], parameters: list[str], **options: Any) -> breaker.Loaded:
        asked.append(options)
        return breaker.Loaded(new=True, source=f"{path} {parameters}")

    watchers: list[int] = []
    monkeypatch.setattr(breaker, "load", load)
    monkeypatch.setattr(breaker, "leave_watcher", lambda: watchers.append(len(asked)))
    monkeypatch.setattr(module, "unload", lambda: None)
    monkeypatch.setattr(breaker, "note_stopped", lambda: asked.append({"stopped": True}))
    monkeypatch.setattr(breaker, "look", lambda _machine: None)
    found = module.Status(True, "0.1.0", 1, "Live", 4096, {"ring_max": "1"}, "0600 root:root", ("agent[7]",))
    monkeypatch.setattr(module, "status", lambda: found)
    monkeypatch.setattr("ksonde.scanner.scan_all", list)
    assert run("load", "-m", "x.ko", "ring_max=1")[1] == "loaded version 0.1.0 from x.ko ['ring_max=1']\n"
    run("load", "--boot", "--retry", "--healthy-after", "3m")
    assert watchers == [1], "by hand; at boot a unit does it"
    assert asked == [
        {"boot": False, "retry": False, "healthy_after": 120.0},
        {"boot": True, "retry": True, "healthy_after": 180.0},
    ]
    monkeypatch.setattr(breaker, "load", lambda *_, **__: breaker.Loaded(False, "", warning="no note"))
    assert run("load")[1:] == ("version 0.1.0 was loaded already\n", "ksonde: no note\n")
    nothing = replace(found, parameters={"observe_nothing": "a boot died"})
    monkeypatch.setattr(module, "status", lambda: nothing)
    assert run("load")[1].splitlines()[1] == (
        "it observes nothing: a boot died; `ksonde unload`, then `ksonde load`"
    )
    assert "health: unhealthy: it observes nothing: a boot died" in run("status")[1]
    monkeypatch.setattr(module, "status", lambda: found)
    assert run("unload")[:2] == (0, "unloaded\n")
    assert asked.pop() == {"stopped": True}

    def unload() -> None:
        raise module.NotLoaded

    monkeypatch.setattr(module, "unload", unload)
    assert run("unload")[0] == 3
    assert asked[-1] == {"stopped": True}, "somebody else has unloaded it"
    code, out, _ = run("status")
    assert code == 0
    for words in ("version 0.1.0, 4 KiB, live", "ABI 1", "0 of 8", "agent[7]", "ring_max=1"):
        assert words in out
    assert "health: healthy" in out.splitlines()
    told = json.loads(run("status", "--json")[1])
    assert told["driver"]["abi"] == 1
    assert told["health"] == {"state": health.HEALTHY, "why": "", "notes": []}
    assert "problem: no permission" in run("status", problem=PermissionRefused("/dev/ksonde"))[1]
    monkeypatch.setattr(module, "status", lambda: module.Status(loaded=False))
    assert run("status")[0] == 3
    assert json.loads(run("status", "--json")[1])["loaded"] is False


def test_breaker(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ksonde import breaker

    monkeypatch.setattr(breaker, "note_healthy", lambda: True)
    monkeypatch.setattr(breaker, "note_stopped", lambda: False)
    assert run("breaker", "healthy")[:2] == (0, "noted: healthy\n")
    assert run("breaker", "stopped")[:2] == (0, "nothing to note\n")
    assert run("breaker", "fine")[0] == 2


def test_doctor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ksonde import doctor

    checks = [
        doctor.Check("kernel", doctor.OK, "6.1"),
        doctor.Check("headers", doctor.FAIL, "none", "install them"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    code, out, _ = run("doctor")
    assert code == 1
    assert out.splitlines()[:3] == [
        "ok    kernel   6.1",
        "fail  headers  none",
        "               -> install them",
    ]
    assert json.loads(run("doctor", "--json")[1])[1]["hint"] == "install them"
    monkeypatch.setattr(doctor, "examine", lambda: checks[:1])
    assert run("doctor")[0] == 0
