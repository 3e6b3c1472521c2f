"""Training objectives: one paper a file, no training loop."""
