"""Labels of alerts as they are stored."""

from streams.alerts.labels import labels
from streams.alerts.matchers import Labels
from streams.fold.outlines import District
from streams.store.queries import AlertRow


def labels_of_row(row: AlertRow, district: District) -> Labels:
    """Return the labels of a stored alert."""
    return labels(row, district, cell=row.hex, operators=row.by_operator)
