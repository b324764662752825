"""The runtime: Faust feeds the folds, publishes what they hand out, and checkpoints them."""
