# SPDX-License-Identifier: GPL-2.0-only
"""Runs inside the virtual machine, with its Python alone: what needs a running kernel and services.

Each question is a line of standard output: "ok NAME" or "FAILED NAME: what was found".
"""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LOG = Path("/var/log/ksonde/events.jsonl")
#: Where the machine that made this one left the packages, and what it wants to be done.
TRIAL = Path("/var/local/trial")
_CAP_AUDIT_READ = 1 << 37


def check(name: str, wrong: str) -> None:
    print(f"FAILED {name}: {' '.join(wrong.split())}" if wrong else f"ok {name}", flush=True)


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout.strip()


def until(condition: Callable[[], bool], seconds: float = 300.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def active(unit: str) -> bool:
    return run("systemctl", "is-active", unit)[1] == "active"


def loaded() -> str:
    try:
        return Path("/sys/module/ksonde/version").read_text().strip()
    except OSError:
        return ""


def arrives(marker: str) -> str:
    """Run a program of that argument; "" when its execve is a line of the agent's file."""
    run("/bin/echo", marker)

    def written() -> bool:
        lines = [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []
        return any(marker in (one["data"].get("argv") or ()) for one in lines if one["event"] == "execve")

    return "" if until(written, 120) else f"no execve of {marker} in {LOG}"


def ownership(path: Path, wanted: str) -> str:
    state = path.stat()
    found = f"{state.st_mode & 0o7777:04o} {path.owner()}:{path.group()}"
    return "" if found == wanted else f"{found}, not {wanted}"


def agent_process() -> str:
    pid = run("systemctl", "show", "-P", "MainPID", "ksonde-agent")[1]
    status = dict(re.findall(r"^(\w+):\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    user = pwd.getpwuid(int(status["Uid"].split()[0])).pw_name
    found = (user, int(status["CapEff"], 16), status["NoNewPrivs"])
    return "" if found == ("ksonde", _CAP_AUDIT_READ, "1") else str(found)


def running(version: str) -> None:
    """The module was loaded at boot, and its events reach the agent."""
    check("the agent runs after boot", "" if until(lambda: active("ksonde-agent")) else journal())
    check("the module is loaded", "" if loaded() == version else f"{loaded() or 'none'}, not {version}")
    check("the node is the group's", ownership(Path("/dev/ksonde"), "0660 root:ksonde"))
    check("the agent is not root", agent_process())
    check("events flow to the agent", arrives("marker-boot"))
    check("the file is the agent's", ownership(LOG, "0640 ksonde:ksonde"))
    check("its folder is the agent's", ownership(LOG.parent, "0750 ksonde:ksonde"))
    status = run("systemctl", "show", "-P", "StatusText", "ksonde-agent")[1]
    check(
        "the agent says what it lost",
        "" if re.fullmatch(r"[\d,]+ events? written, 0 lost, 0 findings", status) else status,
    )


def rotation() -> None:
    code, said = run("logrotate", "--force", "/etc/logrotate.d/ksonde")
    check("logrotate rotates", said if code else "")
    check("the new file is made", "" if until(LOG.exists, 120) else "it is not")
    check("events flow to the new file", arrives("marker-rotated"))
    old = LOG.with_suffix(".jsonl.1")
    check(
        "the old file is kept", "" if "marker-boot" in old.read_text() else f"{old} lacks the earlier events"
    )


def upgrade(old: str, new: str) -> None:
    packages = [str(path) for path in TRIAL.glob(f"*_{new}_all.deb")]
    code, said = run("dpkg", "-i", *packages)
    check("the upgrade installs", said if code else "")
    wanted = f"ksonde-dkms: version {old} of the module stays loaded until the next boot"
    check("the upgrade says that the old module stays", "" if wanted in said else said)
    check("the old module stays loaded", "" if loaded() == old else loaded())
    found = run("modinfo", "-F", "version", "ksonde")[1]
    check("the new module is installed", "" if found == new else found)
    check("the agent runs after the upgrade", "" if until(lambda: active("ksonde-agent")) else journal())
    check("the new agent reads the old module", arrives("marker-upgraded"))
    run("systemctl", "restart", "ksonde-load")
    check(
        "a restart loads the new module",
        "" if until(lambda: loaded() == new) else f"{loaded()}; {journal()}",
    )
    check("the agent runs after the restart", "" if until(lambda: active("ksonde-agent")) else journal())
    check("events flow from the new module", arrives("marker-restarted"))


def in_use() -> None:
    """A module that somebody else reads is not unloaded."""
    with subprocess.Popen(
        ["ksonde", "watch", "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as watch:
        time.sleep(5)
        run("systemctl", "restart", "ksonde-load")
        check("a module in use is not unloaded", "" if loaded() else "it was")
        check("its reader goes on", "" if watch.poll() is None else f"it ended with {watch.returncode}")
        watch.terminate()
    check("the agent runs again", "" if until(lambda: active("ksonde-agent")) else journal())


def purge(before: list[str]) -> None:
    code, said = run("dpkg", "--purge", "ksonde", "ksonde-dkms")
    check("the purge ends well", said if code else "")
    check("no module is loaded", loaded())
    check("no device is there", "/dev/ksonde" if Path("/dev/ksonde").exists() else "")
    check("dkms knows nothing", run("dkms", "status", "ksonde")[1])
    check("no user and no group", "".join(run("getent", kind, "ksonde")[1] for kind in ("passwd", "group")))
    listed = run("systemctl", "list-units", "--all", "--no-legend", "--plain", "ksonde-*")[1].splitlines()
    # The trial's own unit names them: systemd then lists what is not there, as not-found.
    units = [line for line in listed if " not-found inactive " not in " ".join(line.split())]
    units += run("systemctl", "list-unit-files", "--no-legend", "ksonde-*")[1].splitlines()
    check("no unit", "; ".join(units))
    left = [path for path in named() if path not in before]
    check("no file of its name", " ".join(left))


def named() -> list[str]:
    """Paths with the name in them; the trial's own, and pages that man-db keeps formatted, apart."""
    apart = [word for place in (TRIAL, "/var/cache/man") for word in ("-not", "-path", f"{place}*")]
    return run("find", "/", "-xdev", "-name", "*ksonde*", *apart)[1].splitlines()


def journal() -> str:
    return run(
        "journalctl", "-b", "-n", "30", "--no-pager", "-o", "cat", "-u", "ksonde-load", "-u", "ksonde-agent"
    )[1]


def main() -> int:
    plan = json.loads((TRIAL / "plan.json").read_text())
    words = Path("/proc/cmdline").read_text().split()
    running(plan["old"])
    if "trial=all" in words:
        rotation()
        upgrade(plan["old"], plan["new"])
        in_use()
        purge(plan["named"])
    print("end", flush=True)
    os.sync()
    return 0


if __name__ == "__main__":
    sys.exit(main())
