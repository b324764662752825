"""Whether an alert was closed by hand, of a severity that may not be the one in the tables now. SQL.

Of the severity that it has now the view ub.alert_handling says the same.
"""


def closed_by(alert_id: str, severity: str) -> str:
    """Return a scalar query for who closed an alert; null where it is not closed at that severity.

    Both arguments are expressions of the query around it, and literals of our own. A closing holds until somebody
    reopens the alert, or does anything about it at another severity.
    """
    return f"""(
    SELECT s.by FROM ub.alert_action s
    WHERE s.alert_id = {alert_id} AND s.action = 'closed' AND NOT EXISTS (
        SELECT FROM ub.alert_action y
        WHERE y.alert_id = s.alert_id AND y.sequence >= s.sequence
          AND (y.action = 'reopened' OR y.severity <> {severity})
    )
    ORDER BY s.sequence DESC LIMIT 1
)"""  # noqa: S608 - literals
