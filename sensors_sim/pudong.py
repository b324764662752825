"""Pudong as the simulator knows it: drawn by hand, from general knowledge, in WGS-84.

The outline follows the built-up land between the Huangpu and the Yangtze, north of latitude
31.05; it is no survey. Station and place names are real, their coordinates good to some 200 m.
"""

OUTLINE: tuple[tuple[float, float], ...] = (
    (31.050, 121.550), (31.090, 121.490), (31.120, 121.478), (31.150, 121.472), (31.168, 121.470),
    (31.184, 121.482), (31.196, 121.497), (31.210, 121.506), (31.227, 121.506), (31.238, 121.496),
    (31.246, 121.500), (31.250, 121.520), (31.256, 121.545), (31.268, 121.562), (31.290, 121.568),
    (31.315, 121.556), (31.340, 121.535), (31.360, 121.540), (31.358, 121.600), (31.345, 121.640),
    (31.305, 121.700), (31.255, 121.755), (31.200, 121.795), (31.130, 121.805), (31.050, 121.780),
)  # fmt: skip
"""Corners as (lat, lon)."""

METRO: tuple[tuple[str, float, float, float], ...] = (
    ("Lujiazui", 31.2385, 121.5022, 1.5), ("Dongchang Road", 31.2336, 121.5151, 1.1),
    ("Century Avenue", 31.2287, 121.5272, 1.2), ("Pudong Avenue", 31.2402, 121.5192, 1.0),
    ("Shanghai Science & Technology Museum", 31.2195, 121.5432, 1.2), ("Century Park", 31.2100, 121.5506, 1.0),
    ("Longyang Road", 31.2035, 121.5572, 1.5), ("Zhangjiang Hi-Tech Park", 31.2017, 121.5876, 1.4),
    ("Jinke Road", 31.2045, 121.6018, 1.4), ("Guanglan Road", 31.2112, 121.6206, 1.3),
    ("Tangzhen", 31.2167, 121.6562, 1.1), ("Middle Chuangxin Road", 31.2152, 121.6738, 0.8),
    ("East Huaxia Road", 31.1975, 121.6812, 0.8), ("Chuansha", 31.1872, 121.6985, 1.2),
    ("Shangnan Road", 31.1492, 121.5066, 1.0), ("Yuanshen Stadium", 31.2352, 121.5345, 0.9),
    ("Minsheng Road", 31.2352, 121.5452, 0.9), ("Beiyangjing Road", 31.2395, 121.5548, 0.9),
    ("Deping Road", 31.2442, 121.5652, 0.9), ("Jinqiao Road", 31.2572, 121.5752, 1.0),
    ("Boxing Road", 31.2652, 121.5865, 1.0), ("Jufeng Road", 31.2822, 121.5895, 1.0),
    ("Waigaoqiao Free Trade Zone South", 31.3215, 121.5985, 0.9), ("Gangcheng Road", 31.3502, 121.5745, 0.7),
    ("Pudian Road", 31.2206, 121.5302, 0.9), ("Lancun Road", 31.2107, 121.5273, 1.0),
    ("Tangqiao", 31.2110, 121.5192, 0.9), ("Shanghai Children's Medical Center", 31.2040, 121.5236, 0.9),
    ("Linyi Xincun", 31.1946, 121.5200, 1.0), ("West Gaoke Road", 31.1851, 121.5125, 1.0),
    ("Dongming Road", 31.1715, 121.5118, 1.0), ("Yaohua Road", 31.1832, 121.5022, 1.0),
    ("China Art Museum", 31.1862, 121.4928, 0.9), ("Yangsi", 31.1622, 121.4938, 0.9),
    ("Oriental Sports Center", 31.1550, 121.4808, 1.0), ("Sanlin", 31.1432, 121.5122, 1.0),
    ("Huamu Road", 31.2122, 121.5632, 1.0), ("Fanghua Road", 31.1962, 121.5655, 0.9),
    ("Jinxiu Road", 31.1902, 121.5462, 0.9), ("Yuqiao", 31.1602, 121.5712, 1.0),
    ("Luoshan Road", 31.1540, 121.5932, 0.9), ("Xiuyan Road", 31.1382, 121.5988, 0.9),
    ("Kangxin Highway", 31.1312, 121.6172, 0.8), ("Shanghai Disney Resort", 31.1432, 121.6682, 0.9),
    ("Zhoupu East", 31.1122, 121.5952, 0.9), ("Yunshan Road", 31.2508, 121.5700, 0.8),
    ("Dongjing Road", 31.2932, 121.5882, 0.8), ("Hongxing Road", 31.2352, 121.5792, 0.7),
)  # fmt: skip
"""Stations as (name, lat, lon, weight)."""

OFFICES: tuple[tuple[str, float, float, float], ...] = (
    ("Lujiazui CBD", 31.2372, 121.5105, 1.0), ("Zhuyuan", 31.2245, 121.5372, 1.0),
    ("Civic Center", 31.2240, 121.5445, 1.0), ("Expo", 31.1885, 121.4952, 0.8),
    ("Qiantan", 31.1592, 121.4782, 0.8), ("Zhangjiang Bibo Road", 31.2068, 121.5905, 1.2),
    ("Zhangjiang Medicine Valley", 31.1935, 121.5985, 1.2), ("Pudong Software Park", 31.2082, 121.6092, 1.2),
    ("Zhangjiang AI Island", 31.1985, 121.6152, 1.2), ("Zhangjiang Science City", 31.1845, 121.6085, 1.0),
    ("Jinqiao Export Zone", 31.2512, 121.6085, 1.2), ("Jinqiao Office Park", 31.2462, 121.5895, 1.1),
    ("Jinqiao South", 31.2382, 121.6252, 1.0), ("Waigaoqiao Free Trade Zone", 31.3292, 121.5982, 1.1),
    ("Waigaoqiao Port", 31.3412, 121.6052, 0.8), ("Tangzhen Business Park", 31.2195, 121.6482, 0.9),
    ("Chuansha Centre", 31.1928, 121.7065, 0.8), ("Kangqiao", 31.1358, 121.5792, 1.0),
    ("Zhoupu Wanda", 31.1182, 121.5752, 0.9), ("Caolu", 31.2735, 121.6702, 0.8),
    ("Heqing", 31.2352, 121.7252, 0.7), ("Nanhui Gate Road", 31.1882, 121.5252, 0.8),
    ("Shangcheng Road", 31.2312, 121.5222, 0.8), ("Yanggao South Road", 31.1952, 121.5352, 0.9),
    ("Senlan", 31.3052, 121.6052, 0.9), ("Airport Logistics", 31.1632, 121.7752, 0.6),
)  # fmt: skip
"""Work places as (name, lat, lon, weight)."""

HOMES: tuple[tuple[str, float, float, float], ...] = (
    ("Beicai", 31.1852, 121.5562, 1.2), ("Sanlin", 31.1482, 121.5152, 1.3), ("Yangjing", 31.2402, 121.5502, 1.3),
    ("Tangqiao", 31.2122, 121.5205, 1.2), ("Huamu", 31.2122, 121.5602, 1.2), ("Weifang", 31.2242, 121.5182, 1.2),
    ("Shanggang", 31.1832, 121.5102, 1.2), ("Nanmatou", 31.1952, 121.5122, 1.1), ("Yangsi", 31.1652, 121.4952, 1.0),
    ("Hudong", 31.2602, 121.5702, 1.1), ("Jinyang", 31.2482, 121.5782, 1.1), ("Gaohang", 31.2952, 121.5952, 1.0),
    ("Gaoqiao", 31.3492, 121.5682, 0.8), ("Zhangjiang Town", 31.2032, 121.6252, 1.1),
    ("Tangzhen", 31.2152, 121.6552, 1.0),
    ("Caolu", 31.2752, 121.6752, 0.8), ("Chuansha", 31.1902, 121.7002, 1.0), ("Kangqiao", 31.1402, 121.5702, 1.0),
    ("Zhoupu", 31.1152, 121.5802, 1.0), ("Yuqiao", 31.1602, 121.5702, 1.1), ("Heqing", 31.2452, 121.7202, 0.5),
    ("Huinan Road", 31.0852, 121.6502, 0.4),
)  # fmt: skip
"""Centres of housing as (name, lat, lon, weight): around them people live more densely."""

LEISURE: tuple[tuple[str, float, float, float], ...] = (
    ("Century Park", 31.2162, 121.5482, 1.2), ("Binjiang Riverside", 31.2342, 121.5025, 1.1),
    ("Expo Cultural Park", 31.1782, 121.4892, 1.1), ("Houtan Riverside", 31.1752, 121.4822, 0.9),
    ("Kerry Parkside", 31.2132, 121.5572, 1.0), ("Big Thumb Plaza", 31.2262, 121.5572, 1.1),
    ("Jinqiao International Plaza", 31.2552, 121.5832, 1.0), ("Changtai Plaza", 31.2022, 121.6082, 1.1),
    ("Shanghai Disney Resort", 31.1472, 121.6622, 1.1), ("Sanlin Sports Park", 31.1392, 121.5022, 0.9),
    ("Chuansha Park", 31.1952, 121.6932, 0.8), ("Gaoqiao Old Town", 31.3462, 121.5702, 0.7),
    ("Yangjing Riverside", 31.2492, 121.5462, 0.9), ("Bailianxi Park", 31.1882, 121.5052, 0.9),
    ("Zhoupu Flower Sea", 31.1052, 121.5702, 0.7), ("Tangzhen Sunlight City", 31.2192, 121.6602, 0.8),
    ("Beicai Park", 31.1792, 121.5592, 0.9), ("Yangpu Bridge Park", 31.2552, 121.5552, 0.8),
)  # fmt: skip
"""Parks, malls and promenades as (name, lat, lon, weight)."""
