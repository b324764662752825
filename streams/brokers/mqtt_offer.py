"""What an MQTT 5 broker offers, as its CONNACK says (section 3.2.2.3), and what a lack of it means. Pure.

Mosquitto offers all of it unless it is told not to; others do not, and cut off who asks for more.
"""

from dataclasses import dataclass

from paho.mqtt.properties import Properties

from streams.counted import counted

LEAST_SESSION_S = 3600
"""A gateway may be away for so long without a loss, or the broker is no good for it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Each of it as the standard has it where the broker says nothing.

    session_s   how long it keeps a session whose connection ended; None: as long as it was asked
    qos         of messages that it takes
    most        messages that it takes before it has confirmed the first of them
    largest     bytes of a packet; None: no limit
    """

    session_s: int | None = None
    qos: int = 2
    most: int = 65_535
    largest: int | None = None
    retain: bool = True
    wildcards: bool = True
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Lack:
    """What a broker does not offer, what follows from it, and what to do."""

    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what}; {self.way_out}"


NO_RETAIN = Lack(
    "the broker refuses retained messages: who subscribes hears of alerts as they change, and not of those that are "
    "open; nothing says which gateways are at work",
    "allow retained messages (Mosquitto: `retain_available true`)",
)
NO_RETAIN_FOR_WILDCARDS = Lack(
    "the broker sends no retained messages for filters with wildcards: who subscribes hears of alerts as they change, "
    "and not of those that are open; which gateways are at work is not known",
    "take another broker, or ask the tables or the console for what is open",
)
NO_QOS = Lack(
    "the broker takes messages at QoS 0 only, at which they may be lost",
    "allow QoS 1 (Mosquitto: `max_qos 1`)",
)
NO_WILDCARDS = Lack(
    "the broker refuses subscriptions with wildcards: a gateway hears nothing, and wrong retained messages are not "
    "repaired",
    "allow them, or take another broker",
)
NO_SHARED = Lack(
    "the broker refuses shared subscriptions, which UB_MQTT_SHARE asks for",
    "allow them, or run one gateway without UB_MQTT_SHARE",
)


def offer_of(properties: Properties | None) -> Offer:
    """Return what the properties of a CONNACK say."""
    said = properties
    return Offer(
        session_s=getattr(said, "SessionExpiryInterval", None),
        qos=getattr(said, "MaximumQoS", 2),
        most=getattr(said, "ReceiveMaximum", 65_535),
        largest=getattr(said, "MaximumPacketSize", None),
        retain=bool(getattr(said, "RetainAvailable", 1)),
        wildcards=bool(getattr(said, "WildcardSubscriptionAvailable", 1)),
        shared=bool(getattr(said, "SharedSubscriptionAvailable", 1)),
    )


def short_session(offer: Offer, asked_s: int) -> Lack | None:
    """Say how long the broker keeps a session, if that is not as long as it was asked for."""
    if offer.session_s is None or offer.session_s >= asked_s:
        return None
    if not offer.session_s:
        what = "the broker keeps no session: what comes while a gateway is away or reconnects is lost"
    else:
        away = counted(offer.session_s, "second")
        what = f"the broker keeps the session of a gateway that is away for {away}: what comes later is lost"
    return Lack(what, f"raise its limit on the expiry of sessions; a gateway asks for {asked_s} s")
