"""Rebuild the prompt set of every shipped label set from the catalogue: ``python scripts/build_prompts.py``."""

from __future__ import annotations

from medclip.core.label_set import LabelSet
from medclip.core.named_files import find_label_set_file, label_set_names
from medclip.prompts.builder import build_prompts

# For electrocardiograms the catalogue holds phrases of reports, which rank better than sentences made from definitions.
STRATEGIES = {"ecg": "reports"}
OTHERWISE = "composed"


def main() -> None:
    """Write ``prompts/NAME.json`` beside ``labels/NAME.csv``, for every label set."""
    for name in label_set_names():
        modality, labels_file = find_label_set_file(name)
        labels = LabelSet.load(name)
        built = build_prompts(labels, STRATEGIES.get(modality, OTHERWISE), name=name)
        path = labels_file.parent.parent / "prompts" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        built.write(path, overwrite=True)
        print(f"{path}: {len(built.prompts)} classes, {len(built.texts)} sentences")


if __name__ == "__main__":
    main()
