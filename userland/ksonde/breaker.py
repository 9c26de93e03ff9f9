# SPDX-License-Identifier: GPL-2.0-only
"""The crash breaker: a machine that died with the module is not made to die with it for ever.

The loader notes durably that it is loading, and later that the machine is healthy or that the module was
stopped.  A boot that ended while the note said loading is a strike:

    no strike                       the module is loaded
    one strike                      it is loaded, and observes nothing
    one, then such a boot healthy   the next boot is a trial: it is loaded as usual
    two strikes                     it is not loaded, until `ksonde load --retry`

A strike is forgotten after FORGET boots that were healthy while the module observed: so at most one boot in
that many can die, and a machine that dies more often ends at two strikes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import stat
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from ksonde import module
from ksonde.errors import KsondeError
from ksonde.machine import Machine
from ksonde.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LOADING, HEALTHY, STOPPED = "loading", "healthy", "stopped"
NORMAL, NOTHING, REFUSED = "normal", "observe-nothing", "refused"

FOLDER = "/var/lib/ksonde"
#: Seconds after the load until the machine counts as healthy.
HEALTHY_AFTER = 120.0
#: Healthy boots, observing, after which a strike is forgotten.
FORGET = 10
STRIKES = 2

_FORMAT = 1
_NAME = "breaker.json"
_DAMAGED = "breaker.json.damaged"
_NEW = ".breaker.json.new"
_MOST_BYTES = 65536
_BOOT_ID = re.compile(r"[0-9a-f-]{0,64}")


class Tripped(KsondeError):
    """The crash breaker keeps the module from being loaded.

    Attributes:
        note: what the breaker knows.
    """

    exit_code: ClassVar[int] = 10

    def __init__(self, note: Note) -> None:
        super().__init__(f"not loaded: {why(note)}", "`ksonde load --retry` tries again")
        self.note = note


class CannotNote(KsondeError):
    """The breaker's note cannot be written: nothing would end a series of crashes."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the crash breaker cannot write {path}: {reason}", f"make {path.parent} writable for root"
        )
        self.path = path


class Damaged(Exception):
    """The note is there, and is none."""


@dataclass(frozen=True)
class Note:
    """What the breaker remembers.

    Attributes:
        state: loading, healthy or stopped.
        mode: how the module was loaded: normal, observe-nothing; refused: it was not.
        boot: id of the boot that this is about.
        time: when state was noted, in seconds since 1970.
        loaded_at: CLOCK_BOOTTIME at the load, in seconds.
        healthy_after: seconds from the load until it counts as healthy.
        strikes: when the boots that died had loaded the module.
        trial: a boot that observed nothing was healthy since the strike.
        good: boots that were healthy, observing, since the strike.
        good_boot: the last of those.
        unclean: boots that ended unclean after they were healthy.
        unclean_time: when the last of those had become healthy; 0: there was none.
        damaged: a strike stands for a note that could not be read.
    """

    state: str
    mode: str
    boot: str
    time: float
    loaded_at: float = 0.0
    healthy_after: float = HEALTHY_AFTER
    strikes: tuple[float, ...] = ()
    trial: bool = False
    good: int = 0
    good_boot: str = ""
    unclean: int = 0
    unclean_time: float = 0.0
    damaged: bool = False


@dataclass(frozen=True)
class Loaded:
    """What load() did.

    Attributes:
        new: it was not loaded before.
        source: where from.
        observes: no reason was there to observe nothing.
        warning: what the operator should know; "".
    """

    new: bool
    source: str
    observes: bool = True
    warning: str = ""


# ------------------------------------------------------------- the rules


def judge(note: Optional[Note], boot: str) -> Note:
    """What is known in this boot: how the last one ended, and how the module may be loaded now."""
    if note is None:
        return Note(STOPPED, NORMAL, boot, 0.0)
    if note.boot == boot:
        return note
    now = replace(note, state=STOPPED, boot=boot)
    if note.state == LOADING:
        now = replace(now, strikes=(*note.strikes, note.time)[-STRIKES:], trial=False, good=0, good_boot="")
    elif note.state == HEALTHY:
        now = replace(now, unclean=note.unclean + 1, unclean_time=note.time)
    if len(now.strikes) >= STRIKES:
        mode = REFUSED
    elif now.strikes and not now.trial:
        mode = NOTHING
    else:
        mode = NORMAL
    return replace(now, mode=mode)


def healthy(note: Note) -> Note:
    """The note of a machine that has lived long enough with the module."""
    if note.state != LOADING:
        return note
    now = replace(note, state=HEALTHY, time=time.time())
    if note.mode == NOTHING:
        return replace(now, trial=True)
    if note.good_boot != note.boot:
        now = replace(now, good=note.good + 1, good_boot=note.boot)
    return replace(now, strikes=(), trial=False, damaged=False) if now.good >= FORGET else now


def why(note: Note) -> str:
    """Why the module is not loaded, or observes nothing; "" when it is loaded as usual."""
    if note.mode == NORMAL:
        return ""
    times = " and ".join(utc(strike) for strike in note.strikes)
    if note.damaged:
        return f"the crash breaker's note was damaged, as a crash can leave it (strikes: {times})"
    if note.mode == REFUSED:
        return f"the boots that loaded it at {times} died before they were healthy"
    return f"the boot that loaded it at {times} died before it was healthy"


def remarks(note: Note) -> list[str]:
    """What `ksonde status` says of the breaker, a sentence each."""
    said: list[str] = []
    if note.mode == REFUSED:
        said.append(f"the module is not loaded: {why(note)}; `ksonde load --retry` tries again")
    elif note.mode == NOTHING:
        said.append(
            f"the module observes nothing: {why(note)}; when this boot is healthy the next one observes again"
        )
    elif note.strikes:
        left = plural(FORGET - note.good, "healthy boot")
        said.append(
            f"a boot that loaded the module died ({utc(note.strikes[0])}); "
            f"when another does it is not loaded any more; forgotten after {left} more"
        )
    if note.unclean:
        said.append(
            f"{plural(note.unclean, 'healthy boot')} ended unclean, the last had been healthy since "
            f"{utc(note.unclean_time)}: not held against the module"
        )
    return said


def utc(seconds: float) -> str:
    """A time as people and the kernel's log can read it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# -------------------------------------------------------------- the note


class Notebook:
    """The note's file.  Whatever is found there is believed only when it is ours and makes sense."""

    def __init__(self, machine: Machine) -> None:
        self.folder = machine.path(FOLDER)
        self.path = self.folder / _NAME

    def read(self) -> Optional[Note]:
        """The note; None when there is none.  Damaged, PermissionError."""
        try:
            descriptor = os.open(
                self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise Damaged(f"{self.path} is no file of ksonde's") from error
            raise
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                raise Damaged(f"{self.path} is no file of ksonde's")
            return _parsed(file.read(_MOST_BYTES))

    def write(self, note: Note) -> None:
        """Put the note on the disk: after this a crash cannot undo it.  CannotNote."""
        text = json.dumps({"format": _FORMAT, **asdict(note)}, indent=1) + "\n"
        new = self.folder / _NEW
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(new, flags, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            self._sync_folder()
        except OSError as error:
            raise CannotNote(self.path, error.strerror or str(error)) from error

    def put_aside(self) -> bool:
        """Move a damaged note out of the way; whether there was one before.  CannotNote."""
        damaged = self.folder / _DAMAGED
        before = os.path.lexists(damaged)
        try:
            self.path.unlink() if before else self.path.rename(damaged)
        except OSError as error:
            raise CannotNote(self.path, error.strerror or str(error)) from error
        return before

    def forget(self) -> None:
        """As if nothing had ever been noted.  CannotNote."""
        try:
            for name in (_NAME, _DAMAGED):
                (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise CannotNote(self.path, error.strerror or str(error)) from error

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One loader at a time, where the folder can be opened."""
        descriptor = -1
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _parsed(data: bytes) -> Note:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Damaged("the note is no JSON") from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise Damaged("the note is of no known format")
    strikes = found.get("strikes")
    if not isinstance(strikes, list) or len(strikes) > STRIKES:
        raise Damaged("the note's strikes make no sense")
    note = Note(
        state=_one_of(found, "state", (LOADING, HEALTHY, STOPPED)),
        mode=_one_of(found, "mode", (NORMAL, NOTHING, REFUSED)),
        boot=_boot_id(found, "boot"),
        time=_number(found.get("time")),
        loaded_at=_number(found.get("loaded_at")),
        healthy_after=_number(found.get("healthy_after")),
        strikes=tuple(_number(strike) for strike in strikes),
        trial=found.get("trial") is True,
        good=int(_number(found.get("good"))),
        good_boot=_boot_id(found, "good_boot"),
        unclean=int(_number(found.get("unclean"))),
        unclean_time=_number(found.get("unclean_time")),
        damaged=found.get("damaged") is True,
    )
    if len(note.strikes) >= STRIKES and note.mode != REFUSED:
        raise Damaged("the note contradicts itself")
    return note


def _one_of(found: dict[str, Any], name: str, values: Sequence[str]) -> str:
    value = found.get(name)
    if value not in values:
        raise Damaged(f"the note's {name} makes no sense")
    return str(value)


def _boot_id(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not _BOOT_ID.fullmatch(value):
        raise Damaged(f"the note's {name} makes no sense")
    return value


def _number(value: Any) -> float:
    """A number that can be a time or a count: up to the year 5138."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        raise Damaged("a number of the note makes no sense")
    return float(value)


# ------------------------------------------------------------ what is done


def look(machine: Optional[Machine] = None) -> Optional[Note]:
    """What the breaker knows now, without changing it; None when nothing was ever noted.

    Damaged, PermissionError.
    """
    machine = machine or Machine()
    note = Notebook(machine).read()
    return note if note is None else judge(note, machine.boot_id())


def load(
    path: Optional[Path] = None,
    parameters: Sequence[str] = (),
    machine: Optional[Machine] = None,
    *,
    boot: bool = False,
    retry: bool = False,
    healthy_after: float = HEALTHY_AFTER,
) -> Loaded:
    """Load the module as far as the breaker allows it.  Tripped, CannotNote, and what module.load() raises.

    Args:
        path: as for module.load().
        parameters: likewise.
        machine: the machine.
        boot: nobody is there to switch it off again: without a note nothing is loaded.
        retry: forget the strikes first.
        healthy_after: seconds until the machine counts as healthy.
    """
    machine = machine or Machine()
    book = Notebook(machine)
    with book.lock():
        if machine.module_version() is not None or not machine.may_load_modules() or machine.switched_off():
            if retry and machine.may_load_modules():
                book.forget()
            return Loaded(*module.load(path, parameters, machine))
        if retry:
            book.forget()
        note = _judged(book, machine)
        if note.mode == REFUSED:
            _try_to_write(book, note)
            machine.log(f"not loaded: {why(note)}; `ksonde load --retry` tries again")
            raise Tripped(note)
        note = replace(
            note, state=LOADING, time=time.time(), loaded_at=machine.uptime(), healthy_after=healthy_after
        )
        warning = _try_to_write(book, note)
        if warning and boot:
            machine.log(f"not loaded: {warning}")
            raise warning
        return _load(path, parameters, machine, book, note, str(warning or ""))


def _load(
    path: Optional[Path],
    parameters: Sequence[str],
    machine: Machine,
    book: Notebook,
    note: Note,
    warning: str,
) -> Loaded:
    if note.mode == NOTHING:
        machine.log(f"observes nothing: {why(note)}")
        parameters = [*parameters, f'observe_nothing="{why(note)}"']
    try:
        new, source = module.load(path, parameters, machine)
    except KsondeError:
        if machine.module_version() is None:
            _try_to_write(book, replace(note, state=STOPPED))
        raise
    return Loaded(new, source, note.mode == NORMAL, warning)


def _judged(book: Notebook, machine: Machine) -> Note:
    """The note as it is to be understood now; a damaged one is a strike: a crash may have done it."""
    boot = machine.boot_id()
    try:
        return judge(book.read(), boot)
    except Damaged as error:
        again = book.put_aside()
        now = time.time()
        machine.log(f"the crash breaker's note is damaged, which is a strike: {error}")
        strikes = (now, now) if again else (now,)
        return Note(STOPPED, REFUSED if again else NOTHING, boot, now, strikes=strikes, damaged=True)


def _try_to_write(book: Notebook, note: Note) -> Optional[CannotNote]:
    try:
        book.write(note)
    except CannotNote as error:
        return error
    return None


def note_healthy(machine: Optional[Machine] = None) -> bool:
    """Note that the machine is healthy, once it is time; False: it was known.  NotLoaded, CannotNote."""
    machine = machine or Machine()
    book = Notebook(machine)
    _wait(machine)
    with book.lock():
        note = _of_this_boot(book, machine)
        if machine.module_version() is None:
            raise module.NotLoaded
        if note is None or note.state != LOADING:
            return False
        book.write(healthy(note))
    return True


def left(note: Note, machine: Machine) -> float:
    """Seconds until the machine counts as healthy."""
    return max(0.0, note.loaded_at + note.healthy_after - machine.uptime()) if note.state == LOADING else 0.0


def _wait(machine: Machine) -> None:
    note = _of_this_boot(Notebook(machine), machine)
    while note is not None and machine.module_version() is not None:
        seconds = left(note, machine)
        if not seconds:
            return
        time.sleep(min(seconds, 5.0))


def leave_watcher(machine: Optional[Machine] = None) -> None:
    """Have it noted in the background that the machine is healthy: by hand nobody else would."""
    if os.fork():
        return
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nothing, descriptor)
        os.closerange(3, 1024)
        note_healthy(machine)
    finally:
        os._exit(0)


def note_stopped(machine: Optional[Machine] = None) -> bool:
    """Note a clean end: the module was unloaded, or the machine is shut down; False: it was known.

    CannotNote.
    """
    machine = machine or Machine()
    book = Notebook(machine)
    with book.lock():
        note = _of_this_boot(book, machine)
        if note is None or note.state == STOPPED:
            return False
        book.write(replace(note, state=STOPPED, time=time.time()))
    return True


def _of_this_boot(book: Notebook, machine: Machine) -> Optional[Note]:
    try:
        note = book.read()
    except Damaged:
        return None
    return note if note is not None and note.boot == machine.boot_id() else None
