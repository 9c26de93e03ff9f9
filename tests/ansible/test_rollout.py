# SPDX-License-Identifier: GPL-2.0-only
"""The roll-out against hosts that are folders: what it does, and above all when it stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
ANSIBLE = TOP / "tools" / "ansible"
HOST = Path(__file__).with_name("host.py")
#: Where tools/test --ansible has installed it.
BIN = Path(os.environ.get("KSONDE_ANSIBLE", "/usr/bin"))
NAMES = [f"host{number}" for number in range(6)]
#: One, then two, then the rest.
BATCHES = ["1", "2", "3"]


class Fleet:
    """Six hosts, each healthy at once unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unreachable: list[str] = []
        for name in NAMES:
            (folder / name).mkdir()
            self.says(name, "healthy")
            self.preflight(name, 0)
        (folder / "log").touch()

    def says(self, name: str, *states: str) -> None:
        (self.folder / name / "states").write_text(" ".join(states))

    def preflight(self, name: str, code: int) -> None:
        (self.folder / name / "preflight").write_text(str(code))

    def roll_out(self, **more: Any) -> subprocess.CompletedProcess[str]:
        hosts: dict[str, dict[str, str]] = {name: {} for name in NAMES}
        for name in self.unreachable:
            hosts[name] = {"ansible_connection": "ssh", "ansible_ssh_executable": "/bin/false"}
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ksonde_become": False,
            "ksonde_command": [sys.executable, str(HOST), f"{self.folder}/{{{{ inventory_hostname }}}}"],
            "ksonde_packages": [],
            "ksonde_services": [],
            "ksonde_preflight_clone": "",
            "ksonde_health_delay": 1,
            "ksonde_soak": 1,
            **more,
        }
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
        environment = {
            **os.environ,
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_NOCOLOR": "1",
        }
        batches = json.dumps({"ksonde_batches": BATCHES})
        command = [str(BIN / "ansible-playbook"), "-i", str(inventory), "-e", batches]
        command.append(str(ANSIBLE / "rollout.yml"))
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, cwd=self.folder
        )
        print(done.stdout, done.stderr)
        return done

    def calls(self, what: str) -> list[str]:
        """The hosts on which it was called, in that order."""
        lines = (self.folder / "log").read_text().splitlines()
        return [line.split()[0] for line in lines if line.split(" ", 1)[1] == what]

    def loaded(self) -> set[str]:
        return set(self.calls("load"))


@pytest.fixture(name="fleet")
def _fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_all_go_well(fleet: Fleet) -> None:
    fleet.says("host3", "settling", "settling", "healthy")
    done = fleet.roll_out()
    assert done.returncode == 0
    assert sorted(fleet.calls("preflight --json")) == NAMES
    loads = fleet.calls("load")
    assert loads[0] == "host0"
    assert (set(loads[1:3]), set(loads[3:])) == ({"host1", "host2"}, {"host3", "host4", "host5"})
    assert len(loads) == len(NAMES)
    asked = fleet.calls("status --json")
    assert (asked.count("host0"), asked.count("host1"), asked.count("host3")) == (2, 1, 3)
    lines = (fleet.folder / "log").read_text().splitlines()
    assert lines.index("host0 load") > max(i for i, line in enumerate(lines) if "preflight" in line)
    assert lines.index("host1 status --json") < lines.index("host3 load")


def test_a_canary_that_is_not_healthy_stops_it(fleet: Fleet) -> None:
    fleet.says("host0", "unhealthy")
    done = fleet.roll_out()
    assert done.returncode != 0
    assert "host0 is unhealthy: a fixture says so" in done.stdout
    assert fleet.loaded() == {"host0"}


def test_a_canary_that_falls_ill_later_stops_it(fleet: Fleet) -> None:
    fleet.says("host0", "healthy", "unhealthy")
    assert fleet.roll_out().returncode != 0
    assert fleet.loaded() == {"host0"}


def test_the_first_host_of_a_batch_that_is_not_healthy_stops_it(fleet: Fleet) -> None:
    fleet.says("host2", "unhealthy")
    assert fleet.roll_out().returncode != 0
    assert fleet.loaded() == {"host0", "host1", "host2"}


def test_a_host_that_never_settles_stops_it(fleet: Fleet) -> None:
    fleet.says("host1", "settling")
    assert fleet.roll_out(ksonde_health_retries=2).returncode != 0
    assert fleet.loaded() == {"host0", "host1", "host2"}


@pytest.mark.parametrize("name", ["host0", "host1"])
def test_a_host_that_cannot_be_reached_any_more_stops_it(fleet: Fleet, name: str) -> None:
    """As one that died: preflight is left out, it would have stopped there."""
    fleet.unreachable = [name]
    done = fleet.roll_out(ksonde_preflight=False)
    assert done.returncode != 0
    assert f"{name} is lost: it cannot be reached" in done.stdout
    assert fleet.loaded() == (set() if name == "host0" else {"host0", "host2"})


def test_a_host_that_is_not_there_is_seen_before_anything_is_done(fleet: Fleet) -> None:
    fleet.unreachable = ["host4"]
    done = fleet.roll_out()
    assert done.returncode != 0
    assert "host4 cannot be reached" in done.stdout
    assert fleet.loaded() == set()


def test_nothing_is_touched_where_one_host_cannot_have_it(fleet: Fleet) -> None:
    fleet.preflight("host5", 20)
    done = fleet.roll_out()
    assert done.returncode != 0
    assert "host5: preflight exits with 20: 6.1.0: build: fails" in " ".join(done.stdout.split())
    assert fleet.loaded() == set()


def test_degraded_is_taken_only_where_that_is_said(fleet: Fleet) -> None:
    fleet.preflight("host5", 22)
    fleet.says("host5", "degraded")
    assert fleet.roll_out().returncode != 0
    assert fleet.loaded() == set()
    taken = {"ksonde_preflight_accept": [0, 22], "ksonde_healthy_states": ["healthy", "degraded"]}
    assert fleet.roll_out(**taken).returncode == 0
    assert fleet.loaded() == set(NAMES)


def test_preflight_from_a_clone_that_is_copied_and_removed(fleet: Fleet, tmp_path: Path) -> None:
    """A clone whose tools/preflight tells where it runs."""
    clone = tmp_path / "clone"
    for name in ("Kbuild", "dkms.conf", "driver/x.c", "userland/ksonde/x.py"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
    (clone / "tools").mkdir()
    (clone / "tools/preflight").write_text(
        "import json, os, sys\n"
        f"open({str(tmp_path / 'places')!r}, 'a').write(os.getcwd() + '\\n')\n"
        "assert sys.argv[1:] == ['--json'] and os.path.exists('driver/x.c')\n"
        "print(json.dumps({'exit_code': 0, 'why': ''}))\n"
    )
    assert fleet.roll_out(ksonde_preflight_clone=str(clone), ksonde_soak=0).returncode == 0
    assert fleet.loaded() == set(NAMES)
    places = (tmp_path / "places").read_text().split()
    assert len(set(places)) == len(NAMES)
    assert not [place for place in places if Path(place).exists()]
    assert not fleet.calls("preflight --json")


def test_packages_that_the_controller_has(fleet: Fleet, tmp_path: Path) -> None:
    """Both at once, on each host before its module is loaded; nothing stays there."""
    files = [tmp_path / "ksonde_1_all.deb", tmp_path / "ksonde-dkms_1_all.deb"]
    for file in files:
        file.write_text("a package")
    installer = tmp_path / "install.py"
    installer.write_text(
        "import sys\n"
        f"open({str(tmp_path / 'places')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "assert all(open(path).read() == 'a package' for path in sys.argv[1:])\n"
    )
    words = {"ksonde_package_files": list(map(str, files)), "ksonde_packages": ["ksonde"]}
    install = {"ksonde_install_files": [sys.executable, str(installer)]}
    assert fleet.roll_out(**words, **install, ksonde_soak=0).returncode == 0
    assert fleet.loaded() == set(NAMES)
    places = [
        [Path(path) for path in line.split()] for line in (tmp_path / "places").read_text().splitlines()
    ]
    assert len(places) == len(NAMES)
    for paths in places:
        assert [path.name for path in paths] == [file.name for file in files]
        assert not paths[0].parent.exists()


def test_packages_that_cannot_be_installed_stop_it(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "ksonde.deb").touch()
    words = {"ksonde_package_files": [str(tmp_path / "ksonde.deb")], "ksonde_install_files": ["false"]}
    assert fleet.roll_out(**words).returncode != 0
    assert fleet.loaded() == set()


def test_the_role_packs_what_preflight_needs() -> None:
    """Run from a folder that has no more than what the role packs."""
    packed = ("Kbuild", "dkms.conf", "driver", "tools/preflight", "userland")
    tasks = (ANSIBLE / "roles/ksonde/tasks/preflight_clone.yml").read_text()
    assert all(f"      - {name}\n" in tasks for name in packed)
    assert all((TOP / name).exists() for name in packed)


def test_yamllint() -> None:
    rules = "line-length: {max: 110}, document-start: disable, truthy: {check-keys: false}"
    config = f"{{extends: default, rules: {{{rules}}}}}"
    subprocess.run([BIN / "yamllint", "--strict", "-d", config, ANSIBLE], check=True)
