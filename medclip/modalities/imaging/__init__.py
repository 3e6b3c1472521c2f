"""What radiographs and volumes share."""
