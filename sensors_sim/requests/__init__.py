"""Citizens' requests: what makes people call, which agency takes it, and how it ends."""
