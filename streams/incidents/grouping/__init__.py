"""Grouping: open alerts whose cells touch become one incident with an outline."""
