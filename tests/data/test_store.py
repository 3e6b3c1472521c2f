"""The packed store: what went in comes out, in every process, and nothing that was changed passes for it."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb
from memory_dataset import CODES, MemoryDataset, checksum, mixed_dataset
from ptbxl_folder import write_ptbxl
from torch.utils.data import DataLoader

from medclip.cli.__main__ import main as medclip
from medclip.core.dataset import Dataset
from medclip.core.errors import LabelError, StoreError
from medclip.data.pack import pack
from medclip.data.quantise import dequantise, quantise
from medclip.data.store import PackedStore
from medclip.modalities.ecg.datasets.ptbxl import open_ptbxl

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))


@pytest.fixture(scope="module")
def dataset() -> MemoryDataset:
    return mixed_dataset(23)


@pytest.fixture(scope="module")
def folder(dataset: MemoryDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pack records of four layouts in shards of five; no test may change it."""
    return pack(dataset, tmp_path_factory.mktemp("packed") / "store", records_per_shard=5).folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Copy the store for a test that damages it."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def expected(dataset: MemoryDataset, index: int) -> np.ndarray:
    """Return what quantising leaves of a record."""
    return dequantise(*quantise(dataset.samples[index].array))


def test_records_come_back(dataset: MemoryDataset, folder: Path) -> None:
    store = PackedStore(folder)
    assert isinstance(store, Dataset)
    assert (store.name, store.modality, store.version, len(store)) == ("memory", "ecg", "1", 23)
    for number, (sample, original) in enumerate(zip(store, dataset.samples, strict=True)):
        assert sample.array.dtype == np.float32
        largest = np.nanmax(np.abs(original.array), axis=1, keepdims=True)
        # Arbitrary values keep one part in 65,534; whole microvolts and gaps come back as they were.
        np.testing.assert_allclose(sample.array, original.array, atol=float(largest.max()) / 65533, rtol=0)
        if number % 2 == 0:
            np.testing.assert_array_equal(sample.array, original.array)
        np.testing.assert_array_equal(np.isnan(sample.array), np.isnan(original.array))
        for name in ("record_id", "patient_id", "report", "sampling_rate_hz", "channel_names", "modality"):
            assert getattr(sample, name) == getattr(original, name)
        assert store.has_missing[number] == np.isnan(original.array).any()
    assert len(store.layouts) == 4
    assert store[-1].record_id == "r22"
    with pytest.raises(IndexError):
        store[23]


def test_index_and_labels(dataset: MemoryDataset, folder: Path) -> None:
    store = PackedStore(folder)
    for info, original in zip(store.records, dataset.records, strict=True):
        assert (info.record_id, info.patient_id, info.report, info.fold) == (
            original.record_id,
            original.patient_id,
            original.report,
            original.fold,
        )
        attributes = dict(original.attributes)
        assert info.attributes == attributes | {"age": float(attributes["age"]), "notes": [0, 1]}
    assert [info.record_id for info in store.records[3:6]] == ["r3", "r4", "r5"]
    assert store.column("report") == [info.report for info in dataset.records]
    table = store.labels("letters")
    assert table.codes == CODES
    np.testing.assert_array_equal(table.values, dataset.values)
    assert np.isnan(table.values).any()
    with pytest.raises(LabelError, match="carries no such labels: received numbers; allowed: letters"):
        store.labels("numbers")


def test_reading_many(dataset: MemoryDataset, folder: Path) -> None:
    store = PackedStore(folder)
    wanted = [22, 0, 7, 7, 3, 19, 1, 12]
    found: dict[int, np.ndarray] = {}
    for group in store.read(np.array(wanted)):
        assert group.has_missing == np.isnan(group.values).any()
        for position, values in zip(group.positions.tolist(), group.values, strict=True):
            original = dataset.samples[wanted[position]]
            assert group.layout.shape == values.shape == original.array.shape
            assert (group.layout.sampling_rate_hz, group.layout.channel_names) == (
                original.sampling_rate_hz,
                original.channel_names,
            )
            found[position] = values
    assert sorted(found) == list(range(len(wanted)))
    for position, values in found.items():
        np.testing.assert_array_equal(values, expected(dataset, wanted[position]))
    assert store.read([]) == []
    for wrong in ([23], [-1]):
        with pytest.raises(IndexError, match="of 23"):
            store.read(wrong)


def test_what_is_read_belongs_to_the_caller(dataset: MemoryDataset, folder: Path) -> None:
    store = PackedStore(folder)
    store.read([0])[0].values[:] = 7
    store[0].array[:] = 7
    np.testing.assert_array_equal(store[0].array, expected(dataset, 0))


def test_samples_are_those_that_wfdb_reads(tmp_path: Path) -> None:
    rows = [{"ecg_id": n, "scp_codes": codes} for n, codes in enumerate(["{'NORM': 100.0}", "{'AFIB': 0.0}"], start=5)]
    root = write_ptbxl(tmp_path / "ptbxl", rows)
    for rate_hz, part in ((500, "records500/00000/{:05d}_hr"), (100, "records100/00000/{:05d}_lr")):
        dataset = open_ptbxl(root, sampling_rate_hz=rate_hz)
        store = pack(dataset, tmp_path / f"store{rate_hz}")
        for position in range(2):
            samples, fields = wfdb.rdsamp(str(root / part.format(position + 1)))
            np.testing.assert_array_equal(store[position].array, samples.T.astype(np.float32))
            assert store[position].sampling_rate_hz == fields["fs"]
            assert [name.upper() for name in store[position].channel_names or ()] == fields["sig_name"]
        for label_set in dataset.label_sets:
            np.testing.assert_array_equal(store.labels(label_set).values, dataset.labels(label_set).values)


class Records:
    """The store as a map-style data set of torch."""

    def __init__(self, store: PackedStore) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.store[index].array)


@pytest.mark.parametrize("is_used_before", [False, True])
def test_several_workers_read_the_same(dataset: MemoryDataset, folder: Path, is_used_before: bool) -> None:
    store = PackedStore(folder)
    if is_used_before:
        store.read(range(23))
        assert len(store.records) == 23
    loader = DataLoader(Records(store), batch_size=None, num_workers=2)  # type: ignore[arg-type]
    for number, values in enumerate(loader):
        np.testing.assert_array_equal(values.numpy(), expected(dataset, number))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_reads_the_same(folder: Path, method: str) -> None:
    store = PackedStore(folder)
    here = checksum(store)
    with multiprocessing.get_context(method).Pool(2) as pool:
        there = pool.map(checksum, [store, store])
    assert there == [here, here]


def test_a_store_can_be_pickled(dataset: MemoryDataset, folder: Path) -> None:
    store = PackedStore(folder)
    store.read(range(23))
    pickled = pickle.dumps(store)
    assert len(pickled) < 1000
    np.testing.assert_array_equal(pickle.loads(pickled)[3].array, expected(dataset, 3))


def test_a_store_of_many_shards_needs_few_open_files(tmp_path: Path) -> None:
    store = pack(mixed_dataset(60), tmp_path / "store", records_per_shard=1)
    before = len(os.listdir("/proc/self/fd"))
    store.read(range(60))
    assert len(os.listdir("/proc/self/fd")) - before < 5


def test_digests_tell_contents_apart(dataset: MemoryDataset, folder: Path, tmp_path: Path) -> None:
    digest = PackedStore(folder).digest()
    assert pack(mixed_dataset(23), tmp_path / "same", records_per_shard=5).digest() == digest
    faster = [sample.replace(sampling_rate_hz=2 * (sample.sampling_rate_hz or 0)) for sample in dataset.samples]
    others = [mixed_dataset(23, seed=1), MemoryDataset(faster, dataset.values)]
    for number, other in enumerate(others):
        assert pack(other, tmp_path / str(number), records_per_shard=5).digest() != digest


def store_files() -> list[str]:
    return ["store.json", "index.parquet", "labels/letters.parquet", *(f"shard-{n:05d}.arrow" for n in range(5))]


def test_verify_accepts_what_was_packed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(store_files()) == sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert medclip(["data", "verify", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: 23 records, every file is as it was packed\n"


@pytest.mark.parametrize("name", store_files())
@pytest.mark.parametrize("change", ["first", "middle", "last", "shorter", "longer", "missing"])
def test_verify_finds_a_change(copy: Path, name: str, change: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = copy / name
    content = bytearray(path.read_bytes())
    if change in ("first", "middle", "last"):
        position = {"first": 0, "middle": len(content) // 2, "last": len(content) - 2}[change]
        content[position] ^= 1
    changed = {"shorter": content[:-3], "longer": content + b"}"}.get(change, content)
    path.write_bytes(changed)
    if change == "missing":
        path.unlink()
    assert medclip(["data", "verify", str(copy)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"medclip: {copy}")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("entry", "value"),
    [("layouts", []), ("dataset", "other"), ("label_sets", []), ("sha256", {}), ("version", 3), ("skipped", [1])],
)
def test_an_edited_description_is_refused(copy: Path, entry: str, value: object) -> None:
    path = copy / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {entry: value}))
    with pytest.raises(StoreError, match=r"store\.json has changed since it was written"):
        PackedStore(copy)


def test_no_other_version_is_read(copy: Path) -> None:
    path = copy / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 1}))
    with pytest.raises(StoreError, match="packed by another version of medclip: received schema 1; allowed: schema 3"):
        PackedStore(copy)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"\xff\xfe", b'{"schema_version": 3}', b"[" * 5000])
def test_no_description(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.json (is damaged|has changed)"):
        PackedStore(tmp_path)


def test_no_store(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(StoreError, match=r"holds no packed store\. Check the path"):
            PackedStore(path)


@pytest.mark.parametrize("change", ["missing", "empty", "shorter", "other shard", "no arrow"])
def test_a_damaged_shard_is_reported_when_it_is_read(copy: Path, dataset: MemoryDataset, change: str) -> None:
    path = copy / "shard-00001.arrow"
    content = path.read_bytes()
    path.unlink()
    if change != "missing":
        other = (copy / "shard-00004.arrow").read_bytes()
        path.write_bytes({"empty": b"", "shorter": content[:-20], "other shard": other}.get(change, b"x" * 999))
    store = PackedStore(copy)
    np.testing.assert_array_equal(store[0].array, expected(dataset, 0))
    for read in (lambda: store[7], lambda: store.read([7])):
        with pytest.raises(StoreError, match=r"shard-00001\.arrow is missing or damaged. See what medclip data verify"):
            read()


def test_a_damaged_index_is_reported(copy: Path, dataset: MemoryDataset) -> None:
    other = pack(mixed_dataset(4), copy.parent / "other").folder
    for name, ask in (
        ("index.parquet", lambda store: store.records[0]),
        ("labels/letters.parquet", lambda store: store.labels("letters")),
    ):
        shutil.copy(other / name, copy / name)
        with pytest.raises(StoreError, match="belongs to another store: received 4 rows; allowed: 23 rows"):
            ask(PackedStore(copy))
        (copy / name).write_bytes(b"PAR1 no longer")
        with pytest.raises(StoreError, match="is missing or damaged"):
            ask(PackedStore(copy))


@pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
def test_recorded_samples_are_those_that_wfdb_reads(tmp_path: Path) -> None:
    """55 records of PTB-XL bit for bit, through its own layout."""
    root = DATA / "ptbxl_mini"
    store = pack(open_ptbxl(root, sampling_rate_hz=100), tmp_path / "store", skip_unreadable=True)
    assert len(store) == len(list((root / "records100").rglob("*.hea"))) == 55
    for sample in store:
        number = int(sample.record_id)
        samples, _ = wfdb.rdsamp(str(root / f"records100/{number // 1000 * 1000:05d}/{number:05d}_lr"))
        np.testing.assert_array_equal(sample.array, samples.T.astype(np.float32))


@pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
def test_leads_of_different_gains_keep_every_step(tmp_path: Path) -> None:
    """LUDB stores each lead with a gain and an offset of its own; no two steps may become one."""
    with tarfile.open(DATA / "ecg_sets/ludb/data.tar.xz") as archive:
        for member in [m for m in archive if Path(m.name).name in ("1.hea", "1.dat")]:
            member.name = Path(member.name).name
            archive.extract(member, tmp_path, filter="data")
    values = wfdb.rdsamp(str(tmp_path / "1"))[0].T.astype(np.float32)
    restored = dequantise(*quantise(values))
    for lead, exact in zip(restored, values, strict=True):
        assert len(np.unique(lead)) == len(np.unique(exact))
        assert np.abs(lead - exact).max() <= np.abs(exact).max() / 65533 * (1 + 1e-4)
