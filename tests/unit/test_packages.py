# SPDX-License-Identifier: GPL-2.0-only
"""What the packages are made with: pages, completion, versions, and how roots are compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ksonde.cli import app
from ksonde.cli.exit import CODES
from ksonde_tools.common import ToolError
from ksonde_tools.packages import check, completion, guest, manual, report, root, stage

COMMANDS = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
COMMANDS |= {str(group.name) for group in app.registered_groups}


def test_every_command_has_a_page() -> None:
    assert manual.pages().keys() == {"ksonde.8", *(f"ksonde-{name}.8" for name in COMMANDS)}


def test_a_page_says_what_help_says() -> None:
    pages = manual.pages()
    assert "\\fB\\-\\-event NAME\\fR" in pages["ksonde-watch.8"].replace("\\-e, ", "")
    assert ".SH EXAMPLES\n.nf\n  ksonde watch  " in pages["ksonde-watch.8"]
    assert all(f"\\fB{code}\\fR\n" in pages["ksonde.8"] for code in CODES)


def test_a_page_has_the_commands_of_a_command() -> None:
    page = manual.pages()["ksonde-profile.8"]
    assert all(f".SH PROFILE {name}\n" in page for name in ("LIST", "SHOW", "CHECK"))
    assert "\\fBksonde profile check\\fR" in page


def test_roff_does_not_take_text_for_commands() -> None:
    assert manual._plain(".so /etc/passwd") == "\\&.so /etc/passwd"
    assert manual._plain("a\\b -c 'd'") == "a\\eb \\-c \\(aqd\\(aq"
    for page in manual.pages().values():
        commands = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
        assert commands <= {".TH", ".SH", ".PP", ".TP", ".nf", ".fi"}


def test_a_page_has_a_date_only_where_the_build_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert '8 "1970-01-02"' in manual.pages()["ksonde.8"]
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert '8 ""' in manual.pages()["ksonde.8"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    text = completion.script(shell)
    assert "_KSONDE_COMPLETE" in text
    # zsh calls the file itself: it must complete, not only say how.
    assert ("compdef _ksonde" in text) is False
    assert text.startswith("#compdef ksonde\n") == (shell == "zsh")


def test_a_copy_has_one_version_everywhere(tmp_path: Path) -> None:
    stage.sources(tmp_path, "9.8.7")
    for name in stage._VERSIONS:
        assert re.search(r"\b9\.8\.7\b", (tmp_path / name).read_text()), name
    assert not list(tmp_path.rglob("*.o"))
    stage.debian(tmp_path, "9.8.7")
    assert (tmp_path / "debian/changelog").read_text().startswith("ksonde (9.8.7) ")
    assert (tmp_path / "debian/ksonde.ksonde-agent.service").is_file()


def test_dkms_builds_what_the_clone_has() -> None:
    text = (stage.FILES.parents[1] / "dkms.conf").read_text()
    values = dict(re.findall(r'^(\w+)(?:\[0\])?="([^"]*)"$', text, re.MULTILINE))
    assert values["PACKAGE_NAME"] == values["BUILT_MODULE_NAME"] == "ksonde"
    assert (stage.FILES.parents[1] / values["BUILT_MODULE_LOCATION"] / "Kbuild").is_file()
    assert values["AUTOINSTALL"] == "yes"


@pytest.mark.parametrize("name", ["ksonde-load.service", "ksonde-agent.service"])
def test_units_name_pages_and_commands_that_there_are(name: str) -> None:
    text = (stage.FILES / "common" / name).read_text()
    for command in re.findall(r"^Exec\w+=-?/usr/bin/ksonde (\w+)", text, re.MULTILINE):
        assert command in COMMANDS
    (page,) = re.findall(r"^Documentation=man:(\S+)\((\d)\)$", text, re.MULTILINE)
    assert f"{page[0]}.{page[1]}" in manual.pages()


def test_a_failed_tool_says_why(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        stage.run(["sh", "-c", "echo warning; echo 'x: error: broken'; exit 1"], tmp_path, tmp_path / "log")
    assert str(caught.value) == "sh: x: error: broken"


def test_roots_are_compared_by_what_a_purge_must_bring_back(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "etc/kept").write_text("1")
    (tmp_path / "etc/gone").write_text("1")
    (tmp_path / "etc/link").symlink_to("kept")
    before = root.snapshot(tmp_path)
    (tmp_path / "etc/kept").write_text("2")
    (tmp_path / "etc/gone").unlink()
    (tmp_path / "etc/new").mkdir()
    (tmp_path / "etc/passwd-").write_text("volatile")
    (tmp_path / "tmp/file").write_text("volatile")
    assert root.differences(before, root.snapshot(tmp_path)) == ["! etc/kept", "+ etc/new", "- etc/gone"]
    (tmp_path / "etc/new").chmod(0o700)
    assert root.differences(before, root.snapshot(tmp_path))[1] == "+ etc/new"


def test_answers_of_the_guest(capsys: pytest.CaptureFixture[str]) -> None:
    answers = report.Report()
    guest.check("all is well", "")
    guest.check("a name", "it is\nnot so")
    for line in capsys.readouterr().out.splitlines():
        answers.take(line)
    answers.take("Traceback")
    assert (answers.count, answers.failed) == (2, ["a name"])
    assert answers.verdict() == 1
    said = capsys.readouterr().out
    assert "  it is not so\n" in said
    assert "  Traceback\n" in said


@pytest.mark.parametrize("command", ["rmmod -f ksonde", "modprobe -r ksonde", "if then", "echo #VERSION#"])
def test_scripts_that_packages_must_not_have(command: str) -> None:
    assert check._wrong_scripts({"postinst": f"#!/bin/sh\n{command}\n"})
    assert not check._wrong_scripts({"postinst": "#!/bin/sh\ntrue\n"})


def test_no_script_is_wrong_too() -> None:
    assert check._wrong_scripts({}) == "there are none"


def test_files_are_compared() -> None:
    listed = ["./", "./usr/", "./usr/bin/x", "./usr/share/doc/x/README", "./p/x-1.dist-info/RECORD"]
    found = set(check._without_folders(listed))
    assert check._compare(found, {"usr/bin/x", "p/x-1.dist-info"}) == ""
    assert check._compare(found, {"usr/bin/y", "p/x-1.dist-info"}) == "- usr/bin/y\n+ usr/bin/x"


@pytest.mark.skipif(shutil.which("man") is None, reason="cannot run here: there is no man")
def test_man_has_nothing_to_complain_of(tmp_path: Path) -> None:
    for name, text in manual.pages().items():
        path = tmp_path / name
        path.write_text(text)
        command = ["man", "--warnings", "--local-file", "--troff-device=utf8", "--ditroff", str(path)]
        done = subprocess.run(
            command, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )
        assert done.stderr == b""
