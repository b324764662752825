"""Ground truth: which alerts a scenario makes due, which it tolerates, and what must stay silent."""
