# SPDX-License-Identifier: GPL-2.0-only
"""Answers of a TCP connection, put together from whatever pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosted import build, run


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("stream"), "stream_test", ["hooks/dns_stream.c"])


def test_pieces(program: Path) -> None:
    """Each answer comes once, whole; `tools/fuzz` does the same for longer."""
    made, whole, after_gaps = map(int, run(program, "fuzz", "100000", "20261128").split())
    assert made * 0.7 < whole < made
    # What is behind a gap is mostly lost with so small buffers.
    assert whole + after_gaps < made
    assert after_gaps > 100


def test_later(program: Path) -> None:
    """Where the begin of a connection is not known."""
    run(program, "later")
