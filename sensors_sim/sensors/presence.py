"""Where people are at an hour: the share of a place's usual crowd, by kind of place.

The shapes are ours: two peaks at stations, a plateau at offices, evenings and weekends for leisure.
"""

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.sensors.moment import Moment

_WORKDAY = np.array([
    [.10, .06, .04, .04, .06, .15, .38, .60, .55, .40, .36, .38,
     .42, .38, .36, .40, .50, .62, .72, .68, .58, .45, .32, .18],
    [.06, .03, .01, .01, .03, .15, .45, .85, 1.0, .62, .38, .36,
     .40, .38, .36, .42, .58, .88, .98, .72, .48, .38, .28, .14],
    [.04, .03, .02, .02, .03, .06, .14, .35, .72, .95, 1.0, .98,
     1.0, .96, .98, .96, .90, .72, .45, .28, .18, .12, .08, .05],
    [.05, .03, .02, .02, .03, .06, .10, .12, .14, .20, .28, .38,
     .48, .42, .36, .36, .42, .56, .76, .85, .78, .56, .30, .12],
])  # fmt: skip
_DAY_OFF = np.array([
    [.14, .09, .06, .05, .06, .10, .18, .30, .42, .52, .58, .60,
     .60, .56, .56, .58, .62, .66, .68, .62, .54, .44, .34, .22],
    [.10, .05, .02, .01, .02, .06, .15, .26, .36, .46, .54, .58,
     .60, .62, .62, .62, .62, .64, .62, .54, .46, .40, .32, .20],
    [.05, .04, .03, .03, .03, .04, .05, .08, .12, .16, .18, .20,
     .20, .20, .20, .19, .18, .15, .12, .10, .08, .07, .06, .05],
    [.10, .06, .03, .02, .03, .06, .12, .20, .32, .50, .68, .82,
     .88, .92, .98, 1.0, .96, .90, .92, .90, .78, .58, .36, .18],
])  # fmt: skip


def presence(now: Moment) -> Floats:
    """Return the share of people at homes, stations, offices and places of leisure (sensors_sim.city.KINDS)."""
    table = _WORKDAY if now.working else _DAY_OFF
    return np.array([np.interp(now.hour, np.arange(24) + 0.5, row, period=24) for row in table])
