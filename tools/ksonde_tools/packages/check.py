# SPDX-License-Identifier: GPL-2.0-only
"""What is in the packages that were built, and whether it hangs together; nothing is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ksonde_tools.common import ROOT, output
from ksonde_tools.module import DRIVER
from ksonde_tools.module import _sources as sources

from . import build, manual, stage
from .report import Report

#: The unit tests of what other versions of Python's packages could break.
_TESTS = (
    "test_cli.py", "test_agent.py", "test_notify.py", "test_schema.py", "test_shapes.py", "test_decoder.py",
    "test_device.py", "enrich",
)  # fmt: skip
#: Typer 0.7 says this of itself to click 8.1.
_WARNINGS = ("-W", "error", "-W", "ignore:'autocompletion' is renamed:DeprecationWarning")


def check(folder: Path) -> int:
    """Build, look, and run the tests that matter with the system's Python packages."""
    report = Report()
    version = stage.version()
    debs, rpms = build.deb(version, folder), build.rpm(version, folder)
    debian = "usr/lib/python3/dist-packages", "lib", "usr/share/zsh/vendor-completions", ".gz"
    python = f"usr/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    redhat = python, "usr/lib", "usr/share/zsh/site-functions", ""
    for kind, packages, places in (("deb", debs, debian), ("rpm", rpms, redhat)):
        found = {path.name.split(f"{'_' if kind == 'deb' else '-'}{version}")[0]: path for path in packages}
        report.check(
            f"{kind}: there are two packages", "" if found.keys() == {"ksonde", "ksonde-dkms"} else str(found)
        )
        files = _deb_files if kind == "deb" else _rpm_files
        report.check(
            f"{kind}: files of ksonde", _compare(files(found["ksonde"]), _userland(version, *places))
        )
        report.check(f"{kind}: files of ksonde-dkms", _compare(files(found["ksonde-dkms"]), _module(version)))
        for name, path in found.items():
            scripts = _deb_scripts(path) if kind == "deb" else _rpm_scripts(path)
            report.check(f"{kind}: scripts of {name}", _wrong_scripts(scripts))
    report.check("lintian", _run("lintian", "--allow-root", "--fail-on", "error,warning", *map(str, debs)))
    report.check("unit tests with the system's Python packages", _tests())
    return report.verdict()


def _userland(version: str, python: str, base: str, zsh: str, packed: str) -> set[str]:
    modules = {
        f"{python}/{path.relative_to(ROOT / 'userland')}"
        for path in (ROOT / "userland").rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    return modules | {
        "usr/bin/ksonde",
        f"{python}/ksonde-{version}.dist-info",
        f"{base}/systemd/system/ksonde-agent.service",
        f"{base}/systemd/system/ksonde-healthy.service",
        f"{base}/systemd/system/ksonde-load.service",
        f"{base}/udev/rules.d/60-ksonde.rules",
        "usr/lib/sysusers.d/ksonde.conf",
        "etc/logrotate.d/ksonde",
        "usr/share/bash-completion/completions/ksonde",
        "usr/share/fish/vendor_completions.d/ksonde.fish",
        f"{zsh}/_ksonde",
        *(f"usr/share/man/man8/{name}{packed}" for name in manual.pages()),
    }


def _module(version: str) -> set[str]:
    names = {"dkms.conf", *sources(ROOT, DRIVER)}
    return {f"usr/src/ksonde-{version}/{name}" for name in names}


def _compare(found: set[str], wanted: set[str]) -> str:
    """Documents apart, which each distribution keeps in its own way."""
    own = {path for path in found if not path.startswith(("usr/share/doc/", "usr/share/licenses/"))}
    return "\n".join(
        [*(f"- {path}" for path in sorted(wanted - own)), *(f"+ {path}" for path in sorted(own - wanted))]
    )


def _deb_files(path: Path) -> set[str]:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE) as process:
        done = subprocess.run(["tar", "-t"], stdin=process.stdout, capture_output=True, check=True, text=True)
    return set(_without_folders(done.stdout.splitlines()))


def _rpm_files(path: Path) -> set[str]:
    listed = output(["rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]", path]) or ""
    names = [line.split(" ", 1) for line in listed.splitlines()]
    return set(_without_folders(name + "/" * mode.startswith("d") for mode, name in names))


def _without_folders(names: Iterator[str] | list[str]) -> Iterator[str]:
    """The files; those of the Python package's metadata are one name."""
    for name in names:
        inside = name.lstrip("./")
        head, found, _ = inside.partition(".dist-info/")
        if found:
            yield head + ".dist-info"
        elif inside and not inside.endswith("/"):
            yield inside


def _deb_scripts(path: Path) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-e", path, folder], check=True)
        names = ("preinst", "postinst", "prerm", "postrm")
        return {name: (Path(folder) / name).read_text() for name in names if (Path(folder) / name).exists()}


def _rpm_scripts(path: Path) -> dict[str, str]:
    found = {}
    for tag in ("PREIN", "POSTIN", "PREUN", "POSTUN"):
        text = output(["rpm", "-qp", "--qf", f"%{{{tag}}}", path]) or ""
        if text.strip() not in ("", "(none)"):
            found[tag.lower()] = f"#!/bin/sh\n{text}\n"
    return found


def _wrong_scripts(scripts: dict[str, str]) -> str:
    """Scripts that a shell does not understand, and what a package must never do."""
    wrong = [] if scripts else ["there are none"]
    for name, text in scripts.items():
        done = subprocess.run(["dash", "-n"], input=text, capture_output=True, check=False, text=True)
        wrong += [f"{name}: {line}" for line in done.stderr.splitlines()]
        wrong += [f"{name}: {word} may end readers" for word in ("rmmod -f", "modprobe -r") if word in text]
        wrong += [f"{name}: {word} was not replaced" for word in ("#VERSION#", "%{version}") if word in text]
    return "\n".join(wrong)


def _tests() -> str:
    tests = [f"tests/unit/{name}" for name in _TESTS]
    options = [
        "-q",
        "-c",
        "/dev/null",
        f"--rootdir={ROOT}",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
    ]
    paths = ":".join(str(ROOT / name) for name in ("userland", "tools", "tests/unit"))
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": paths,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return _run("/usr/bin/python3", "-m", "pytest", *options, *_WARNINGS, *tests, **environment)


def _run(*command: str, **environment: str) -> str:
    """Run a program; its words when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
        check=False, text=True, errors="replace",
    )  # fmt: skip
    return (done.stdout + done.stderr or f"exit code {done.returncode}") if done.returncode else ""
