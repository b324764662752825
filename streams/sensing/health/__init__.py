"""What a partition of ub.sensors knows of its sensors' health: how often they speak, repeat themselves, and lie."""
