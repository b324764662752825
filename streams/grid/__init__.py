"""Grid: sums the fleet partials to live occupancy per cell, and closes event-time windows."""
