"""A trained model as one folder that needs nothing else: no network, no pickle, no recipe."""
