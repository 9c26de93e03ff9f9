# SPDX-License-Identifier: GPL-2.0-only
"""tools/check: all checks of the sources, in parallel, with one exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from . import kernel, module
from .common import ROOT, ToolError, cache_dir, lock, main_guard, output, say

_PYTHON = ("userland", "tools", "tests")
_DRIVER = ROOT / "driver/LKM"
_FUNCTION_LINES = 60
_FILE_LINES = 400
#: X-macro files: no C of their own, only rows.
_ROWS = ("events",)
#: What checkpatch says of a file, wrongly: compat/ is there to know the versions of kernels (and their
#: is no constant on the left side) and to ask __has_include(<x.h>), what makes C of rows it cannot read, and
#: names are those of the USB specification.
_UNHEEDED = {
    "/compat/": "LINUX_VERSION_CODE,CONSTANT_COMPARISON,NEW_TYPEDEFS,SPACING,DEPRECATED_API",
    "/core/schema.c": "MULTISTATEMENT_MACRO_USE_DO_WHILE,TRAILING_SEMICOLON,BRACKET_SPACE",
    "/hooks/usb_device.c": "CAMELCASE",
    "/engine/hook.": "COMPLEX_MACRO,TRAILING_SEMICOLON,LINE_SPACING",
}
_FENCE = re.compile(r"LINUX_VERSION_CODE|KERNEL_VERSION|HAVE_")
#: Hosts of package registries, and paths of one machine; "[.]" and "[/]" keep this file itself clean.
_FORBIDDEN = re.compile(
    r"deb[.]debian[.]org|snapshot[.]debian|pypi[.]org|python[h]osted|registry[.]npmjs|proxy[.]golang"
    r"|(?<![\w.}>-])[/](?:work|root)[/]|[/]tmp[/]k\b|[/]home[/]\w+[/]"
)

Check = Callable[[], str]


def checks() -> dict[str, Check]:
    """Return the checks by name: each returns what is wrong, or nothing."""
    return {
        "build": _build,
        "sparse": _sparse,
        "checkpatch": _checkpatch,
        "mypy": lambda: _run("mypy", "--cache-dir", str(cache_dir() / "mypy"), "--no-error-summary"),
        "cppcheck": _cppcheck,
        "ruff": lambda: _ruff("check"),
        "format": lambda: _ruff("format", "--check"),
        "codespell": lambda: _run("codespell", *map(str, _files())),
        "shellcheck": _shellcheck,
        "licence": _licence,
        "fence": _fence,
        "sizes": _sizes,
        "words": _words,
        "version": _version,
    }


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="tools/check", description="Check the sources; exit code 1 when one fails."
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=list(checks()), help="only this one"
    )
    parser.add_argument("--list", action="store_true", help="print the checks' names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(checks()))
        return 0
    chosen = {name: check for name, check in checks().items() if not options.only or name in options.only}
    began = time.monotonic()
    failed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for future in as_completed([pool.submit(_timed, name, check) for name, check in chosen.items()]):
            name, wrong, seconds = future.result()
            print(f"{'FAILED' if wrong else 'ok':6} {name:10} {seconds:5.1f} s", flush=True)
            if wrong:
                failed += 1
                print(_shortened(wrong), flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} checks passed in {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


def _timed(name: str, check: Check) -> tuple[str, str, float]:
    began = time.monotonic()
    try:
        wrong = check()
    except ToolError as error:
        wrong = f"{error} ({error.hint})"
    return name, wrong, time.monotonic() - began


def _shortened(text: str, most: int = 40) -> str:
    lines = text.rstrip().splitlines()
    more = [f"... and {len(lines) - most} lines more"] if len(lines) > most else []
    return "\n".join(f"  {line}" for line in lines[:most] + more)


def _run(*command: str) -> str:
    program = Path(sys.prefix) / "bin" / command[0]
    words = [str(program) if program.exists() else command[0], *command[1:]]
    if shutil.which(words[0]) is None:
        return f"{command[0]} is not installed"
    done = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace").strip()
    return "" if done.returncode == 0 else text or f"exit code {done.returncode}"


def _ruff(*words: str) -> str:
    return _run(
        "ruff", *words, "-q", "--output-format=concise", f"--cache-dir={cache_dir() / 'ruff'}", *_PYTHON
    )


def _files() -> list[Path]:
    """Return the files of the project, ignored ones apart."""
    listed = output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT)
    if listed is None:
        hidden = (".git", "__pycache__")
        found = [path for path in ROOT.rglob("*") if not any(part in hidden for part in path.parts)]
        return sorted(path.relative_to(ROOT) for path in found if path.is_file())
    return sorted(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def _texts() -> Iterator[tuple[Path, str]]:
    for name in _files():
        with contextlib.suppress(UnicodeDecodeError):
            yield name, (ROOT / name).read_text()


def _driver_files(*suffixes: str) -> list[Path]:
    return sorted(
        path for path in _DRIVER.rglob("*") if path.suffix in suffixes and not path.name.endswith(".mod.c")
    )


def _build() -> str:
    module.build_driver(kernel.resolve())
    return ""


def _sparse() -> str:
    module.build_driver(kernel.resolve(), sparse=True)
    return ""


def _checkpatch() -> str:
    if shutil.which("perl") is None:
        return "perl is not installed"
    script = _fetched_checkpatch()
    files = [
        str(path.relative_to(ROOT)) for path in _driver_files(".c", ".h") if path.parent.name not in _ROWS
    ]
    command = [
        "perl",
        str(script),
        "--no-tree",
        "--strict",
        "--terse",
        "--show-types",
        "--no-summary",
        "-q",
        "-f",
    ]
    groups: dict[str, list[str]] = {}
    for name in files:
        groups.setdefault(next((types for part, types in _UNHEEDED.items() if part in name), ""), []).append(
            name
        )
    found = [
        _run(*command, *(["--ignore", types] if types else []), *names) for types, names in groups.items()
    ]
    return "\n".join(text for text in found if text)


def _fetched_checkpatch() -> Path:
    """Return checkpatch.pl from Debian's kernel source package, in the cache."""
    home = cache_dir() / "checkpatch"
    names = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")
    with lock("checkpatch"):
        if not all((home / name).exists() for name in names):
            say("fetching checkpatch with the source of Linux 6.1 (140 MB)")
            home.mkdir(exist_ok=True)
            kernel.fetch_source(home, [f"scripts/{name}" for name in names])
    return home / names[0]


def _cppcheck() -> str:
    command = [
        "cppcheck",
        "-q",
        "--enable=warning,performance,portability",
        "--inline-suppr",
        "--error-exitcode=1",
    ]
    command += [
        "--suppress=unknownMacro",
        "--suppress=missingInclude",
        # GNU C, in which the kernel is written, defines it.
        "--suppress=arithOperationsOnVoidPointer",
        f"-j{os.cpu_count() or 1}",
    ]
    build = cache_dir() / "cppcheck"
    build.mkdir(exist_ok=True)
    return _run(*command, f"--cppcheck-build-dir={build}", *(str(path) for path in _driver_files(".c")))


def _shellcheck() -> str:
    scripts = [str(name) for name, text in _texts() if re.match(r"#!.*\b(?:ba|da)?sh\b", text)]
    return _run("shellcheck", *scripts)


def _licence() -> str:
    exempt = {"LICENSE"}
    return "\n".join(
        f"{name}: no SPDX-License-Identifier in its first lines"
        for name, text in _texts()
        if text.strip() and str(name) not in exempt and "SPDX-License-Identifier:" not in "".join(text[:300])
    )


def _fence() -> str:
    wrong = []
    for path in _driver_files(".c", ".h", ".def"):
        inside = path.relative_to(_DRIVER)
        if inside.parts[0] == "compat":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if _FENCE.search(line):
                wrong.append(
                    f"{path.relative_to(ROOT)}:{number}: knows a kernel's version or feature: {line.strip()}"
                )
    return "\n".join(wrong)


def _sizes() -> str:
    wrong = []
    for path in _driver_files(".c", ".h"):
        name = path.relative_to(ROOT)
        lines = path.read_text().splitlines()
        if len(lines) > _FILE_LINES:
            wrong.append(f"{name}: {len(lines)} lines, more than {_FILE_LINES}")
        begin = 0
        for number, line in enumerate(lines, 1):
            if line == "{":
                begin = number
            elif line == "}" and begin:
                if number - begin - 1 > _FUNCTION_LINES:
                    wrong.append(f"{name}:{begin}: {number - begin - 1} lines, more than {_FUNCTION_LINES}")
                begin = 0
    return "\n".join(wrong)


def _words() -> str:
    wrong = []
    for name, text in _texts():
        for number, line in enumerate(text.splitlines(), 1):
            found = _FORBIDDEN.search(line)
            if found:
                wrong.append(f"{name}:{number}: {found.group(0)} belongs to one machine or registry")
    return "\n".join(wrong)


def _version() -> str:
    """The module, its packaging and the Python package have one version."""
    places = {
        "driver/LKM/Kbuild": r"^KSONDE_VERSION := (\S+)$",
        "dkms.conf": r'^PACKAGE_VERSION="?([^"\s]+)"?$',
        "setup.cfg": r"^version = (\S+)$",
    }
    found = {}
    for name, pattern in places.items():
        path = ROOT / name
        match = re.search(pattern, path.read_text(), re.MULTILINE) if path.exists() else None
        found[name] = match.group(1) if match else "none"
    if len(set(found.values())) == 1:
        return ""
    return "versions differ: " + ", ".join(f"{name} {version}" for name, version in found.items())


if __name__ == "__main__":
    main_guard(main)
