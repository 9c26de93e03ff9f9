# SPDX-License-Identifier: GPL-2.0-only
"""Manual pages from the command line itself: ksonde(8), and one for each command.

Runs where the packages are built, with the system's Python: it needs typer, and nothing of the other tools.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import typer

from ksonde import __version__
from ksonde.cli import app
from ksonde.cli.exit import CODES

_FILES = (
    ("/dev/ksonde", "The device of the module."),
    ("/var/log/ksonde/events.jsonl", "What the agent keeps."),
)


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    group: Any = typer.main.get_command(app)
    top = group.make_context("ksonde", [], resilient_parsing=True)
    commands = {name: group.get_command(top, name) for name in group.list_commands(top)}
    found = {"ksonde.8": _top(group, top, commands)}
    for name, command in commands.items():
        context = command.make_context(name, [], parent=top, resilient_parsing=True)
        found[f"ksonde-{name}.8"] = _page(name, command, context)
    return found


def _top(group: Any, context: Any, commands: dict[str, Any]) -> str:
    listed = [(f"ksonde {name}", f"{command.get_short_help_str(200)}") for name, command in commands.items()]
    return "\n".join(
        [
            _head("ksonde", group.help),
            *_section("synopsis", [_command(context, group)]),
            *_section("description", _paragraphs(group.help)),
            *_section("commands", _list(listed)),
            *_section("options", _list(_records(group, context, "Option"))),
            *_section("exit status", _list(CODES.items())),
            *_section("files", _list(_FILES)),
            *_section("see also", [", ".join(f"\\fBksonde\\-{name}\\fR(8)" for name in commands)]),
            "",
        ]
    )


def _page(name: str, command: Any, context: Any) -> str:
    arguments = _records(command, context, "Argument")
    below = {one: command.get_command(context, one) for one in getattr(command, "commands", ())}
    return "\n".join(
        [
            _head(f"ksonde-{name}", command.get_short_help_str(200)),
            *_section("synopsis", [_command(context, command)]),
            *_section("description", _paragraphs(command.help)),
            *_section("arguments", _list(arguments)),
            *_section("options", _list(_records(command, context, "Option"))),
            *(line for one, part in below.items() for line in _part(one, part, context)),
            *_epilog(command.epilog or ""),
            *_section("exit status", ["The exit codes are listed in \\fBksonde\\fR(8)."]),
            *_section("see also", ["\\fBksonde\\fR(8)"]),
            "",
        ]
    )


def _part(name: str, command: Any, parent: Any) -> list[str]:
    """A command of a command, as a section."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    parameters = [*_records(command, context, "Argument"), *_records(command, context, "Option")]
    lines = [".PP", _command(context, command), *_paragraphs(command.help), *_list(parameters)]
    return _section(f"{parent.info_name} {name}", lines)


def _head(name: str, summary: str) -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    date = time.strftime("%Y-%m-%d", time.gmtime(int(epoch))) if epoch else ""
    lines = [
        f'.TH {_plain(name.upper())} 8 "{date}" "ksonde {__version__}"',
        *_section("name", [f"{_plain(name)} \\- {_plain(summary.strip().rstrip('.'))}"]),
    ]
    return "\n".join(lines)


def _section(title: str, lines: list[str]) -> list[str]:
    return [f".SH {title.upper()}", *lines] if lines else []


def _command(context: Any, command: Any) -> str:
    pieces = " ".join(command.collect_usage_pieces(context))
    return f"\\fB{_plain(context.command_path)}\\fR {_plain(pieces)}"


def _records(command: Any, context: Any, kind: str) -> list[tuple[str, str]]:
    parameters = [one for one in command.get_params(context) if type(one).__name__.endswith(kind)]
    return [record for record in (one.get_help_record(context) for one in parameters) if record]


def _list(records: Any) -> list[str]:
    lines: list[str] = []
    for term, meaning in records:
        lines += [".TP", f"\\fB{_plain(term)}\\fR", _plain(" ".join(meaning.split()))]
    return lines


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines += [".PP", _plain(" ".join(paragraph.split()))]
    return lines


def _epilog(text: str) -> list[str]:
    """Examples, which are kept as they are, and what is said of them."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        title, _, rest = paragraph.strip("\b\n").partition(":\n")
        if rest:
            lines += [*_section(title, [".nf", *(_plain(line) for line in rest.split("\n")), ".fi"])]
        elif title:
            lines += [".PP", _plain(" ".join(title.split()))]
    return lines


def _plain(text: str) -> str:
    """Text as roff shows it letter by letter."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\`").replace("'", "\\(aq")
    return f"\\&{text}" if text.startswith(".") else text


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
