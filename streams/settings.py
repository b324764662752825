"""Typed settings, read once from the environment (prefix UB_) and an optional `.env` file."""

import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.bounds import Bounds
from streams.database_url import FORM, parts_of
from streams.errors import SettingsError
from streams.numbers import number
from streams.tls import client_context

log = logging.getLogger(__name__)

STAGES = ("fleet", "sensing", "requests", "grid", "incidents", "rejects")
"""The stages of a worker, as readings pass through them."""

VEHICLE_TYPES = ("bicycle", "cargo_bicycle", "scooter_standing", "scooter_seated", "moped", "other")
"""Those of readings: schemas/vehicles.py."""

_ADDRESS = re.compile(r"(?:[^\s:/@\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_KAFKA_PORT = 9092
_LAST_PORT = 65535

SERIES_DETECTORS = ("records", "seasonal", "change", "counts")
JOINT_DETECTORS = ("spatial", "multivariate")
"""Detectors of anomalies: streams/incidents/anomaly/family.py."""

_ENV_FILE = ".env"
"""In the working directory."""

_CENTURY_DAYS = 36_525

Seconds = Annotated[float, Field(le=_CENTURY_DAYS * 86_400)]
"""Up to a century: as milliseconds, and added to a time, it stays a number that every table and array holds."""
Days = Annotated[int, Field(ge=1, le=_CENTURY_DAYS)]
Number = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""Fits an integer of 32 bits."""
Population = Annotated[int, Field(ge=1, le=50_000_000)]
"""Fits a table of ids (streams/columnar/ids.py), with those that come in before the oldest are forgotten."""


_DATA_DIR = Path(tempfile.gettempdir()) / f"urbanbrain-{os.getuid()}"
"""Of each user another: what one has made there, others may not write to."""


class Settings(BaseSettings):
    """All settings. Durations are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="UB_", env_file=_ENV_FILE, extra="ignore", frozen=True, allow_inf_nan=False
    )

    # Where the services are
    mqtt_host: str = Field("127.0.0.1", min_length=1)
    mqtt_port: int = Field(1883, ge=1, le=65535)
    mqtt_username: str | None = None
    mqtt_password: SecretStr | None = None
    mqtt_tls: bool = False
    mqtt_ca_file: Path | None = None
    mqtt_cert_file: Path | None = None
    mqtt_key_file: Path | None = None
    kafka_bootstrap: str = Field("127.0.0.1:9092", min_length=1)
    kafka_flavor: str = Field("kafka", pattern="^(kafka|tansu)$")
    kafka_tls: bool = False
    kafka_ca_file: Path | None = None
    kafka_cert_file: Path | None = None
    kafka_key_file: Path | None = None
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_check_crcs: bool = False
    database_url: SecretStr = SecretStr("postgresql://ub_writer@127.0.0.1:5432/urbanbrain")

    # Kafka topics
    source_partitions: int = Field(8, ge=1, le=1024)
    region_partitions: int = Field(4, ge=1, le=1024)

    # Gateway
    gateway_id: str = Field("gateway-0", min_length=1)  # an empty one is another session each time
    mqtt_share: str | None = None
    frame_max_readings: int = Field(500, ge=1, le=10_000)
    frame_max_bytes: int = Field(256_000, ge=1_000, le=900_000)
    frame_linger_ms: int = Field(30, ge=1, le=10_000)
    max_payload_bytes: Number = Field(1_000_000, ge=1_000)
    max_unacked_messages: int = Field(20_000, ge=1, le=65_535)
    max_unacked_bytes: int = Field(64_000_000, ge=1_000_000, le=1_000_000_000_000)
    service_wait_s: Seconds = Field(30.0, ge=0)
    max_clock_ahead_s: Seconds = Field(60.0, ge=0)
    bounds: str | None = None

    # Event time
    window_s: int = Field(60, ge=1, le=86_400)
    allowed_lateness_s: Seconds = Field(10.0, ge=0)
    amend_horizon_s: Seconds = Field(600.0, ge=1)
    idle_timeout_s: Seconds = Field(5.0, gt=0)
    stale_after_s: Seconds = Field(45 * 86_400.0, gt=0)
    max_vehicles_per_partition: Population = 300_000
    max_series_per_partition: Population = 300_000
    forget_request_after_s: Seconds = Field(90 * 86_400.0, gt=0)
    forget_source_after_s: Seconds = Field(3600.0, gt=0)

    # Cells
    h3_resolution: int = Field(9, ge=4, le=13)
    region_resolution: int = Field(2, ge=0, le=4)

    # Worker
    worker_id: str = Field("worker-0", min_length=1)
    stages: str = ",".join(STAGES)
    # folds know the time by these looks, and count one for a second at most (runtime/attention.py)
    publish_interval_ms: int = Field(20, ge=1, le=500)
    checkpoint_interval_s: Seconds = Field(1.0, gt=0)
    kafka_fetch_wait_ms: Number = 20
    max_unacked_records: Number = 20_000
    web_port: int = Field(0, ge=0, le=65535)
    data_dir: Path = _DATA_DIR

    # Requests
    districts_file: Path | None = None

    # Saturation
    policy_file: Path | None = None
    policy_vehicle_types: str = ",".join(VEHICLE_TYPES)
    timezone: str = "UTC"
    default_capacity: Number = 60
    raise_ratio: float = Field(1.0, gt=0, le=1_000)
    clear_ratio: float = Field(0.8, gt=0, le=1_000)
    min_duration_s: Seconds = Field(120.0, ge=0)

    # Saturation that is expected: 0, nothing is; and hot spots of requests
    forecast_horizon_s: Seconds = Field(1_800.0, ge=0)
    hot_spot_raise_at: float = Field(20.0, ge=0, le=1_000_000)

    # Thresholds of metrics
    thresholds_file: Path | None = None

    # Anomalies of metrics: members of streams/incidents/anomaly/family.py, separated by commas, or off
    anomaly_detector: str = "off"
    anomaly_raise_at: float = Field(0.5, gt=0, le=1)
    anomaly_quiet_s: Seconds = Field(1_800.0, gt=0)

    # Single vehicles: 0 turns jumps or batteries off
    jump_kmh: float = Field(60.0, ge=0, le=1_000_000)
    jump_noise_m: float = Field(250.0, ge=0, le=1_000_000)
    jump_quiet_s: Seconds = Field(900.0, gt=0)
    low_battery_percent: int = Field(0, ge=0, le=100)
    low_battery_clear_percent: int = Field(30, ge=1, le=100)

    # Rules on speed
    speed_noise_m: float = Field(30.0, ge=0, le=1_000_000)
    speed_longest_s: Seconds = Field(60.0, gt=0)
    speeding_quiet_s: Seconds = Field(120.0, gt=0)

    # Flap damping: raised so often within the window (0: never), an alert stays open until it was quiet for long enough
    flap_raises: int = Field(5, ge=0, le=1000)
    flap_window_s: Seconds = Field(3_600.0, gt=0)
    flap_quiet_s: Seconds = Field(900.0, gt=0)

    # Incidents: alerts that belong together
    incident_linger_s: Seconds = Field(600.0, ge=0)

    # Health of sensors and feeds
    sensor_health: bool = True
    silent_intervals: float = Field(5.0, ge=2, le=1_000_000)
    silent_after_s: Seconds = Field(600.0, ge=1)
    feed_silent_share: float = Field(0.8, gt=0.5, le=1)
    forget_sensor_after_s: Seconds = Field(30 * 86_400.0, gt=0)

    # Notifications
    notify_file: Path | None = None

    # Console
    console_host: str = Field("127.0.0.1", min_length=1)  # an empty one would be every interface
    console_port: int = Field(8080, ge=0, le=65535)
    console_hosts: str = ""
    # an idle worker shows that it lives every 20 s at most, and 60 s after that was read it is quiet
    console_poll_s: float = Field(1.0, ge=0.1, le=15)
    console_max_clients: int = Field(200, ge=1, le=10_000)

    # Store: kept for this long behind the newest row of each table (see streams/store/retention.py)
    retain_windows_days: Days = 90
    retain_sensor_windows_days: Days = 90
    retain_request_windows_days: Days = 365
    retain_requests_days: Days = 730
    retain_alert_events_days: Days = 365
    retain_alerts_days: Days = 730
    retain_silences_days: Days = 365
    retain_vehicle_events_days: Days = 90
    retain_rejected_days: Days = 30
    retain_notifications_days: Days = 90

    @property
    def stage_names(self) -> frozenset[str]:
        """The stages that this worker runs."""
        return frozenset(name.strip() for name in self.stages.split(","))

    @property
    def vehicle_types(self) -> frozenset[str]:
        """The vehicle types in use here."""
        return frozenset(name.strip() for name in self.policy_vehicle_types.split(","))

    @property
    def anomaly_detectors(self) -> frozenset[str]:
        """The detectors of anomalies; none where they are off."""
        return frozenset(name.strip() for name in self.anomaly_detector.split(",")) - {"off"}

    @property
    def consumer_group(self) -> str:
        """Kafka's group of the workers with these stages: Faust wants all members to read the same topics."""
        if self.stage_names == set(STAGES):
            return "urbanbrain"
        return "-".join(["urbanbrain", *(name for name in STAGES if name in self.stage_names)])

    @field_validator("*", mode="before")
    @classmethod
    def _is_a_plain_number(cls, value: object, of: ValidationInfo) -> object:
        """Pydantic takes 1_0 for 10; what else is no number it refuses by itself."""
        of_numbers = cls.model_fields[str(of.field_name)].annotation in (int, float)
        if of_numbers and isinstance(value, str) and "_" in value:
            number(value)
        return value

    @field_validator("mqtt_host", "console_host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        _check_host(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _is_a_connection_string(cls, value: SecretStr) -> SecretStr:
        parts = parts_of(value.get_secret_value())
        if not parts:
            # of an empty one libpq makes the socket of this machine, and the user that we run as
            raise ValueError(FORM)
        for host in str(parts.get("host") or "").split(","):
            if not host.startswith(("/", "@")):  # a socket
                _check_host(host)
        return value

    @field_validator(
        *("mqtt_ca_file", "mqtt_cert_file", "mqtt_key_file"),
        *("kafka_ca_file", "kafka_cert_file", "kafka_key_file"),
        *("kafka_sasl_mechanism", "kafka_username", "kafka_password"),
        *("policy_file", "districts_file", "thresholds_file", "notify_file", "mqtt_share", "bounds"),
        mode="before",
    )
    @classmethod
    def _is_set(cls, value: object) -> object:
        return value or None  # empty, as Compose sets what is not set; a file would be the working directory

    @field_validator("data_dir", mode="before")
    @classmethod
    def _is_a_directory(cls, value: object) -> object:
        return value or _DATA_DIR  # an empty one would be the working directory, too

    @field_validator("kafka_bootstrap")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        """Kafka's client ends with a traceback where a port is no number."""
        ports = [_ADDRESS.fullmatch(address.strip()) for address in value.split(",")]
        if not all(found and 0 < int(found["port"] or _KAFKA_PORT) <= _LAST_PORT for found in ports):
            raise ValueError(
                "host:port, or several of them separated by commas, is expected, such as 127.0.0.1:9092"
            )
        return value

    @field_validator("mqtt_share")
    @classmethod
    def _is_a_share_name(cls, value: str | None) -> str | None:
        """MQTT 5, 4.8.2: what follows a slash is the filter already, and no topic of ours would match that one."""
        if value is not None and not set(value).isdisjoint("/+#"):
            raise ValueError("a name without /, + and # is expected, such as gateways")
        return value

    @field_validator("console_hosts")
    @classmethod
    def _are_names(cls, value: str) -> str:
        """No header Host is ever an address of the web, so it would lock out everybody."""
        if "/" in value:
            raise ValueError(
                "names without https:// and path, separated by commas, are expected, such as console.example"
            )
        return value

    @field_validator("bounds")
    @classmethod
    def _is_a_box(cls, value: str | None) -> str | None:
        if value is not None:
            Bounds.parse(value)
        return value

    @field_validator("anomaly_detector")
    @classmethod
    def _are_detectors(cls, value: str) -> str:
        names = [name.strip() for name in value.split(",")]
        single = [name for name in names if name in SERIES_DETECTORS]
        unknown = [name for name in names if name not in (*SERIES_DETECTORS, *JOINT_DETECTORS)]
        if len(single) > 1 or (unknown and names != ["off"]):
            raise ValueError(
                f"off, or one of {', '.join(SERIES_DETECTORS)} at most, and {' or '.join(JOINT_DETECTORS)} or both, "
                "separated by commas, are expected, such as records,spatial"
            )
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("a time zone of the IANA database is expected, such as Asia/Shanghai") from None
        return value

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        _check_tls("MQTT", self.mqtt_tls, self.mqtt_ca_file, self.mqtt_cert_file, self.mqtt_key_file)
        _check_tls("KAFKA", self.kafka_tls, self.kafka_ca_file, self.kafka_cert_file, self.kafka_key_file)
        return self

    @model_validator(mode="after")
    def _check_kafka_login(self) -> Self:
        login = {"USERNAME": self.kafka_username, "PASSWORD": self.kafka_password}
        given = [f"UB_KAFKA_{name}" for name, value in login.items() if value is not None]
        missing = [f"UB_KAFKA_{name}" for name, value in login.items() if value is None]
        if self.kafka_sasl_mechanism is None and given:
            raise ValueError(
                f"{' and '.join(given)}: without UB_KAFKA_SASL_MECHANISM there is no login to Kafka; set it to the one "
                "that the broker has, PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, or unset "
                f"{'both' if len(given) > 1 else 'it'}"
            )
        if self.kafka_sasl_mechanism is not None and missing:
            raise ValueError(
                f"UB_KAFKA_SASL_MECHANISM {self.kafka_sasl_mechanism}: a login is a name and a password; set "
                f"{' and '.join(missing)}, or unset the mechanism"
            )
        return self

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.stage_names <= set(STAGES):
            raise ValueError(
                f"UB_STAGES {self.stages!r}: name one or more of {', '.join(STAGES)}, separated by commas"
            )
        if not self.vehicle_types <= set(VEHICLE_TYPES):
            raise ValueError(
                f"UB_POLICY_VEHICLE_TYPES {self.policy_vehicle_types!r}: name one or more of "
                f"{', '.join(VEHICLE_TYPES)}, separated by commas"
            )
        if self.clear_ratio >= self.raise_ratio:
            raise ValueError(
                f"UB_CLEAR_RATIO {self.clear_ratio} must be below UB_RAISE_RATIO {self.raise_ratio}; "
                "with equal thresholds an alert would flap"
            )
        if self.low_battery_clear_percent <= self.low_battery_percent:
            raise ValueError(
                f"UB_LOW_BATTERY_CLEAR_PERCENT {self.low_battery_clear_percent} must exceed "
                f"UB_LOW_BATTERY_PERCENT {self.low_battery_percent}; with equal thresholds an alert would flap"
            )
        latest = self.amend_horizon_s + self.allowed_lateness_s
        ahead = latest + self.max_clock_ahead_s
        if self.stale_after_s <= latest:
            raise ValueError(
                f"UB_STALE_AFTER_S {self.stale_after_s:g} must exceed UB_AMEND_HORIZON_S + UB_ALLOWED_LATENESS_S "
                f"({latest:g}); a late reading would arrive stale"
            )
        if self.forget_request_after_s <= ahead:
            raise ValueError(
                f"UB_FORGET_REQUEST_AFTER_S {self.forget_request_after_s:g} must exceed UB_AMEND_HORIZON_S + "
                f"UB_ALLOWED_LATENESS_S + UB_MAX_CLOCK_AHEAD_S ({ahead:g}); a late event would find its request "
                "forgotten"
            )
        if self.retain_requests_days * 86_400 <= self.forget_request_after_s + latest:
            raise ValueError(
                f"UB_RETAIN_REQUESTS_DAYS {self.retain_requests_days} must exceed UB_FORGET_REQUEST_AFTER_S "
                f"({self.forget_request_after_s / 86_400:g} days); a row would go that its stage still needs"
            )
        windows = ("windows", "sensor_windows", "request_windows")
        longest = max(getattr(self, f"retain_{name}_days") for name in windows)
        if self.retain_alerts_days < longest:
            raise ValueError(
                f"UB_RETAIN_ALERTS_DAYS {self.retain_alerts_days} must be at least the days for which windows are kept "
                f"({longest}: {', '.join(f'UB_RETAIN_{name.upper()}_DAYS' for name in windows)}); "
                "their completeness is known from alerts"
            )
        if self.region_resolution >= self.h3_resolution:
            raise ValueError(
                f"UB_REGION_RESOLUTION {self.region_resolution} must be coarser (smaller) than "
                f"UB_H3_RESOLUTION {self.h3_resolution}; a region is a parent of cells"
            )
        return self


def load(**overrides: object) -> Settings:
    """Read the settings; a wrong one raises SettingsError that names it."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(
            "wrong setting: " + "; ".join(_sentence(item) for item in error.errors())
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None


def misspelt() -> list[str]:
    """Return the variables of our prefix, in the environment and the file .env, that are no settings."""
    try:
        in_file = dotenv_values(_ENV_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None
    return sorted(
        name
        for name in {*os.environ, *in_file}
        if name.startswith("UB_")
        and not name.startswith("UB_TEST_")
        and name.removeprefix("UB_").lower() not in Settings.model_fields
    )


def say_misspelt() -> None:
    """Warn of what `misspelt` returns: for processes that run on and on, as their setting is not in force."""
    if unknown := misspelt():
        log.warning(
            "no such setting: %s; correct the spelling (docs/settings.md lists all), or unset it",
            ", ".join(unknown),
        )


def _unreadable(error: OSError | UnicodeDecodeError) -> SettingsError:
    why = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}"
    return SettingsError(
        f"{Path.cwd() / _ENV_FILE} cannot be read ({why}); let this user read it, save it as UTF-8, or remove it"
    )


def _check_host(name: str) -> None:
    """ValueError, without a word of it, where Python looks a name up with a UnicodeError, which clients let through."""
    try:
        name.encode("idna")
    except UnicodeError:
        raise ValueError(
            "a host name with 1 to 63 characters between dots is expected, such as mqtt.example.org"
        ) from None


def _check_tls(of: str, tls: bool, ca: Path | None, certificate: Path | None, key: Path | None) -> None:
    files = {"CA": ca, "CERT": certificate, "KEY": key}
    given = [f"UB_{of}_{kind}_FILE {file}" for kind, file in files.items() if file is not None]
    if given and not tls:
        raise ValueError(
            f"{', '.join(given)}: without UB_{of}_TLS nothing is encrypted, and no certificate is used; set "
            f"UB_{of}_TLS=true, or unset the files"
        )
    if (certificate is None) != (key is None):
        raise ValueError(
            f"{given[-1]}: a certificate needs its key; set UB_{of}_CERT_FILE and UB_{of}_KEY_FILE, or neither"
        )
    if tls:
        client_context(ca, certificate, key, of=of)


def _sentence(item: Any) -> str:
    text = str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:  # a rule over several settings: its text names them
        return text
    name = "UB_" + "_".join(str(part) for part in item["loc"]).upper()
    given = "" if name == "UB_DATABASE_URL" else f"={item['input']!r}"  # it may hold a password
    return f"{name}{given}: {text}"
