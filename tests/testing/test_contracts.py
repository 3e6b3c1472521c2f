"""Everything that discovery finds keeps the contracts, and the contract tests notice when a plug-in does not."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import torch
from torch import nn

import medclip.encoders
import medclip.objectives
from medclip.core.dataset import RecordInfo
from medclip.core.errors import FormatError, LabelError
from medclip.core.modality import discover, find_dataset
from medclip.data.access import open_dataset
from medclip.encoders.configurable import Configurable
from medclip.encoders.output import EncoderOutput
from medclip.encoders.slicewise import SliceWise
from medclip.testing import (
    ContractError,
    check_dataset,
    check_encoder,
    check_format,
    check_modality,
    check_objective,
)

FORMATS = [form for modality in discover().values() for form in modality.formats().values()]
COMPUTED = [
    factory
    for modality in discover().values()
    for factory in map(modality.dataset, modality.dataset_names())
    if not factory.needs_root
]


def classes(package):
    """Public classes of a package, found in its modules."""
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for name in module.__all__:
            member = getattr(module, name)
            if inspect.isclass(member) and member.__module__ == module.__name__:
                yield member


ENCODERS = [
    found
    for found in classes(medclip.encoders)
    if issubclass(found, Configurable) and issubclass(found, nn.Module) and found.__name__.endswith(("1d", "2d", "3d"))
]
OBJECTIVES = [
    found for found in classes(medclip.objectives) if issubclass(found, nn.Module) and hasattr(found, "needs")
]
SMALL = {"width": 4, "size": "tiny", "depth": 18, "embedding_dim": 16}
INSTEAD = {
    "ResNet1d": {"n_positions": 20},
    "ViT1d": {"depth": 1, "n_positions": 20},
    "ViT2d": {"depth": 1},
    "ViT3d": {"width": 16, "n_heads": 2, "spatial_depth": 1, "axial_depth": 1, "patch_size": [4, 8, 6]},
}
SHAPES = {
    "1d": [(12, 500), (3, 333)],
    "2d": [(1, 64, 64), (2, 45, 70)],
    "3d": [(1, 16, 32, 32), (2, 9, 40, 33)],
}


def small(found, **more):
    parameters = inspect.signature(found).parameters
    options = {name: value for name, value in (SMALL | INSTEAD.get(found.__name__, {})).items() if name in parameters}
    return found(**(options | more))


def test_discovery_found_something() -> None:
    assert len(FORMATS) >= 2
    assert len(ENCODERS) >= 6
    assert len(OBJECTIVES) >= 5
    assert COMPUTED


@pytest.mark.parametrize("modality", discover().values(), ids=lambda modality: modality.name)
def test_every_modality(modality) -> None:
    check_modality(modality)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format(form) -> None:
    check_format(form)


@pytest.mark.parametrize("factory", COMPUTED, ids=lambda factory: factory.name)
def test_every_computed_data_set(factory) -> None:
    few = {"n_patients": 20} if "n_patients" in inspect.signature(factory.open).parameters else {}
    check_dataset(factory.open(None, **few), n_records=3)


def test_a_packed_store(smoke_store) -> None:
    check_dataset(open_dataset(str(smoke_store)), n_records=3)


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.__name__)
@pytest.mark.parametrize("which", [0, 1])
def test_every_encoder(encoder, which) -> None:
    torch.manual_seed(0)
    shape = SHAPES[encoder.__name__[-2:]][which]
    other = (shape[0], *(n + 13 for n in shape[1:]))
    check_encoder(small(encoder, n_channels=shape[0]), shape, other_shape=other, n_records=3)


def test_an_encoder_of_slices_and_one_of_images() -> None:
    torch.manual_seed(0)
    inner = small(next(found for found in ENCODERS if found.__name__ == "ResNet2d"), n_channels=3)
    check_encoder(SliceWise(inner, slices_per_image=3, n_positions=4), (1, 10, 40, 33), other_shape=(1, 7, 20, 20))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.__name__)
def test_every_objective(objective) -> None:
    torch.manual_seed(0)
    widths = {"latent_dim": 8} if "latent_dim" in inspect.signature(objective).parameters else {}
    check_objective(objective(**widths))


# From here on: plug-ins that break a promise each.


def raising(error):
    def function(*_):
        raise error

    return function


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sniff": lambda path, head: True}, "takes empty"),
        ({"sniff": lambda path, head: head[0] == 7}, "raises for empty"),
        ({"read": raising(IndexError("out of range"))}, "IndexError"),
        ({"read": lambda path: None}, "which is no such file"),
        ({"description": ""}, "description"),
    ],
)
def test_a_format_that_breaks_a_promise(changes, words) -> None:
    with pytest.raises(ContractError, match=words):
        check_format(dataclasses.replace(FORMATS[0], **changes))


def test_an_example_that_the_format_does_not_know(tmp_path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"something else")
    with pytest.raises(ContractError, match="does not know x"):
        check_format(FORMATS[0], examples=[path])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Other"}, "no plain lower-case word"),
        ({"name": "other"}, "not the name of its folder"),
        ({"title": " "}, "no title"),
        ({"plot": lambda sample, **options: None}, "not a figure"),
        ({"quality": lambda sample: []}, "no tuple"),
    ],
)
def test_a_modality_that_breaks_a_promise(changes, words) -> None:
    with pytest.raises(ContractError, match=words):
        check_modality(dataclasses.replace(find_dataset("simulated")[0], **changes))


class Records:
    """The simulated data set with one thing wrong."""

    def __init__(self, **wrong) -> None:
        self.inner = find_dataset("simulated")[1].open(None, n_patients=4)
        self.wrong = wrong
        self.name, self.version = "wrong", "1"
        self.modality, self.label_sets = self.inner.modality, self.inner.label_sets
        self.records = [self._info(info) for info in self.inner.records]

    def _info(self, info: RecordInfo) -> RecordInfo:
        return dataclasses.replace(info, **self.wrong.get("info", {}))

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index):
        found = self.inner[index - self.wrong.get("shift", 0)]
        noise = self.wrong.get("noise")
        return found if noise is None else found.replace(array=found.array + np.float32(next(noise)))

    def __iter__(self):
        return iter(self.inner)

    def labels(self, name):
        if name not in self.label_sets and "any_labels" not in self.wrong:
            raise LabelError("unknown")
        table = self.inner.labels(self.label_sets[0])
        return self.wrong.get("table", lambda unchanged: unchanged)(table)


def test_the_data_set_without_a_fault_passes() -> None:
    check_dataset(Records(), n_records=2)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"info": {"record_id": "same"}}, "share an identifier"),
        ({"info": {"patient_id": ""}}, "no patient_id"),
        ({"info": {"report": " "}}, "neither a text nor None"),
        ({"info": {"fold": 1}}, "a text or None"),
        ({"shift": 1}, "another than the index says"),
        ({"noise": iter(range(100))}, "differently twice"),
        ({"any_labels": True}, "does not have"),
        ({"table": lambda table: table.rows([0, 1])}, "no row for every record"),
        ({"table": lambda table: table.select(table.codes[1:])}, "not the codes"),
    ],
)
def test_a_data_set_that_breaks_a_promise(wrong, words) -> None:
    with pytest.raises(ContractError, match=words):
        check_dataset(Records(**wrong), n_records=2)


class Plain(Configurable, nn.Module):
    """An encoder that averages; ``fault`` makes it break one promise."""

    def __init__(self, n_channels: int = 3, *, fault: str = "") -> None:
        super().__init__()
        self.embedding_dim = 5 if fault == "width" else 4
        self.layer = nn.Linear(n_channels, 4)
        self.fault = fault
        if fault == "idle":
            self.idle = nn.Linear(2, 2)

    def forward(self, x, mask=None):
        means = x.mean(dim=-1) if mask is None else (x * mask[:, None]).sum(-1) / mask.sum(-1, keepdim=True)
        pooled = self.layer(means)
        if self.fault == "neighbours":
            pooled = pooled - pooled.mean(dim=0)
        if self.fault == "constant":
            pooled = pooled * 0
        if self.fault == "unmasked" and mask is None:
            pooled = pooled + 1
        if self.fault == "padding" and mask is not None and not bool(mask.all()):
            pooled = pooled / 0
        if self.fault == "peeking":
            pooled = self.layer(x.mean(dim=-1))
        tokens = self.layer(x.transpose(1, 2))
        grid = {"grid": (7,), "axes": (tokens.shape[1], 1)}.get(self.fault, (tokens.shape[1],))
        return pooled if self.fault == "bare" else EncoderOutput(pooled, tokens, None, grid)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("width", "pooled has shape"),
        ("neighbours", "depends on its neighbours"),
        ("constant", "one embedding"),
        ("unmasked", "no mask"),
        ("padding", "padded has no finite"),
        ("peeking", "what lies in the padding"),
        ("grid", "does not hold 40 tokens"),
        ("axes", "not one number for each of 1 axes"),
        ("bare", "not an EncoderOutput"),
        ("idle", "does not reach idle.weight"),
    ],
)
def test_an_encoder_that_breaks_a_promise(fault, words, monkeypatch) -> None:
    # Only classes of installed packages can be built from a description.
    monkeypatch.setattr("medclip.testing.encoder.build", lambda described: Plain(**described["arguments"]))
    check_encoder(Plain(), (3, 40))
    with pytest.raises(ContractError, match=words):
        check_encoder(Plain(fault=fault), (3, 40))


def test_an_encoder_that_a_bundle_could_not_build() -> None:
    class Bare(nn.Module):
        embedding_dim = 4

        def __init__(self) -> None:
            super().__init__()
            self.inner = Plain()

        def forward(self, x, mask=None):
            return self.inner(x, mask)

    with pytest.raises(ContractError, match="derives from Configurable"):
        check_encoder(Bare(), (3, 40))


class Loss(nn.Module):
    """Pulls the records of both modalities to the origin; ``fault`` makes it break one promise."""

    needs = frozenset()

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault

    def forward(self, batch):
        terms = {}
        for name, rows in batch.embeddings.items():
            present = batch.present.get(name, torch.ones(len(rows), dtype=torch.bool))
            chosen = rows if self.fault == "absent" else rows[present]
            chosen = chosen.detach() if self.fault == "detached" else chosen
            weight = torch.arange(len(chosen))[:, None] if self.fault == "order" else 1
            value = (chosen.square() * weight).mean() + 0 * rows.sum()
            value = rows.square() if self.fault == "vector" else value
            terms["loss" if self.fault == "name" else name] = value / 0 if self.fault == "infinite" else value
        return terms


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("absent", "looks at records that lack it"),
        ("detached", "does not depend on the embeddings"),
        ("order", "order of the records"),
        ("vector", "no scalar"),
        ("name", "named after modalities"),
        ("infinite", "not finite"),
    ],
)
def test_an_objective_that_breaks_a_promise(fault, words) -> None:
    check_objective(Loss())
    with pytest.raises(ContractError, match=words):
        check_objective(Loss(fault))


def test_the_error_of_a_contract_is_a_failed_assertion_and_none_of_medclips_own() -> None:
    assert issubclass(ContractError, AssertionError)
    assert not issubclass(ContractError, FormatError)
