"""What radiographs and volumes share: DICOM files, their pixels, and what in them must stay private.

The folder holds no ``MODALITY``: it serves those that have one.
"""
