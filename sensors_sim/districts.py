"""Districts of Pudong as a simple grid: rectangles that carry the name of the town that lies in them, roughly."""

from bisect import bisect_right

_LATITUDES = (31.12, 31.18, 31.22, 31.27)
_LONGITUDES = (121.535, 121.59, 121.66)
_NAMES = (
    ("Hangtou", "Zhoupu", "Xuanqiao", "Zhuqiao"),
    ("Sanlin", "Kangqiao", "International Resort", "Shiwan"),
    ("Nanmatou", "Beicai", "Zhangjiang", "Chuansha"),
    ("Lujiazui", "Yangjing", "Jinqiao", "Heqing"),
    ("Puxing", "Gaoqiao", "Gaohang", "Caolu"),
)
"""Rows from south to north, each from west to east; the borders between them stand above."""

DISTRICTS = tuple(name for row in _NAMES for name in row)


def district(lat: float, lon: float) -> str:
    """Return the district of a point; the outer ones reach as far as you like."""
    return _NAMES[bisect_right(_LATITUDES, lat)][bisect_right(_LONGITUDES, lon)]
