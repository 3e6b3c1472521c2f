"""Random changes of recordings that leave their findings as they are; one file a kind of array.

No picture is ever mirrored: it would turn a heart to the right, move every finding to the other side, and make the
report beside it wrong.
"""

from __future__ import annotations

from medclip.training.augment.augmentation import Augmentation
from medclip.training.augment.image import ImageAugmentation
from medclip.training.augment.volume import VolumeAugmentation
from medclip.training.augment.waveform import WaveformAugmentation

__all__ = ["Augmentation", "ImageAugmentation", "VolumeAugmentation", "WaveformAugmentation"]
