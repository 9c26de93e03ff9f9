# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import mmap
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_driver import PAGE, FakeRing
from ksonde import ring as ring_module
from ksonde import uapi
from ksonde.errors import BadRecord
from ksonde.ring import Batch, CpuRing, Rings, record_time, split

SIZE = 1 << 16


def record(time: int, length: int = 48, cpu: int = 0) -> bytes:
    return struct.pack("<IHHIIQQQ", length, 60, 0, cpu, 0, 0, time, 0) + bytes([time & 255]) * (length - 40)


class FakeMapper:
    """The mappings of fake rings."""

    def __init__(self, cpus: int, *, overwrite: bool = False) -> None:
        self.rings = [FakeRing(SIZE, overwrite=overwrite) for _ in range(cpus)]
        self.mapped = 0
        self.fail_at = -1

    def mmap(self, region: uapi.Region, cpu: int, length: int) -> mmap.mmap:
        self.mapped += 1
        if self.mapped == self.fail_at:
            raise OSError(12, "no memory")
        ring = self.rings[cpu]
        found = (ring.control, ring.position, ring.data)[region]
        assert len(found) == length
        return found


def times(batch: Batch) -> list[int]:
    return [record_time(raw) for raw in batch.records]


# ---------------------------------------------------------------- split --


def test_split() -> None:
    raws = [record(1), record(2, 56), record(3, 40)]
    assert split(b"".join(raws)) == raws
    assert split(b"") == []


@pytest.mark.parametrize("cut", [1, 8, 39, 40, 47])
def test_split_leaves_a_cut_record_out(cut: int) -> None:
    data = record(1) + record(2)[:cut]
    assert split(data, cut=True) == [record(1)]
    with pytest.raises(BadRecord) as caught:
        split(data, base=1000)
    assert caught.value.offset == 1048


@pytest.mark.parametrize("length", [0, 8, 32, 39, 41, 44, uapi.RECORD_MAX + 8, 2**31, 2**32 - 8])
def test_a_length_that_no_record_can_have(length: int) -> None:
    data = record(1) + struct.pack("<I", length) + bytes(100)
    with pytest.raises(BadRecord, match=f"a length of {length}"):
        split(data, cut=True)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(data: bytes, cut: bool) -> None:
    try:
        records = split(data, cut=cut)
    except BadRecord:
        return
    joined = b"".join(records)
    assert data.startswith(joined)
    assert cut or data == joined


# ----------------------------------------------------------- one CPU's ring --


def test_records_are_copied_and_released() -> None:
    mapper = FakeMapper(1)
    ring = CpuRing(mapper, 0, SIZE, PAGE)
    assert ring.take(0) == (0, [], False)
    mapper.rings[0].put(record(1))
    mapper.rings[0].put(record(2))
    assert ring.take(0) == (0, [record(1), record(2)], False)
    assert mapper.rings[0].read_to == 0
    ring.release(96)
    assert mapper.rings[0].read_to == 96
    assert ring.take(96) == (96, [], False)
    assert (ring.head, ring.oldest, ring.dropped, ring.cpu) == (96, 0, 0, 0)
    ring.close()
    ring.close()


def test_a_record_over_the_end_is_in_one_piece() -> None:
    mapper = FakeMapper(1)
    ring = CpuRing(mapper, 0, SIZE, PAGE)
    position = 0
    for number in range(SIZE // 48 + 5):
        assert mapper.rings[0].put(record(number))
        begin, records, _ = ring.take(position)
        assert records == [record(number)]
        position = begin + 48
        ring.release(position)
    assert position > SIZE


@pytest.mark.parametrize("head", [SIZE + 8, 2**63, 8])
def test_a_head_that_cannot_be(head: int) -> None:
    mapper = FakeMapper(1)
    ring = CpuRing(mapper, 0, SIZE, PAGE)
    struct.pack_into("<Q", mapper.rings[0].control, 0, head)
    with pytest.raises(BadRecord, match="the head of CPU 0"):
        ring.take(16 if head == 8 else 0)


def test_more_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "TAKE_MAX", 100)
    mapper = FakeMapper(1)
    for number in range(5):
        mapper.rings[0].put(record(number))
    ring = CpuRing(mapper, 0, SIZE, PAGE)
    assert ring.take(0) == (0, [record(0), record(1)], True)
    assert ring.take(96) == (96, [record(2), record(3)], True)
    assert ring.take(192) == (192, [record(4)], False)


def test_a_flight_recorder_begins_at_its_oldest() -> None:
    mapper = FakeMapper(1, overwrite=True)
    count = SIZE // 1024 + 3
    for number in range(count):
        assert mapper.rings[0].put(record(number, 1024))
    begin, records, _ = CpuRing(mapper, 0, SIZE, PAGE).take(0)
    assert begin == 3 * 1024
    assert [record_time(raw) for raw in records] == list(range(3, count))


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4, 6])
def test_what_was_mapped_is_unmapped_when_more_fails(fail_at: int) -> None:
    mapper = FakeMapper(2)
    mapper.fail_at = fail_at
    with pytest.raises(OSError, match="no memory"):
        Rings(mapper, [0, 1], SIZE, PAGE)
    closed = [ring.control.closed for ring in mapper.rings]
    assert closed == [fail_at > 1, fail_at > 4]


# ---------------------------------------------------------------- all CPUs --


def test_cpus_are_merged_by_time() -> None:
    mapper = FakeMapper(3)
    for number in (1, 4, 5):
        mapper.rings[0].put(record(number))
    for number in (2, 3, 6):
        mapper.rings[2].put(record(number, cpu=2))
    rings = Rings(mapper, range(3), SIZE, PAGE)
    batch = rings.take(rings.begin.positions)
    assert times(batch) == [1, 2, 3, 4, 5, 6]
    assert batch.positions == (144, 0, 144)
    rings.release(batch.positions)
    assert [ring.read_to for ring in mapper.rings] == [144, 0, 144]
    assert times(rings.take(batch.positions)) == []
    rings.close()


def test_a_full_ring_holds_the_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "TAKE_MAX", 100)
    mapper = FakeMapper(2)
    for number in (10, 20, 30, 40, 50):
        mapper.rings[0].put(record(number))
    for number in (15, 35):
        mapper.rings[1].put(record(number, cpu=1))
    rings = Rings(mapper, range(2), SIZE, PAGE)
    found, positions = [], rings.begin.positions
    while True:
        batch = rings.take(positions)
        if not batch.records:
            break
        found.append(times(batch))
        positions = batch.positions
    assert found == [[10, 15, 20], [30, 35, 40], [50]]


def test_nested_records_do_not_stall_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "TAKE_MAX", 100)
    mapper = FakeMapper(1)
    for number in (9, 5, 4, 3):
        mapper.rings[0].put(record(number))
    rings = Rings(mapper, range(1), SIZE, PAGE)
    batch = rings.take((0,))
    assert times(batch) == [5, 9]
    assert times(rings.take(batch.positions)) == [3, 4]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([40, 48, 400, 4000])), max_size=60),
    st.integers(4000, 9000),
    st.data(),
)
def test_whatever_is_written_is_read_once_and_in_order(
    writes: list[tuple[int, int]], take_max: int, data: st.DataObject
) -> None:
    mapper = FakeMapper(3)
    rings = Rings(mapper, range(3), SIZE, PAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_module, "TAKE_MAX", take_max)
        batch, read, written = rings.begin, [], []
        for number, (cpu, length) in enumerate(writes):
            raw = record(number, length, cpu)
            if mapper.rings[cpu].put(raw):
                written.append(raw)
            if data.draw(st.integers(0, 9)) == 0:
                batch = rings.take(batch.positions)
                rings.release(batch.positions)
                read += batch.records
        while batch.records or not read:
            batch = rings.take(batch.positions)
            rings.release(batch.positions)
            read += batch.records
            if not written:
                break
    assert read == written
    assert sum(ring.dropped for ring in mapper.rings) == len(writes) - len(written)
