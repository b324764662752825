"""`make bench-forecast`: simulated days that the forecast was not tuned on, and what it says of them.

Seeds from 11 on are held out: the rule was chosen on seeds 1 and 2, what clears on 1 to 3 of the days of crowds.py.
"""

import argparse
from datetime import timedelta

from sensors_sim.scenario import shipped
from streams.incidents.forecast.watch import ForecastRule
from tests.bench.forecast.crowds import DAYS
from tests.bench.forecast.score import HEADER, Found, score
from tests.bench.forecast.windows import MINUTE, minutes

HELD_OUT = (*DAYS, "metro-flood", "metro-closure", "bike-dump", "concert-night", "commuter")


def main() -> None:
    """Print a line a day, and the sum of them."""
    parser = argparse.ArgumentParser(description="Score the forecast of saturation on simulated days.")
    parser.add_argument("--scenario", action="append", help=f"that ships, or {', '.join(DAYS)}; any number")
    parser.add_argument("--seed", action="append", type=int, help="11 and 12 where none is given")
    parser.add_argument("--hours", type=float, help="of each scenario; all of it where none are given")
    parser.add_argument("--capacity", type=int, default=60)
    parser.add_argument("--sure", type=float, default=ForecastRule().sure)
    parser.add_argument("--horizon", type=float, default=ForecastRule().horizon_ms / MINUTE, help="minutes")
    given = parser.parse_args()
    rule, total = ForecastRule(round(given.horizon * MINUTE), given.sure), Found()
    print(HEADER)
    for name in given.scenario or HELD_OUT:
        for seed in given.seed or (11, 12):
            scenario = DAYS[name](seed) if name in DAYS else shipped(name).with_(seed=seed)
            if given.hours:
                scenario = scenario.with_(duration=timedelta(hours=given.hours))
            found = score(minutes(scenario), given.capacity, rule)
            print(found.line(f"{name} ({seed})"), flush=True)
            total.add(found)
    print(total.line("all"))


if __name__ == "__main__":
    main()
