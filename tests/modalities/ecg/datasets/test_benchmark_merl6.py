"""The six test sets of MERL as one benchmark: its protocol and ours side by side, and what is missing by name."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ecg_folders import signal, write_challenge, write_csv
from ptbxl_folder import write_ptbxl
from scipy.io import savemat

from medclip.bundle.save import BundleContent, EmbeddedPrompts, save_bundle
from medclip.cli.__main__ import main
from medclip.core.errors import ConfigError, DatasetError, LabelError, PromptError
from medclip.core.label_set import LabelSet
from medclip.core.modality import find_modality
from medclip.encoders.model import ContrastiveModel, TextTower, Tower
from medclip.encoders.projection import Projection
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.text import SmallBert
from medclip.evaluation.benchmark import Benchmark, Outcome, mean_auroc, read_benchmark, run_benchmark
from medclip.evaluation.published import PublishedTable, PublishedTest
from medclip.modalities.ecg.datasets.cpsc2018 import open_cpsc2018
from medclip.modalities.report.pipeline import ReportPipeline
from medclip.prompts.prompt_set import PromptSet
from medclip.zeroshot.model import Model, load

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
CPSC_COLUMNS = ("AFIB", "VPC", "NORM", "1AVB", "CRBBB", "STE", "PAC", "CLBBB", "STD")
STATEMENTS = (
    "{'NORM': 100.0, 'SR': 0.0}",
    "{'AFIB': 0.0, 'IMI': 100.0, 'PVC': 0.0}",
    "{'LVH': 100.0, 'SR': 0.0, 'LVOLT': 0.0}",
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save an untrained model that has prompts of its own for CPSC2018."""
    torch.manual_seed(0)
    spec = find_modality("ecg").default_input_spec()
    encoder = ResNet1d(depth=10, width=8, embedding_dim=16)
    text = SmallBert(hidden_size=16, n_layers=1, n_heads=2).build(PromptSet.load("ptbxl-superclass").texts)
    towers = {"ecg": Tower(encoder, Projection(encoder.embedding_dim, 16))}
    model = ContrastiveModel(towers, TextTower(text, Projection(text.embedding_dim, 16)))
    codes = LabelSet.load("cpsc2018").codes
    texts = (*(f"{code}." for code in codes), "None.")
    embeddings = torch.nn.functional.normalize(torch.randn(len(texts), 16), dim=1)
    prompts = {code: {"positive": (f"{code}.",), "negative": ("None.",)} for code in codes}
    reports = ReportPipeline(translate_to=None, normalise=False)
    stored = {"cpsc2018": EmbeddedPrompts("cpsc2018", prompts, texts, embeddings)}
    content = BundleContent(model.eval(), {"ecg": spec}, reports, 10.0, prompt_sets=stored)
    return save_bundle(content, tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    return load(bundle)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write PTB-XL, CPSC2018 and CSN, small, and beside them the tables of MERL for the first two."""
    root = tmp_path_factory.mktemp("data")
    rows = [{"scp_codes": STATEMENTS[number % 3], "strat_fold": 10 - number % 2} for number in range(12)]
    write_ptbxl(root / "ptb-xl", rows)
    labels = []
    for number in range(30):
        name = f"A{number + 1:04d}"
        labels.append({"Recording": name, "First_label": number % 9 + 1, "Second_label": "", "Third_label": ""})
        (root / "cpsc2018").mkdir(exist_ok=True)
        structure = {"sex": "Male", "age": 50.0, "data": signal(number, 3500) / 1000.0}
        savemat(root / f"cpsc2018/{name}.mat", {"ECG": structure})
    write_csv(root / "cpsc2018/REFERENCE.csv", labels)
    write_challenge(root / "csn", {"JS00001": "426783006", "JS00002": "164889003"})
    codes = LabelSet.load("ptbxl-superclass").codes
    present = ("NORM", "MI", "HYP")
    published = [
        {"ecg_id": number + 1} | {code: int(code == present[number % 3]) for code in reversed(codes)}
        for number in range(6)
    ]
    write_csv(root / "tables/ptbxl/super_class/ptbxl_super_class_test.csv", published)
    published = [
        {"filename": f"A{number + 1:04d}"} | {code: int(place == number % 9) for place, code in enumerate(CPSC_COLUMNS)}
        for number in range(18)
    ]
    write_csv(root / "tables/icbeb/icbeb_test.csv", published)
    return root


def only(*names: str) -> Benchmark:
    """Return the benchmark with some of its tests."""
    benchmark = read_benchmark("ecg-merl6")
    return replace(benchmark, tests=tuple(test for test in benchmark.tests if test.name in names))


def test_the_definition_names_what_there_is() -> None:
    benchmark = read_benchmark("ecg-merl6")
    assert [test.name for test in benchmark.tests] == [
        "ptbxl-superclass",
        "ptbxl-subclass",
        "ptbxl-form",
        "ptbxl-rhythm",
        "cpsc2018",
        "csn",
    ]
    for test in benchmark.tests:
        codes = LabelSet.load(test.label_set).codes
        assert set(test.protocols) == set(benchmark.protocols) == {"clean", "merl"}
        assert set(test.protocols["merl"].columns) <= set(codes)
    with pytest.raises(ConfigError, match=r"unknown benchmark: received ecg-merl; allowed: ecg-merl6. Did you mean"):
        read_benchmark("ecg-merl")


@needs_data
def test_merls_tables_are_read_by_name_whatever_the_order_of_their_columns() -> None:
    sizes = {}
    for test in read_benchmark("ecg-merl6").tests:
        plan, codes = test.protocols["merl"], LabelSet.load(test.label_set).codes
        path = DATA / "merl/data_split" / plan.table
        records, labels = PublishedTable(path, plan.record_column, plan.record_pattern, plan.columns).read(codes)
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        for code, values in zip(labels.codes, labels.values.T, strict=True):
            column = header.index(plan.columns.get(code, code))
            assert [float(row[column]) for row in rows] == values.tolist()
        sizes[test.name] = (len(records), len(codes))
    assert sizes == {
        "ptbxl-superclass": (2158, 5),
        "ptbxl-subclass": (2158, 23),
        "ptbxl-form": (880, 19),
        "ptbxl-rhythm": (2098, 12),
        "cpsc2018": (1376, 9),
        "csn": (4620, 38),
    }


def test_both_protocols_side_by_side(model: Model, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_all = Model.prompt_set

    def prompt_set(self: Model, labels: LabelSet, *rest: object) -> PromptSet:
        """As if nobody had written prompts for one of the sets."""
        if labels.name.startswith("csn"):
            raise PromptError("unknown prompt set")
        return with_all(self, labels, *rest)

    monkeypatch.setattr(Model, "prompt_set", prompt_set)
    outcomes = run_benchmark(
        only("ptbxl-superclass", "cpsc2018", "csn"),
        model,
        root,
        protocols=["clean", "merl"],
        tables=root / "tables",
        ensemble="mean",
        n_resamples=20,
    )
    found = {(outcome.test, outcome.protocol): outcome for outcome in outcomes}
    superclass = {name: found["ptbxl-superclass", name].evaluation for name in ("clean", "merl")}
    assert superclass["clean"] is not None
    assert superclass["merl"] is not None
    assert superclass["clean"].record_ids == ("1", "3", "5", "7", "9", "11")  # fold 10
    assert superclass["merl"].record_ids == ("1", "2", "3", "4", "5", "6")  # the table's
    assert superclass["merl"].protocol.input_spec["scaling"] == "minmax"
    assert superclass["clean"].protocol.input_spec["scaling"] == "none"
    assert superclass["merl"].protocol.dataset_version == "1.0.3, protocol merl"
    assert superclass["merl"].protocol.test_digest() != superclass["clean"].protocol.test_digest()
    cpsc = found["cpsc2018", "merl"].evaluation
    assert cpsc is not None
    assert (cpsc.n_records, cpsc.labels.select(["AF"]).values[0, 0]) == (18, 1.0)  # MERL's AFIB
    for protocol in ("clean", "merl"):
        assert found["csn", protocol].evaluation is None
        assert "no prompts for csn" in found["csn", protocol].reason
        means = [found[name, protocol].evaluation for name in ("ptbxl-superclass", "cpsc2018")]
        expected = np.mean([evaluation.macro_auroc for evaluation in means if evaluation is not None])
        assert mean_auroc(outcomes, protocol) == (pytest.approx(expected), 2)


def test_the_first_five_seconds_and_then_zeros(root: Path) -> None:
    table = PublishedTable(
        root / "tables/icbeb/icbeb_test.csv",
        "filename",
        columns=read_benchmark("ecg-merl6").tests[4].protocols["merl"].columns,
    )
    whole = open_cpsc2018(root / "cpsc2018")
    test = PublishedTest(whole, table, label_set="cpsc2018", protocol="merl", first_s=5, filled_to_s=10)
    sample = test[2]
    assert sample.array.shape == (12, 5000)
    np.testing.assert_array_equal(sample.array[:, :2500], whole[2].array[:, :2500])
    assert not sample.array[:, 2500:].any()
    assert [record.record_id for record in test.records][:2] == ["A0001", "A0002"]
    with pytest.raises(LabelError, match="another label set: received csn"):
        test.labels("csn")


def test_what_is_missing_is_named(bundle: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PTB-XL").symlink_to(root / "ptb-xl")
    command = ["evaluate", "--benchmark", "ecg-merl6", "--model", str(bundle), "--root", str(tmp_path / "data")]
    command += ["--out", str(tmp_path / "out"), "--resamples", "10", "--ensemble", "mean"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "cpsc2018: not run: no folder cpsc2018 or CPSC2018" in printed
    assert "csn: not run: no folder csn" in printed
    assert "clean AUROC" in printed
    assert "merl AUROC" not in printed  # nobody gave its tables
    summary = json.loads((tmp_path / "out/benchmark.json").read_text())
    assert summary["n_tests"] == 6
    assert (
        summary["mean_macro_auroc"]["clean"]["n_tests"] == sum("not_run" not in test for test in summary["tests"]) == 4
    )
    assert {test["test"] for test in summary["tests"] if "not_run" in test} == {"cpsc2018", "csn"}
    metrics = json.loads((tmp_path / "out/ptbxl-rhythm/clean/metrics.json").read_text())
    assert metrics["protocol"]["label_set"] == "ptbxl-rhythm"
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--protocol", "merl"], "protocol merl needs the tables that its authors published. Give the folder"),
        (["--protocol", "melp"], "no such protocol: received melp; allowed: clean, merl"),
        (["--root", "nowhere"], "there is no folder nowhere"),
        (["--benchmark", "merl"], "unknown benchmark: received merl"),
    ],
)
def test_one_clear_line(
    bundle: Path, root: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--benchmark", "ecg-merl6", "--model", str(bundle), "--root", str(root)]
    assert main([*command, "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filename": "A9999"}, "names records that the data set lacks: received 1 of 2"),
        ({"filename": "A0002"}, "names a record twice: received 1 of 2"),
        ({"filename": ""}, "line 2 of .* names no record"),
        ({"AFIB": "x"}, "holds no usable labels: received x; allowed: 0 and 1"),
    ],
)
def test_bad_tables(root: Path, tmp_path: Path, change: dict[str, str], message: str) -> None:
    row = {"filename": "A0001"} | dict.fromkeys(CPSC_COLUMNS, "0")
    path = write_csv(tmp_path / "table.csv", [row | change, row | {"filename": "A0002"}])
    columns = read_benchmark("ecg-merl6").tests[4].protocols["merl"].columns
    table = PublishedTable(path, "filename", columns=columns)
    dataset = open_cpsc2018(root / "cpsc2018")
    with pytest.raises(DatasetError, match=message):
        PublishedTest(dataset, table, label_set="cpsc2018", protocol="merl")
    with pytest.raises(DatasetError, match="lacks columns"):
        PublishedTest(dataset, PublishedTable(path, "filename"), label_set="cpsc2018", protocol="merl")
    with pytest.raises(DatasetError, match="cannot be read"):
        PublishedTest(dataset, PublishedTable(tmp_path / "no.csv", "filename"), label_set="cpsc2018", protocol="merl")


def test_the_mean_of_nothing_is_undefined() -> None:
    mean, n = mean_auroc([Outcome("a", "clean", None, "no folder")], "clean")
    assert np.isnan(mean)
    assert n == 0
