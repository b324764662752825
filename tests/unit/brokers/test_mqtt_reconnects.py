"""Who is thrown out again and again comes back ever more seldom."""

from streams.brokers.mqtt_reconnects import Reconnects


def test_the_delay_grows_while_connections_are_short_and_starts_over_after_a_long_one() -> None:
    now = 0.0
    reconnects = Reconnects(lambda: now, longest_s=20)
    delays = []
    for lasted in (100.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 1.0):
        reconnects.connected()
        now += lasted
        delays.append(reconnects.delay_s(2))
    assert delays == [2, 4, 8, 16, 20, 20, 2, 4]
