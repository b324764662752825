"""Grid: sums the partials of fleet, sensing and requests over their partitions: live cells, and event-time windows."""
