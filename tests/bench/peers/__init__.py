"""Other stream processors on the fleet's job, each in a process of the environment .venv-peers (`make bench-peers`)."""
