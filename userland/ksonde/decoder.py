# SPDX-License-Identifier: GPL-2.0-only
"""Decoders generated from the schema's construct Structs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .record import Record
    from .schema import Schema


class Decoder:
    """Makes records of bytes."""

    def __init__(self, schema: Schema) -> None:
        raise NotImplementedError

    def decode(self, raw: bytes) -> Record:
        """Decode exactly one record.  BadRecord."""
        raise NotImplementedError
