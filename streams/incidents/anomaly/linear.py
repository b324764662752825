"""Quadratic forms of small matrices, by Cholesky's decomposition: the same to the last bit on every machine."""

import math
from collections.abc import Sequence


def explained(matrix: Sequence[Sequence[float]], z: Sequence[float]) -> list[float]:
    """Return the shares z_i (R^-1 z)_i of the components in z' R^-1 z; R is symmetric and positive definite."""
    n = len(z)
    lower = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    half = [0.0] * n
    for i in range(n):
        half[i] = (z[i] - math.fsum(lower[i][k] * half[k] for k in range(i))) / lower[i][i]
    solved = [0.0] * n
    for i in reversed(range(n)):
        solved[i] = (half[i] - math.fsum(lower[k][i] * solved[k] for k in range(i + 1, n))) / lower[i][i]
    return [a * b for a, b in zip(z, solved, strict=True)]
