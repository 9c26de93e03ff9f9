# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import lzma
from pathlib import Path

from ksonde_tools.kernel import Kernel
from ksonde_tools.kernels import modules


def _module(path: Path, *needs: str) -> bytes:
    content = b"\x7fELF\0license=GPL\0depends=" + ",".join(needs).encode() + b"\0name=x\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(content) if path.suffix == ".xz" else content)
    return content


def _kernel(top: Path) -> Kernel:
    return Kernel("1.0", top, top, top)


def test_what_a_module_needs_comes_first(tmp_path: Path) -> None:
    usb = tmp_path / "kernel/drivers/usb"
    pci = _module(usb / "host/xhci-pci.ko.xz", "xhci-hcd", "usbcore", "is_built_in")
    hcd = _module(usb / "host/xhci-hcd.ko", "usbcore", "usb-common")
    core = _module(usb / "core/usbcore.ko", "usb-common")
    common = _module(usb / "common/usb-common.ko")
    _module(usb / "host/ehci-hcd.ko", "usbcore")
    (usb / "host/xhci-pci.ko.sig").write_bytes(b"")
    assert modules.closure(_kernel(tmp_path), "xhci-pci") == [
        ("usb_common", common), ("usbcore", core), ("xhci_hcd", hcd), ("xhci_pci", pci)
    ]  # fmt: skip


def test_what_is_built_in_is_no_file(tmp_path: Path) -> None:
    assert modules.closure(_kernel(tmp_path), "xhci-pci") == []


def test_a_tree_has_its_modules_where_they_were_built(tmp_path: Path) -> None:
    content = _module(tmp_path / "drivers/usb/host/xhci-pci.ko")
    assert modules.closure(_kernel(tmp_path), "xhci-pci") == [("xhci_pci", content)]
