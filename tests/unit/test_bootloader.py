# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path

import pytest

from fakes import tree
from ksonde import bootloader
from ksonde.machine import Machine

KERNELS = ["6.12.0-9-amd64", "6.1.0-50-amd64", "6.1.0-9-amd64"]
GRUB = """
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
else
   set default="DEFAULT"
fi
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-7' {
	echo	'Loading Linux 6.12.0-9-amd64 ...'
	linux	/boot/vmlinuz-6.12.0-9-amd64 root=UUID=7 ro  quiet
	initrd	/boot/initrd.img-6.12.0-9-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-7' {
	menuentry 'Debian GNU/Linux, with Linux 6.12.0-9-amd64' $menuentry_id_option 'gnulinux-new' {
		if [ x$grub_platform = xxen ]; then insmod xzio; fi
		linux	/boot/vmlinuz-6.12.0-9-amd64 root=UUID=7 ro  quiet
	}
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-50-amd64' $menuentry_id_option 'gnulinux-old' {
		linux	/boot/vmlinuz-6.1.0-50-amd64 root=UUID=7 ro  quiet
	}
}
menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
	fwsetup
}
menuentry "Old one" --id old {
	linux	/vmlinuz-6.1.0-9-amd64 root=/dev/sda1
}
"""
FEDORA = {
    "/boot/grub2/grub.cfg": 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\n',
    "/boot/loader/entries/abc-6.1.0-9-amd64.conf": (
        "title Fedora (6.1.0-9-amd64)\nversion 6.1.0-9-amd64\nlinux /vmlinuz-6.1.0-9-amd64\n"
    ),
    "/boot/loader/entries/abc-6.12.0-9-amd64.conf": (
        "title Fedora (6.12.0-9-amd64)\nversion 6.12.0-9-amd64\nlinux /vmlinuz-6.12.0-9-amd64\noptions\n"
    ),
}


def chosen(root: Path, files: dict[str, str]) -> tuple[str, str]:
    found = bootloader.next_boot(Machine(tree(root, files), release=KERNELS[1]), KERNELS)
    assert found is not None
    return found.release, found.how


@pytest.mark.parametrize(
    ("default", "environment", "release", "how"),
    [
        ("0", "", KERNELS[0], "the default entry of /boot/grub/grub.cfg"),
        ("1>1", "", KERNELS[1], "the default entry of /boot/grub/grub.cfg"),
        ("1", "", KERNELS[0], "the default entry of /boot/grub/grub.cfg"),
        ("3", "", KERNELS[2], "the default entry of /boot/grub/grub.cfg"),
        ("old", "", KERNELS[2], "the default entry of /boot/grub/grub.cfg"),
        ("Old one", "", KERNELS[2], "the default entry of /boot/grub/grub.cfg"),
        (
            "gnulinux-advanced-7>gnulinux-old",
            "",
            KERNELS[1],
            "the default entry of /boot/grub/grub.cfg",
        ),
        ("no such entry", "", KERNELS[0], "the default entry of /boot/grub/grub.cfg"),
        ("${saved_entry}", "saved_entry=old", KERNELS[2], "saved_entry of /boot/grub/grubenv"),
        ("${saved_entry}", "", KERNELS[0], "the default entry of /boot/grub/grub.cfg"),
        ("0", "saved_entry=old\nnext_entry=1>1", KERNELS[1], "next_entry of /boot/grub/grubenv"),
        ("0", "saved_entry=old", KERNELS[0], "the default entry of /boot/grub/grub.cfg"),
    ],
)
def test_grub(tmp_path: Path, default: str, environment: str, release: str, how: str) -> None:
    files = {
        "/boot/grub/grub.cfg": GRUB.replace("DEFAULT", default),
        "/boot/grub/grubenv": f"# GRUB Environment Block\n{environment}\n########",
    }
    assert chosen(tmp_path, files) == (release, how)


def test_grub_with_entries_of_the_specification(tmp_path: Path) -> None:
    saved = {"/boot/grub2/grubenv": "# GRUB Environment Block\nsaved_entry=abc-6.1.0-9-amd64\n"}
    assert chosen(tmp_path, {**FEDORA, **saved}) == (KERNELS[2], "saved_entry of /boot/grub2/grubenv")


def test_the_newest_of_the_specification(tmp_path: Path) -> None:
    assert chosen(tmp_path, FEDORA)[0] == KERNELS[0]


@pytest.mark.parametrize(
    ("default", "release"),
    [
        ("default abc-6.1.0-9-*\n", KERNELS[2]),
        ("default abc-6.1.0-9-amd64.conf\n", KERNELS[2]),
        ("", KERNELS[0]),
    ],
)
def test_systemd_boot(tmp_path: Path, default: str, release: str) -> None:
    entries = {name.replace("/boot/", "/efi/"): text for name, text in FEDORA.items() if "entries" in name}
    found = chosen(tmp_path, {**entries, "/efi/loader/loader.conf": f"timeout 3\n{default}"})
    assert found == (release, "the default of /efi/loader/loader.conf")


def test_a_kernel_that_is_not_there_is_not_believed(tmp_path: Path) -> None:
    files = {"/boot/grub/grub.cfg": GRUB.replace("6.12.0-9", "5.10.0-1").replace("DEFAULT", "0")}
    assert chosen(tmp_path, files) == (KERNELS[0], "the newest one: no boot loader's choice can be read")
    assert chosen(tmp_path / "nothing", {})[0] == KERNELS[0]
    assert bootloader.next_boot(Machine(tmp_path), []) is None


def test_installed(tmp_path: Path) -> None:
    files = {f"/lib/modules/{release}/kernel/x.ko": "" for release in KERNELS}
    machine = Machine(tree(tmp_path, {**files, "/lib/modules/6.9.0/extra/ksonde.ko": ""}))
    assert bootloader.installed(machine) == KERNELS
    tree(tmp_path, {f"/boot/vmlinuz-{KERNELS[2]}": "", f"/lib/modules/{KERNELS[1]}/vmlinuz": ""})
    assert bootloader.installed(machine) == KERNELS[1:]
    assert bootloader.installed(Machine(tmp_path / "nothing")) == []


def test_versions_are_compared_by_number() -> None:
    right = ["5.10.0-30-amd64", "6.1.0-9-amd64", "6.1.0-10-amd64", "6.2-rc1", "6.2", "6.12.0"]
    assert sorted(sorted(right), key=bootloader.version_key) == right
