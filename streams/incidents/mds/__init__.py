"""MDS policy documents: what rules of all types have in common. Each type reads its own in its folder."""
