"""Sentences of simulated radiograph reports, written for this purpose."""

from __future__ import annotations

from medclip.modalities.imaging.phantom.wording import Phrases

__all__ = ["PHRASES"]

PHRASES = Phrases(
    present={
        "cardiomegaly": (
            "cardiomegaly.",
            "the heart is enlarged.",
            "enlarged cardiac silhouette.",
            "the cardiac silhouette takes up more than half of the chest width.",
            "the cardiothoracic ratio is increased.",
        ),
        "effusion": (
            "{side} pleural effusion.",
            "{size} {side} pleural effusion.",
            "the {side} costophrenic angle is blunted by pleural fluid.",
            "fluid with a meniscus at the {side} lung base, in keeping with a {size} pleural effusion.",
            "there is a {side}-sided pleural effusion.",
        ),
        "effusion both": (
            "bilateral pleural effusions.",
            "{size} bilateral pleural effusions.",
            "both costophrenic angles are blunted by pleural fluid.",
            "pleural effusion on both sides.",
        ),
        "pneumothorax": (
            "{side} pneumothorax.",
            "{size} {side} pneumothorax.",
            "{side} apical pneumothorax with a visible pleural line.",
            "air in the {side} pleural space, no vessels are seen beyond the lung edge.",
            "the {side} lung edge has retracted from the chest wall.",
        ),
        "consolidation": (
            "consolidation in the {lobe}.",
            "{lobe} consolidation.",
            "airspace opacity with air bronchograms in the {lobe}.",
            "dense opacity in the {lobe} with the look of consolidation.",
            "{side} lung consolidation, {lobe}.",
        ),
        "nodule": (
            "pulmonary nodule in the {lobe}.",
            "{mm} mm nodule in the {lobe}.",
            "a round opacity of {mm} mm projects over the {lobe}.",
            "solitary nodule in the {side} lung.",
            "well-defined {side} lung nodule.",
        ),
        "emphysema": (
            "emphysema.",
            "hyperinflated lungs with flattened diaphragms, in keeping with emphysema.",
            "the lungs are hyperlucent and the diaphragm is flat.",
            "emphysematous lungs.",
            "overinflation with sparse vessels in the upper zones.",
        ),
        "aortic_calcification": (
            "calcification of the aortic arch.",
            "the aorta is calcified.",
            "calcified aortic knob.",
            "calcified plaque in the wall of the thoracic aorta.",
            "atherosclerotic calcification of the aorta.",
        ),
    },
    absent={
        "cardiomegaly": ("the heart is of normal size.", "no cardiomegaly.", "heart size is normal."),
        "effusion": ("no pleural effusion.", "the costophrenic angles are sharp.", "the pleural spaces hold no fluid."),
        "pneumothorax": ("no pneumothorax.", "lung markings reach the chest wall.", "there is no pneumothorax."),
        "consolidation": ("no consolidation.", "no airspace opacity.", "there is no focal consolidation."),
        "nodule": ("no pulmonary nodule.", "no focal lesion of the lungs.", "there is no lung nodule."),
        "emphysema": ("the lungs are normally inflated.", "no emphysema."),
        "aortic_calcification": ("the aorta is not calcified.",),
    },
    normal=("the bones are intact.", "the trachea is in the midline.", "the mediastinum is not widened."),
    unremarkable=(
        "normal chest radiograph.",
        "no acute cardiopulmonary abnormality.",
        "unremarkable chest.",
        "both lungs are clear.",
    ),
    titles=("chest radiograph.", "radiograph of the chest.", "upright chest radiograph."),
)
"""By finding of the phantom; coronary calcium is too small to be seen."""
