"""Which readings were news when they came."""

import numpy as np
import pytest

from streams.sensing.health.arrivals import news


@pytest.mark.parametrize(("values", "places"), [([3, 9], [0, 1]), ([9, 3], [1, 0])], ids=["less", "more"])
def test_of_two_readings_of_one_time_the_first_in_the_log_was_news_also_where_both_are_settled_together(
    values: list[int], places: list[int]
) -> None:
    found = news(
        np.zeros(2, np.int32), np.full(2, 1000), np.array(values), np.array(places), newest=np.array([0])
    )
    assert found.value.tolist() == [3]
