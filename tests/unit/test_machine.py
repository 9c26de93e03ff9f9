# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
import os
from pathlib import Path

from fakes import tree
from ksonde.machine import Machine


def test_this_machine() -> None:
    machine = Machine()
    assert machine.release == os.uname().release
    assert machine.find("sh")
    assert machine.run(["sh", "-c", "echo a; exit 3"]).returncode == 3
    assert machine.read("/no/such/file") is None
    assert machine.read_bytes("/no/such/file") is None


def test_an_empty_machine(tmp_path: Path) -> None:
    machine = Machine(tmp_path, release="6.1.0")
    assert machine.module_version() is None
    assert machine.kernel_config() is None
    assert machine.lockdown() == "none"
    assert not machine.switched_off()
    assert not machine.may_load_modules()
    assert machine.in_initial_user_namespace()


def test_a_full_one(tmp_path: Path) -> None:
    files = {
        "/proc/cmdline": "quiet ksonde=off ro\n",
        "/proc/self/status": "Name:\tsh\nCapEff:\t0000000000010000\n",
        "/proc/self/uid_map": "         0     100000      65536\n",
        "/sys/module/ksonde/version": "0.1.0\n",
        "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
    }
    machine = Machine(tree(tmp_path, files), release="6.1.0")
    assert machine.module_version() == "0.1.0"
    assert machine.switched_off()
    assert machine.may_load_modules()
    assert not machine.in_initial_user_namespace()
    assert machine.lockdown() == "integrity"


def test_where_the_kernels_options_are(tmp_path: Path) -> None:
    machine = Machine(tmp_path, release="6.1.0")
    config = b'# CONFIG_B is not set\nCONFIG_A=y\nCONFIG_TEXT="gcc=12"\n'
    tree(tmp_path, {"/lib/modules/6.1.0/build/.config": config.decode()})
    assert machine.kernel_config() == {"A": "y", "TEXT": "gcc=12"}
    tree(tmp_path, {"/proc/config.gz": "damaged"})
    assert machine.kernel_config() == {"A": "y", "TEXT": "gcc=12"}
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_C=m\n"))
    assert machine.kernel_config() == {"C": "m"}
    tree(tmp_path, {"/boot/config-6.1.0": "CONFIG_D=y\n"})
    assert machine.kernel_config() == {"D": "y"}


def test_another_kernel_of_the_same_machine(tmp_path: Path) -> None:
    machine = Machine(tmp_path, release="6.1.0", architecture="riscv64")
    other = machine.of("6.12.0")
    assert (other.release, other.running, other.is_running) == ("6.12.0", "6.1.0", False)
    assert (other.architecture, other.root) == ("riscv64", tmp_path)
    assert (machine.release, machine.is_running) == ("6.1.0", True)
    assert other.of("6.1.0").is_running


def test_the_running_kernels_options_are_no_other_ones(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_KPROBES=y\n"))
    machine = Machine(tmp_path, release="6.1.0")
    assert machine.kernel_config() == {"KPROBES": "y"}
    assert machine.of("6.12.0").kernel_config() is None
    tree(tmp_path, {"/lib/modules/6.12.0/build/.config": "CONFIG_KPROBES=m\n# CONFIG_X is not set\n"})
    assert machine.of("6.12.0").kernel_config() == {"KPROBES": "m"}


def test_the_kernels_log(tmp_path: Path) -> None:
    """What is written there is one write, with a level; where it cannot be written nothing is said."""
    machine = Machine(tree(tmp_path, {"/dev/kmsg": "before\n"}))
    machine.log("not loaded: why")
    assert machine.read("/dev/kmsg") == "before\n<3>ksonde: not loaded: why\n"
    Machine(tmp_path / "nowhere").log("nothing")
    machine.path("/dev/kmsg").unlink()
    os.mkfifo(machine.path("/dev/kmsg"))
    ours = os.open(machine.path("/dev/kmsg"), os.O_RDONLY | os.O_NONBLOCK)
    machine.log("where no position can be asked for")
    assert os.read(ours, 4096) == b"<3>ksonde: where no position can be asked for\n"
    os.close(ours)


def test_a_filter_that_is_not_there(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.filter(["ksonde-no-such-program"], b"data") == b""
    assert machine.filter(["cat"], b"data") == b"data"


def test_the_boot_and_its_age(tmp_path: Path) -> None:
    assert len(Machine().boot_id()) == 36
    assert Machine(tmp_path).boot_id() == ""
    before = Machine().uptime()
    assert Machine().uptime() >= before > 0
