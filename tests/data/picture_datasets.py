"""Images of every size in memory, with everything a packed store has to cope with."""

from __future__ import annotations

import numpy as np
from memory_dataset import CODES, MemoryDataset

from medclip.core.image_spec import ImageSpec
from medclip.core.sample import Sample
from medclip.core.volume_spec import VolumeSpec

SPEC = ImageSpec("demo", 32, 40, scaling="zscore")
VOLUME_SPEC = VolumeSpec("demo", (12, 16, 16), (3.0, 2.0, 2.0))


def in_memory(samples: list[Sample]) -> MemoryDataset:
    return MemoryDataset(samples, np.zeros((len(samples), len(CODES)), np.float32), modality="demo", name="pictures")


def radiographs(n_records: int = 9) -> MemoryDataset:
    """Of as many sizes; one blank, one too small, one with a gap; every third without spacing."""
    generator = np.random.default_rng(3)
    samples = []
    for number in range(n_records):
        array = generator.random((40 + 7 * number, 75 - 3 * number), dtype=np.float32)
        array = {2: array * 0, 4: array[:20]}.get(number, array)
        if number == 5:
            array[10:20, 3:9] = np.nan
        spacing = None if number % 3 == 2 else (0.2, 0.15 + 0.01 * number)
        samples.append(
            Sample("demo", array, f"r{number}", f"p{number}", report=f"report {number % 4}", spacing_mm=spacing)
        )
    return in_memory(samples)


def volumes(n_records: int = 4) -> MemoryDataset:
    generator = np.random.default_rng(4)
    samples = []
    for number in range(n_records):
        array = generator.integers(-1024, 3072, (20 + number, 31, 29 - number)).astype(np.float32)
        samples.append(
            Sample(
                *("demo", array, f"r{number}", f"p{number}"),
                spacing_mm=(2.5, 0.7 + number / 3, 0.7),
                origin_mm=(-100.25, 1 / 3, number),
                direction=(0.0, -0.1, np.sqrt(0.99), 0.0, np.sqrt(0.99), 0.1, -1.0, 0.0, 0.0),
                report="a report",
            )
        )
    return in_memory(samples)
