"""What radiographs and volumes share: DICOM files, their pixels, and what in them must stay private.

The folder is no modality itself: it serves those that are.
"""
