"""The one place to add a kind of data: each folder here is a modality (see ``medclip.core.modality``)."""
