"""Sentences of simulated reports of computed tomography, written for this purpose."""

from __future__ import annotations

from medclip.modalities.imaging.phantom.wording import Phrases

__all__ = ["PHRASES"]

PHRASES = Phrases(
    present={
        "cardiomegaly": (
            "cardiomegaly.",
            "the heart is enlarged.",
            "the transverse diameter of the heart is more than half of the inner chest width.",
            "dilated heart chambers.",
            "heart size is increased.",
        ),
        "effusion": (
            "{side} pleural effusion.",
            "{size} {side} pleural effusion.",
            "a {size} amount of fluid layers in the {side} pleural space.",
            "there is a {side}-sided pleural effusion.",
            "free fluid in the dependent {side} pleural space.",
        ),
        "effusion both": (
            "bilateral pleural effusions.",
            "{size} bilateral pleural effusions.",
            "fluid layers in both pleural spaces.",
            "pleural effusion on both sides.",
        ),
        "pneumothorax": (
            "{side} pneumothorax.",
            "{size} {side} pneumothorax.",
            "air in the anterior {side} pleural space.",
            "the {side} lung is partly collapsed by pleural air.",
        ),
        "consolidation": (
            "consolidation in the {lobe}.",
            "{lobe} consolidation with air bronchograms.",
            "airspace consolidation in the {lobe}.",
            "dense parenchymal consolidation, {lobe}.",
            "{side} lung consolidation.",
        ),
        "nodule": (
            "pulmonary nodule in the {lobe}.",
            "{mm} mm nodule in the {lobe}.",
            "a solid nodule of {mm} mm is seen in the {lobe}.",
            "solitary {side} lung nodule.",
            "round solid nodule in the {side} lung.",
        ),
        "emphysema": (
            "emphysema.",
            "emphysema in both lungs.",
            "centrilobular emphysema, mainly in the upper lobes.",
            "emphysematous areas of low attenuation.",
            "hyperinflated lungs with emphysematous air spaces.",
        ),
        "aortic_calcification": (
            "calcified plaques in the wall of the aorta.",
            "arterial wall calcification of the thoracic aorta.",
            "atherosclerotic calcification of the aortic arch.",
            "calcific atheroma of the aorta.",
        ),
        "coronary_calcification": (
            "coronary artery calcification.",
            "calcified plaques in the coronary arteries.",
            "calcification of the walls of the coronary arteries.",
            "the coronary arteries are calcified.",
        ),
    },
    absent={
        "cardiomegaly": ("heart size is normal.", "no cardiomegaly.", "the heart is not enlarged."),
        "effusion": ("no pleural effusion.", "the pleural spaces hold no fluid.", "there is no pleural effusion."),
        "pneumothorax": ("no pneumothorax.", "there is no pleural air."),
        "consolidation": ("no consolidation.", "there is no consolidation of the lung parenchyma."),
        "nodule": ("no pulmonary nodule.", "no nodule or mass in the lungs."),
        "emphysema": ("no emphysema.", "the lungs are normally inflated."),
        "aortic_calcification": ("no calcification of the aorta.", "the aortic wall is not calcified."),
        "coronary_calcification": ("no coronary artery calcification.", "no calcium in the coronary arteries."),
    },
    normal=("trachea and main bronchi are open.", "the bones are intact.", "no pericardial effusion."),
    unremarkable=(
        "normal ct of the chest.",
        "no abnormality of the chest.",
        "unremarkable ct of the chest.",
        "the lungs are clear.",
    ),
    titles=("ct of the chest.", "computed tomography of the thorax.", "chest ct, supine."),
)
"""By finding of the phantom."""
