"""What can be wrong with a phrase, whoever wrote it; the builder's verification and the linter share these."""
