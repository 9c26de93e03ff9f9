# SPDX-License-Identifier: GPL-2.0-only
"""The last test: a handler that stops filling any one field is found by another one."""

from __future__ import annotations

import pytest

import ksonde
from acting import TOLD

#: On the kernels that these tests run on no hook is unavailable.
NOTHING = {("session_state", "hooks_unavailable")}


def test_every_field_was_told(request: pytest.FixtureRequest) -> None:
    """For each field, some test of this run knew a value other than nothing."""
    if request.config.getoption("keyword") or request.config.getoption("file_or_dir") != ["tests/vm"]:
        return
    with ksonde.Device() as device:
        schema = device.schema()
    fields = {("context", field.name) for field in schema.context}
    fields |= {(event.name, field.name) for event in schema.events.values() for field in event.fields}
    assert fields - TOLD == NOTHING
