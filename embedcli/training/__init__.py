"""Training: `fit` makes a run of a split. The only room that imports torch, so import from its modules."""
