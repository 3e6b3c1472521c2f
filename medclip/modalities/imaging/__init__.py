"""What radiographs and volumes have in common."""
