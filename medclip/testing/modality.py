"""What every modality promises."""

from __future__ import annotations

import json

import numpy as np

from medclip.core.input_spec import InputSpec, PreparedInput, RestorableSpec, input_spec_from_dict
from medclip.core.label_set import LabelSet
from medclip.core.modality import Modality, QualityIssue
from medclip.core.sample import Sample
from medclip.prompts.prompt_set import PromptSet
from medclip.testing.contract import require
from medclip.testing.format import check_format

__all__ = ["check_modality"]

_LEAST_AGREEMENT = 0.5
_SEVERITIES = ("note", "warning", "unusable")


def check_modality(modality: Modality, *, sample: Sample | None = None) -> None:
    """Check a modality and everything that scanning its folder finds.

    Args:
        modality: The modality.
        sample: A sound recording, on which plot, quality and preparation are checked; the first one of a computed data
            set of the modality if None and there is such.

    Raises:
        ContractError: It breaks a promise.
    """
    name = modality.name
    require(name.isidentifier() and name == name.lower(), f"{name} is no plain lower-case word")
    require(modality.package.rpartition(".")[2] == name, f"{name} is not the name of its folder {modality.package}")
    require(modality.title.strip(), f"{name} has no title for clinicians")
    _check_spec(modality.default_input_spec(), name)
    for module, form in modality.formats().items():
        require(form.name == module, f"the format in {module}.py calls itself {form.name}")
        check_format(form)
    for module in modality.dataset_names():
        factory = modality.dataset(module)
        require(factory.name.replace("-", "_") == module, f"the data set in {module}.py calls itself {factory.name}")
        require(factory.description.strip(), f"data set {module} has no description")
    _check_label_sets(modality)
    sample = sample or _computed_sample(modality)
    if sample is not None:
        _check_sample(modality, sample)


def _check_spec(spec: InputSpec, name: str) -> None:
    require(isinstance(spec, InputSpec), f"the default specification of {name} lacks a part of InputSpec")
    require(spec.modality == name, f"the default specification of {name} is for {spec.modality}")
    again = input_spec_from_dict(json.loads(json.dumps(spec.to_dict())))
    require(again == spec, f"the default specification of {name} changes when it is written and read")


def _check_label_sets(modality: Modality) -> None:
    for name, path in modality.label_set_files().items():
        LabelSet.read(path, name=name, modality=modality.name)
    for name, path in modality.prompt_set_files().items():
        prompts = PromptSet.read(path)
        require(prompts.name == name, f"the prompt set in {path.name} calls itself {prompts.name}")
        known = modality.label_set_files()
        require(prompts.label_set in known, f"prompt set {name} is for an unknown label set {prompts.label_set}")
        labels = LabelSet.read(known[prompts.label_set], name=prompts.label_set, modality=modality.name)
        prompts.for_labels(labels)
        surplus = set(prompts.prompts) - set(labels.codes)
        require(not surplus, f"prompt set {name} has sentences for {', '.join(sorted(surplus))}, which is no finding")


def _computed_sample(modality: Modality) -> Sample | None:
    for name in modality.dataset_names():
        factory = modality.dataset(name)
        if not factory.needs_root:
            return factory.open(None)[0]
    return None


def _check_sample(modality: Modality, sample: Sample) -> None:
    from matplotlib.figure import Figure

    name = modality.name
    before = sample.array.copy()
    figure = modality.plot(sample, findings=[("a finding", 0.5)])
    require(isinstance(figure, Figure), f"plot of {name} returns {type(figure).__name__}, not a figure")
    issues = modality.quality(sample)
    require(isinstance(issues, tuple), f"quality of {name} returns no tuple")
    for issue in issues:
        require(isinstance(issue, QualityIssue), f"quality of {name} returns something else than QualityIssue")
        require(issue.severity in _SEVERITIES, f"{issue.severity} is none of {', '.join(_SEVERITIES)}")
    spec = modality.default_input_spec()
    prepared = spec.prepare(sample)
    require(prepared.values.shape == spec.shape, f"prepared {name} has shape {prepared.values.shape}, not {spec.shape}")
    shape = spec.shape[1:]
    require(prepared.mask.shape == shape, f"the mask of prepared {name} has shape {prepared.mask.shape}, not {shape}")
    require(prepared.mask.dtype == np.bool_, f"the mask of prepared {name} is {prepared.mask.dtype}, not bool")
    require(prepared.mask.any(), f"nothing of a prepared {name} is seen")
    require(prepared.values.dtype == np.float32, f"prepared {name} is {prepared.values.dtype}, not float32")
    require(np.isfinite(prepared.values).all(), f"prepared {name} holds missing values")
    batch = spec.prepare_batch([sample, sample])
    require(
        np.array_equal(batch.values[1], prepared.values), f"a batch of {name} is prepared otherwise than one record"
    )
    if isinstance(spec, RestorableSpec):
        _check_way_back(spec, sample, prepared)
    require(np.array_equal(before, sample.array, equal_nan=True), f"{name} changes a recording that it looks at")


def _check_way_back(spec: RestorableSpec, sample: Sample, prepared: PreparedInput) -> None:
    """What a model finds must be shown where it is: not mirrored, not turned, and nowhere the model did not look."""
    name, values = spec.modality, prepared.values[0]
    restored = spec.restore(values, sample)
    shape = sample.array.shape
    require(restored.shape == shape, f"restore of {name} gives shape {restored.shape}, not that of the sample, {shape}")
    require(restored.dtype == np.float32, f"restore of {name} gives {restored.dtype}, not float32")
    one = spec.restore(np.ones([1] * values.ndim, np.float32), sample)
    seen = np.isfinite(one)
    require(seen.any() and (one[seen] == 1).all(), f"restore of {name} changes the value of a single cell")
    require(np.array_equal(seen, np.isfinite(restored)), f"restore of {name} sees more or less on another grid")
    low, high = restored[seen].min(), restored[seen].max()
    require(values.min() <= low + 1e-4 and high <= values.max() + 1e-4, f"restore of {name} makes values up")
    # Whatever the window and the scaling, what was bright comes back bright in its own place.
    own, back = sample.array[seen], restored[seen]
    if own.std() > 0 and back.std() > 0:
        agreement = float(np.corrcoef(own, back)[0, 1])
        require(agreement > _LEAST_AGREEMENT, f"restore of {name} puts the image elsewhere: they agree {agreement:.2f}")
