"""Where a position lies on H3's lattice, in compiled code: which hexagon of which face of the icosahedron.

H3 projects a position from the earth's centre onto the plane of the nearest of 20 faces, rounds to the nearest
hexagon there, and makes the cell's index of the face and the hexagon's place alone. So two positions in the same
hexagon of the same face have the same cell, and H3 need be asked only once for each. A position that is so near to
an edge of its hexagon, or of its face, that rounding might tell otherwise than H3 is *unsure*: H3 is asked for it.

A `Lattice` is an array (20, 3, 3): for each face two axes in its plane, scaled so that hexagons are 1 apart
and the first axis points to a neighbour, and the unit vector to its centre.
"""

import math

import numpy as np
from numpy.typing import NDArray

from streams.columnar.compiled import compiled

Lattice = NDArray[np.float64]

UNSURE = -1
_MARGIN = 1e-3
"""Of the distance between hexagons. Rounding makes 1e-4 of it at most, at H3's finest resolution."""
_FACE_MARGIN = 1e-9
_CENTRE = 1e-8
"""1 - cosine of the angle to a face's centre (a kilometre) below which H3's own rounding is coarse."""
_BITS = 28
_HALF = 1 << _BITS - 1
_ROOT_3 = math.sqrt(3.0)
_DEGREES = math.pi / 180


@compiled
def hexagon(lattice: Lattice, lat: float, lon: float) -> tuple[int, float]:
    """Return a number for the face and the hexagon that hold a position, and how far it may surely move within.

    The number is not negative, or UNSURE. The way is measured in degrees, as the root of the sum of the squares of the
    differences in latitude and longitude, which is never less than the angle between the two positions.
    """
    phi, lam = lat * _DEGREES, lon * _DEGREES
    z = math.sin(phi)
    x, y = math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam)
    face, near, second = 0, -2.0, -2.0
    for other in range(len(lattice)):
        cosine = x * lattice[other, 2, 0] + y * lattice[other, 2, 1] + z * lattice[other, 2, 2]
        if cosine > near:
            face, near, second = other, cosine, near
        elif cosine > second:
            second = cosine
    if near - second < _FACE_MARGIN or 1.0 - near < _CENTRE:
        return UNSURE, 0.0
    u = (x * lattice[face, 0, 0] + y * lattice[face, 0, 1] + z * lattice[face, 0, 2]) / near
    v = (x * lattice[face, 1, 0] + y * lattice[face, 1, 1] + z * lattice[face, 1, 2]) / near
    # Axial coordinates: neighbours at (1, 0) and (1/2, root 3 / 2); rounded so that their sum stays right.
    q, r = u - v / _ROOT_3, 2.0 * v / _ROOT_3
    whole_q, whole_r, whole_s = round(q), round(r), round(-q - r)
    off_q, off_r, off_s = abs(whole_q - q), abs(whole_r - r), abs(whole_s + q + r)
    if off_q > off_r and off_q > off_s:
        whole_q = -whole_r - whole_s
    elif off_r > off_s:
        whole_r = -whole_q - whole_s
    off_u = u - (whole_q + whole_r / 2.0)
    off_v = v - whole_r * _ROOT_3 / 2.0
    along = off_u / 2.0
    across = off_v * _ROOT_3 / 2.0
    reach = max(abs(off_u), abs(along + across), abs(along - across))
    inside = 0.5 - reach - _MARGIN
    if inside < 0.0:
        return UNSURE, 0.0
    scale2 = lattice[face, 0, 0] ** 2 + lattice[face, 0, 1] ** 2 + lattice[face, 0, 2] ** 2
    # A step by an angle is on the plane at most so much longer: 1 / cosine^2 of the farthest place in the hexagon.
    far = (math.sqrt(u * u + v * v) + 1.0) ** 2 / scale2
    free = min(inside / (math.sqrt(scale2) * (1.0 + far)), (near - second - _FACE_MARGIN) / 2.0)
    number = (face << 2 * _BITS) | (int(whole_q) + _HALF << _BITS) | int(whole_r) + _HALF
    return number, free / _DEGREES
