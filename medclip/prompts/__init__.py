"""Class descriptions: what a model is told that it has to look for."""
