"""How far a model's answers can be believed: metrics with intervals, protocols, honest baselines."""
