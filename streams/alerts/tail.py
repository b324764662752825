"""Follow alerts over MQTT: what is open now (retained) first, then every event as it comes."""

import logging
import math
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from schemas import codec
from schemas.alert_actions import AlertHandling
from schemas.alerts import SEVERITIES, Alert
from streams import topics
from streams.alerts.recent import Recent
from streams.brokers.mqtt_client import Client
from streams.brokers.mqtt_login import in_words, login_of, refused, thrown_out, unavailable, why_ended
from streams.brokers.mqtt_reconnects import Reconnects
from streams.errors import ServiceUnavailable
from streams.settings import Settings

log = logging.getLogger(__name__)

_REMEMBERED = 50_000
_LOOK_AGAIN_S = 5.0
_QUIET_S = 0.3
"""A broker does not say when it has sent all that is retained: so it has if nothing more of it came for so long."""
_LONGEST_S = 5.0
"""What comes meanwhile waits no longer for that."""
_TICK_S = 0.1
_KEPT_FOR_S = 3_600
"""How long the broker keeps what comes while we are away."""


_NOTHING_KEPT = (
    "; what happened meanwhile was not kept, so ends of alerts may be missing: see `urbanbrain alerts list`"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are shown; None: any. `severity`: at least this severe.

    `asked` says what else is asked of them, `silent` what a silence hides, `sure` whether it knows that now.
    """

    severity: str | None = None
    kind: str | None = None
    cell: str | None = None
    operator: str | None = None
    acknowledged: bool | None = None
    asked: Callable[[Alert], bool] = lambda _alert: True
    silent: Callable[[Alert], bool] = lambda _alert: False
    sure: Callable[[], bool] = lambda: True

    def filters(self) -> list[str]:
        """Return the MQTT filters, those of what is open first. Any severity: an alert may end with another."""
        place = "+", self.kind or "+", self.cell or "+"
        return [topics.open_alert_topic(*place, "+"), topics.alert_topic(*place)]

    def shows(self, alert: Alert, handling: AlertHandling | None, *, shown: bool = False) -> bool:
        """Return whether an event of an alert is shown, given what is known of how the alert is handled.

        `shown`: one was before, so it is followed though its severity fell, and its end is told in any case.
        """
        if shown and alert.status == "cleared":
            return True
        if closes(handling, alert):
            return False
        least = 0 if self.severity is None or shown else SEVERITIES.index(self.severity)
        if SEVERITIES.index(alert.severity) < least or not (shown or self.asked(alert)):
            return False
        if not shown and self.operator is not None and self.operator not in alert.evidence.by_operator:
            return False
        acknowledged = handling is not None and handling.acknowledged
        if self.acknowledged is not None and self.acknowledged != acknowledged:
            return False
        return not self.silent(alert)


def closes(handling: AlertHandling | None, alert: Alert) -> bool:
    """Return whether the alert, as it is after this event, is closed by hand: another severity is another matter."""
    return (
        handling is not None
        and handling.closed
        and alert.status == "active"
        and handling.severity == alert.severity
    )


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """Return alerts as `alerts list` has them, the other way round: its first is nearest to what comes next.

    That is where whoever follows looks.
    """
    ranks = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    listed = sorted(alerts, key=lambda one: (-ranks[one.severity], -one.starts_at, one.alert_id))
    return listed[::-1]


def _session(packet: int, seconds: int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = seconds
    return properties


@dataclass(slots=True)
class _Opening:
    """What came since we subscribed, until all that is open has come: it is first, and what happened then waits.

    `resumed`: the broker has kept what came while we were away. It sends that first, and that waits for nothing: else
    it would be older than what is open. `newest`: when it sent the last of what is retained, or took a subscription.
    """

    since: float
    resumed: bool
    newest: float = math.inf
    open: dict[str, tuple[Alert, bytes]] = field(default_factory=dict)
    live: list[Callable[[], None]] = field(default_factory=list)

    def is_over(self, now: float) -> bool:
        return now - self.newest >= _QUIET_S or now - self.since >= _LONGEST_S


class Tail:
    """Calls `show` for each alert event that is wanted, and `show_action` for what people do about these alerts.

    What is open when it begins to follow comes first, `in_order`. Repeats are shown once. What happens while the
    connection is lost is shown after that: the broker keeps it for an hour. `at_work` is called when the broker has
    taken the first subscription.
    """

    def __init__(
        self,
        settings: Settings,
        show: Callable[[Alert, bytes], None],
        show_action: Callable[[AlertHandling, bytes], None] = lambda _handling, _payload: None,
        wanted: Wanted | None = None,
        at_work: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_work = at_work
        self._clock = clock
        self._opening: _Opening | None = None
        self._address = (settings.mqtt_host, settings.mqtt_port)
        self._tls = settings.mqtt_tls
        self._show = show
        self._show_action = show_action
        self._wanted = wanted or Wanted()
        # The end of an alert may be missed: bounded memories.
        self._seen: Recent[str, int] = Recent(_REMEMBERED)
        self._ended: Recent[str, int] = Recent(_REMEMBERED)
        """A worker that ended before it stored an end has the next one tell the whole life again."""
        self._shown: Recent[str, bool] = Recent(_REMEMBERED)
        self._hidden: Recent[str, bytes] = Recent(_REMEMBERED)
        """Open alerts as they are, which what somebody does, or the end of a silence, may bring into sight."""
        self._handlings: Recent[str, AlertHandling] = Recent(_REMEMBERED)
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"urbanbrain-tail-{secrets.token_hex(8)}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        login_of(settings).give_to(self._client)
        self._longest_delay_s = int(5 + random.random() * 10)
        self._client.reconnect_delay_set(min_delay=1, max_delay=self._longest_delay_s)
        self._reconnects = Reconnects(time.monotonic, self._longest_delay_s)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._failed: ServiceUnavailable | None = None
        self._broken: Exception | None = None
        """What the thread that looks again came to grief on."""
        self._followed = False
        self._followed_before = False
        """Before this connection, too: what is retained may then tell what happened in between."""
        self._retains = False
        """Whether the broker has sent what is retained. RabbitMQ does not for filters with wildcards."""
        self._lost = False
        self._is_stopping = False
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.message_callback_add(f"{topics.MQTT_ALERT_ACTIONS}/#", self._on_action)
        self._client.on_message = self._on_message

    def run(self) -> None:
        """Follow until `stop`; ServiceUnavailable where the broker does not answer at the start, or refuses us.

        OSError where what is shown cannot be written.
        """
        try:
            kept = _session(PacketTypes.CONNECT, _KEPT_FOR_S)
            self._client.connect(*self._address, keepalive=30, clean_start=False, properties=kept)
        except OSError as error:
            raise unavailable(*self._address, error, tls=self._tls) from None
        looking = threading.Thread(target=self._look_again_and_again, daemon=True)
        looking.start()
        try:
            self._client.loop_forever()
        finally:
            self._over.set()
            looking.join(_LOOK_AGAIN_S)
        if self._broken is not None:
            raise self._broken
        self.show_open(at_once=True)
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """End `run`; may be called from another thread or a signal handler."""
        self._is_stopping = True  # a client that is about to connect forgets that it was to disconnect
        self._leave()

    def _leave(self) -> None:
        """Disconnect, and have the broker keep nothing more for us."""
        self._client.disconnect(properties=_session(PacketTypes.DISCONNECT, 0))

    def _on_connect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._end(refused(*self._address, reason, properties))
            return
        if self._is_stopping:
            self._leave()
            return
        self._reconnects.connected()
        resumed = self._followed and flags.session_present
        if self._lost:
            kept = "" if resumed else _NOTHING_KEPT
            log.warning("MQTT at %s:%d: reconnected%s", *self._address, kept)
        self._lost = False
        self._followed_before = self._followed
        with self._lock:
            self._end_opening()
            self._opening = _Opening(self._clock(), resumed)
        # The retained actions come before the retained alerts, so that what was closed is known as such.
        actions = topics.alert_action_topic(self._wanted.kind or "+", self._wanted.cell or "+", "+")
        client.subscribe(actions, options=SubscribeOptions(qos=1))
        client.subscribe([(name, SubscribeOptions(qos=1)) for name in self._wanted.filters()])

    def _on_disconnect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if not reason.is_failure or self._failed is not None or self._lost:
            return
        if not self._followed:
            self._end(thrown_out(*self._address, reason, properties))
        else:
            self._lost = True
            client.reconnect_delay_set(self._reconnects.delay_s(1), self._longest_delay_s)
            log.warning(
                "MQTT at %s:%d: connection lost (%s); trying again. What happens meanwhile is shown after that",
                *(*self._address, why_ended(flags, reason, properties)),
            )

    def _on_subscribe(
        self, client: mqtt.Client, userdata: Any, mid: int, reasons: Any, properties: Any
    ) -> None:
        failed = [reason for reason in reasons if reason.is_failure]
        if failed:
            self._end(
                ServiceUnavailable(
                    "MQTT",
                    "{}:{}".format(*self._address),
                    f"the subscription to alerts: {in_words(failed[0], properties)}; look at the broker's ACL",
                    refuses=True,
                )
            )
            return
        with self._lock:
            if self._opening is not None:
                self._opening.newest = self._clock()
        self._followed = True
        self._at_work()
        self._at_work = lambda: None

    def _end(self, failure: ServiceUnavailable) -> None:
        self._failed = failure
        self._leave()

    def _look_again_and_again(self) -> None:
        try:
            look_again_at = self._clock() + _LOOK_AGAIN_S
            while not self._over.wait(_TICK_S):
                self.show_open()
                if self._clock() >= look_again_at:
                    self.look_again()
                    look_again_at = self._clock() + _LOOK_AGAIN_S
        except Exception as error:  # as where nobody reads what is shown, or the disk is full
            self._broken = error
            self.stop()

    def show_open(self, *, at_once: bool = False) -> None:
        """Show what was open when we subscribed, and what happened since, once all of it has come."""
        with self._lock:
            if self._opening is not None and (at_once or self._opening.is_over(self._clock())):
                self._end_opening()

    def _end_opening(self) -> None:
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if self._retains and not opening.resumed:
            self._forget_hidden_but(opening.open.keys())
        payloads = {alert_id: payload for alert_id, (_, payload) in opening.open.items()}
        for alert in in_order(alert for alert, _ in opening.open.values()):
            self._take(alert, payloads[alert.alert_id])
        for take in opening.live:
            take()

    def _forget_hidden_but(self, still_open: Set[str]) -> None:
        """Forget the others: their end was missed, or they come late, and are then taken as they are."""
        for alert_id in dict(self._hidden.items()).keys() - still_open:
            self._hidden.drop(alert_id)
            self._seen.drop(alert_id)

    def look_again(self) -> None:
        """Show what is open and was hidden by a silence that is over."""
        with self._lock:
            # a database that restarts brings nothing into sight that is silent still
            for alert_id, payload in self._hidden.items() if self._wanted.sure() else ():
                self._bring_if_wanted(alert_id, payload)

    def _bring_if_wanted(self, alert_id: str, payload: bytes) -> None:
        alert, shown = codec.alert.decode(payload), bool(self._shown.get(alert_id))
        if self._wanted.shows(alert, self._handlings.get(alert_id), shown=shown):
            self._bring(alert)
            self._show(alert, payload)

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        if not message.payload:  # the retained alert was taken back: it was cleared, or changed its severity
            return
        payload = bytes(message.payload)
        try:
            alert = codec.alert.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # somebody else's message under our topic; the broker's ACL is there to prevent it
        with self._lock:
            opening = self._opening
            if opening is None or (opening.resumed and not message.retain):
                self._take(alert, payload)
            elif not message.retain:
                opening.live.append(lambda: self._take(alert, payload))
            else:
                opening.newest = self._clock()
                self._retains = True
                known = opening.open.get(alert.alert_id)
                if known is None or known[0].sequence < alert.sequence:
                    opening.open[alert.alert_id] = alert, payload

    def _take(self, alert: Alert, payload: bytes) -> None:
        for known in (self._seen, self._ended):
            seen = known.get(alert.alert_id)
            if seen is not None and seen >= alert.sequence:
                return
        self._seen.put(alert.alert_id, alert.sequence)
        handling = self._handlings.get(alert.alert_id)
        visible = self._wanted.shows(alert, handling, shown=bool(self._shown.get(alert.alert_id)))
        if alert.status == "cleared":
            for memory in (self._seen, self._shown, self._handlings, self._hidden):
                memory.drop(alert.alert_id)
            self._ended.put(alert.alert_id, alert.sequence)
        elif visible:
            self._bring(alert)
        else:
            self._hidden.put(alert.alert_id, payload)
        if visible:
            self._show(alert, payload)

    def _bring(self, alert: Alert) -> None:
        self._shown.put(alert.alert_id, True)
        self._hidden.drop(alert.alert_id)

    def _on_action(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        if not message.payload:  # the alert is over
            return
        try:
            handling = codec.alert_action.decode(message.payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        payload, retained = bytes(message.payload), message.retain
        with self._lock:
            opening = self._opening
            if opening is not None and retained:
                opening.newest = self._clock()  # what is open comes after that
            if opening is None or opening.resumed or retained:
                self._take_action(handling, payload, retained=retained)
            else:
                opening.live.append(lambda: self._take_action(handling, payload, retained=False))

    def _take_action(self, handling: AlertHandling, payload: bytes, *, retained: bool) -> None:
        known = self._handlings.get(handling.alert_id)
        if known is not None and known.sequence >= handling.sequence:
            return
        self._handlings.put(handling.alert_id, handling)
        if self._shown.get(handling.alert_id) and (self._followed_before or not retained):
            self._show_action(handling, payload)
        hidden = self._hidden.get(handling.alert_id)
        if hidden is not None:
            self._bring_if_wanted(handling.alert_id, hidden)
