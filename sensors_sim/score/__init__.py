"""How good the detection is: the alerts of a run against what the scenario knows was due (docs/scoring.md)."""
