"""What the joint detectors judge, made of a whole window: differences to neighbours, and the metrics of each cell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from streams.incidents.anomaly.alert import Window
from streams.incidents.anomaly.family import subject_of
from streams.incidents.anomaly.gate import Whole

LEAST_NEIGHBOURS = 3
"""With fewer, one that fails would be their median, or near to it."""

Around = Callable[[str], Sequence[str]]
"""Return the cells around a cell, without itself."""


def among_neighbours(whole: Whole, around: Around) -> Iterator[tuple[Window, float]]:
    """Yield the difference of each cell's metric to the median of its neighbours, where enough of them have it."""
    for metric, values in sorted(whole.values.items()):
        subject = subject_of("spatial", metric)
        for cell, value in sorted(values.items()):
            others = [values[other] for other in around(cell) if other in values]
            if len(others) >= LEAST_NEIGHBOURS:
                yield (
                    _window(whole, cell, subject, metric, whole.units[metric], value),
                    value - median(others),
                )


def together(whole: Whole) -> Iterator[tuple[Window, Mapping[str, float]]]:
    """Yield the metrics of each cell that has two or more."""
    cells: dict[str, dict[str, float]] = {}
    for metric, values in sorted(whole.values.items()):
        for cell, value in values.items():
            cells.setdefault(cell, {})[metric] = value
    for cell, metrics in sorted(cells.items()):
        if len(metrics) > 1:
            names = ", ".join(metrics)
            yield _window(whole, cell, subject_of("multivariate", ""), names, "1", None), metrics


def _window(whole: Whole, cell: str, subject: str, metric: str, unit: str, value: float | None) -> Window:
    return Window(cell, whole.region, subject, metric, unit, whole.start, whole.length_ms, value, whole.began)
