# SPDX-License-Identifier: GPL-2.0-only
"""The command line: ksonde COMMAND.  One command a file; what they do is elsewhere.

Nothing heavy is imported here: `ksonde --help` and shell completion must be quick.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ksonde import __version__
from ksonde.errors import KsondeError

from . import (
    agent,
    annotated,
    breaker,
    doctor,
    exit,  # noqa: A004
    hooks,
    inventory,
    load,
    lsm,
    preflight,
    profile,
    scan,
    schema,
    stat,
    status,
    unload,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="ksonde",
    help="What programs do, live, as the kernel sees it.",
    epilog=exit.epilog(),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(
    context_settings={"allow_interspersed_args": False},
    epilog=watch.EPILOG,
    short_help="Show what happens, live.",
)(watch.watch)
app.command(short_help="Append what happens to a file: the service.")(agent.agent)
app.command(short_help="Where the module is attached, and what that costs.")(hooks.hooks)
app.command(short_help="Count events: rates, drops, how full the rings get.")(stat.stat)
app.command(short_help="List the events, or the fields of one.")(schema.schema)
app.command(short_help="Who sits in the kernel's LSM hooks.")(lsm.lsm)
app.command(short_help="Who has asked the kernel to be called.")(inventory.inventory)
app.command(short_help="Is this kernel still the one that was booted.")(scan.scan)
app.add_typer(profile.app, name="profile", short_help="List, show or check profiles: named sets of events.")
app.command(short_help="Load the module.")(load.load)
app.command(short_help="Unload the module.")(unload.unload)
app.command(short_help="Is the module loaded, and who uses it.")(status.status)
app.command(short_help="Note that this boot is healthy, or ends: for units.")(breaker.breaker)
app.command(short_help="Can this machine build, sign and load the module.")(doctor.doctor)
app.command(short_help="Would this version work on each installed kernel; installs nothing.")(
    preflight.preflight
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ksonde {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        Optional[bool],
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = None,
) -> None:
    """What programs do, live, as the kernel sees it."""


annotated.explain(app)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line; the exit code.  Every error is one line."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code: Any = app(args=words, prog_name="ksonde", standalone_mode=False)
        sys.stdout.flush()
    except KsondeError as error:
        return _fail(str(error), error.hint, error.exit_code)
    except BrokenPipeError:
        hush()
        return exit.OK
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            hush()  # it is the output that fails (a full disk): nothing more can be said there
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}" if error.filename else reason, "", exit.ERROR)
    except Exception as error:
        # What typer raises for a wrong command line; its class lives elsewhere in each version of typer.
        if not hasattr(error, "format_message"):
            raise
        return _wrong_usage(error)
    if not words:
        return exit.USAGE  # click before 8.2 has only shown the help
    return code if isinstance(code, int) else exit.OK


def hush() -> None:
    """The reader of the output is gone: throw away what is still buffered."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wrong_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return exit.USAGE
    path = context.command_path if context is not None else "ksonde"
    message = " ".join(error.format_message().split()).rstrip(".")
    return _fail(message[:1].lower() + message[1:], f"see `{path} --help`", exit.USAGE)


def _fail(message: str, hint: str, code: int) -> int:
    from ksonde.text import printable

    line = f"{message}; {hint}" if hint else message
    print(f"ksonde: {printable(line)}", file=sys.stderr)
    return code
