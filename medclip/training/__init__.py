"""Training under Lightning: the module, the optimiser, augmentation, callbacks."""
