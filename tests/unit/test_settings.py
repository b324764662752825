"""Settings: read from the environment, and a wrong one is named with its value, its rule and the way out."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas.vehicles import VEHICLE_TYPES
from streams import settings
from streams.configs import anomaly_config, joint_config
from streams.errors import SettingsError, UrbanBrainError
from streams.incidents.anomaly.family import FAMILY, JOINT
from streams.settings import JOINT_DETECTORS, SERIES_DETECTORS, Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine, no .env file."""
    for name in [name for name in os.environ if name.startswith("UB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        settings.load()
    assert isinstance(raised.value, UrbanBrainError)
    return str(raised.value)


def test_the_defaults_are_in_order() -> None:
    found = settings.load()
    assert (found.window_s, found.h3_resolution, found.kafka_flavor) == (60, 9, "kafka")


def test_a_setting_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_WINDOW_S", "30")
    monkeypatch.setenv("UB_MQTT_PASSWORD", "hush")
    found = settings.load()
    assert found.window_s == 30
    assert "hush" not in repr(found)


def test_a_setting_comes_from_the_env_file_and_the_environment_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("UB_WINDOW_S=20\nUB_WORKER_ID=from-file\n", encoding="utf-8")
    monkeypatch.setenv("UB_WINDOW_S", "30")
    assert (settings.load().window_s, settings.load().worker_id) == (30, "from-file")


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_WINDOW_S", "30")
    assert settings.load(window_s=15).window_s == 15


@pytest.mark.parametrize(
    "name", ["policy_file", "districts_file", "thresholds_file", "notify_file", "mqtt_share", "bounds"]
)
def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As Compose and .env files do it; a file would be the working directory."""
    monkeypatch.setenv(f"UB_{name.upper()}", "")
    assert getattr(settings.load(), name) is None


def test_a_data_directory_that_is_set_to_nothing_is_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = settings.load().data_dir
    monkeypatch.setenv("UB_DATA_DIR", "")
    assert settings.load().data_dir == usual


def test_each_user_of_a_machine_has_a_data_directory_of_its_own() -> None:
    """In one for all, the workers of the second user could not make their folders."""
    assert settings.load().data_dir.name == f"urbanbrain-{os.getuid()}"


def test_an_empty_database_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """To libpq it is the socket of this machine, which nobody means who leaves a variable empty."""
    assert "UB_DATABASE_URL: postgresql://user:" in refusal(monkeypatch, UB_DATABASE_URL="")


@pytest.mark.parametrize("password", ["ses/ame", "12/sesame", "p@sesame"])
def test_a_database_url_with_a_password_that_is_not_encoded_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    said = refusal(monkeypatch, UB_DATABASE_URL=f"postgresql://u:{password}@db:5432/urbanbrain")
    assert "UB_DATABASE_URL: postgresql://user:" in said
    assert "percent-encoded (/ is %2F, @ is %40)" in said
    assert "ame" not in said.partition("UB_DATABASE_URL")[2].replace("name", "")


@pytest.mark.parametrize("hosts", ["db..example.org", "one,.two", "d" * 70])
def test_a_database_at_what_is_no_name_of_a_host_is_refused(
    monkeypatch: pytest.MonkeyPatch, hosts: str
) -> None:
    said = refusal(monkeypatch, UB_DATABASE_URL=f"postgresql://u@{hosts}/urbanbrain")
    assert "UB_DATABASE_URL: a host name with 1 to 63 characters between dots is expected" in said


@pytest.mark.parametrize("host", ["db.example.org.", "::1", f"/run/{'x' * 70}..y", f"@{'x' * 70}", "", "db,"])
def test_a_database_may_be_at_any_host_or_socket(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("UB_DATABASE_URL", f"host='{host}' dbname=urbanbrain")
    assert settings.load().database_url.get_secret_value().startswith("host")


@pytest.mark.parametrize("read", ["load", "misspelt"])
def test_an_env_file_that_is_no_text_is_named_with_the_way_out(read: str) -> None:
    Path(".env").write_bytes(b"UB_WORKER_ID=caf\xe9\n")
    with pytest.raises(SettingsError, match=r"\.env cannot be read \(not UTF-8: .* save it as UTF-8"):
        getattr(settings, read)()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
@pytest.mark.parametrize("read", ["load", "misspelt"])
def test_an_env_file_of_somebody_else_is_named_with_the_way_out(read: str) -> None:
    Path(".env").write_text("UB_WINDOW_S=20\n", encoding="utf-8")
    Path(".env").chmod(0)
    with pytest.raises(
        SettingsError, match=r"\.env cannot be read \(Permission denied\); let this user read it"
    ):
        getattr(settings, read)()


def test_what_is_misspelt_in_the_environment_and_the_env_file_is_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path(".env").write_text("UB_WINDOWS_S=20\nUB_WINDOW_S=20\nPGHOST=x\n", encoding="utf-8")
    monkeypatch.setenv("UB_MQTT_PROT", "1884")
    monkeypatch.setenv("UB_TEST_STACK", "native")
    assert settings.misspelt() == ["UB_MQTT_PROT", "UB_WINDOWS_S"]
    settings.say_misspelt()
    assert "no such setting: UB_MQTT_PROT, UB_WINDOWS_S; correct the spelling" in caplog.text


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.load().window_s = 5


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("UB_WINDOW_S", "0", "greater than or equal to 1"),
        ("UB_WINDOW_S", "a minute", "valid integer"),
        ("UB_MQTT_PORT", "70000", "less than or equal to 65535"),
        ("UB_KAFKA_FLAVOR", "rabbit", "kafka|tansu"),
        ("UB_H3_RESOLUTION", "15", "less than or equal to 13"),
        ("UB_IDLE_TIMEOUT_S", "0", "greater than 0"),
        ("UB_ALLOWED_LATENESS_S", "-1", "greater than or equal to 0"),
        ("UB_DEFAULT_CAPACITY", "0", "greater than or equal to 1"),
        ("UB_MAX_SERIES_PER_PARTITION", "0", "greater than or equal to 1"),
        ("UB_MAX_SERIES_PER_PARTITION", "67108864", "less than or equal to 50000000"),
        ("UB_MAX_VEHICLES_PER_PARTITION", "67108864", "less than or equal to 50000000"),
        ("UB_TIMEZONE", "Asia/Pudong", "a time zone of the IANA database is expected, such as Asia/Shanghai"),
        ("UB_TIMEZONE", "../etc/passwd", "a time zone of the IANA database is expected"),
        ("UB_RETAIN_SENSOR_WINDOWS_DAYS", "0", "greater than or equal to 1"),
        ("UB_ANOMALY_DETECTOR", "oracle", "such as records,spatial"),
        ("UB_ANOMALY_DETECTOR", "records,counts", f"one of {', '.join(SERIES_DETECTORS)} at most"),
        ("UB_ANOMALY_DETECTOR", "off,spatial", "such as records,spatial"),
        ("UB_ANOMALY_DETECTOR", "", "such as records,spatial"),
        ("UB_GATEWAY_ID", "", "at least 1 character"),
        ("UB_WORKER_ID", "", "at least 1 character"),
        ("UB_MQTT_HOST", "", "at least 1 character"),
        (
            "UB_MQTT_HOST",
            "mqtt..example.org",
            "1 to 63 characters between dots is expected, such as mqtt.exa",
        ),
        ("UB_MQTT_HOST", ".x", "1 to 63 characters between dots is expected"),
        ("UB_MQTT_HOST", "m" * 70, "1 to 63 characters between dots is expected"),
        ("UB_CONSOLE_HOST", "a..b", "1 to 63 characters between dots is expected"),
        ("UB_KAFKA_BOOTSTRAP", "", "at least 1 character"),
        (
            "UB_KAFKA_BOOTSTRAP",
            "broker:port",
            "host:port, or several of them separated by commas, is expected",
        ),
        ("UB_KAFKA_BOOTSTRAP", "broker:70000", "such as 127.0.0.1:9092"),
        ("UB_KAFKA_BOOTSTRAP", "broker:0", "such as 127.0.0.1:9092"),
        ("UB_KAFKA_BOOTSTRAP", "SASL_SSL://broker:9092", "such as 127.0.0.1:9092"),
        ("UB_KAFKA_BOOTSTRAP", "one:9092,,two:9092", "such as 127.0.0.1:9092"),
        ("UB_MQTT_SHARE", "city/gateways", "a name without /, + and # is expected, such as gateways"),
        ("UB_BOUNDS", "30.6,120.8,31.9,122.3", "west,south,east,north is expected"),
        (
            "UB_CONSOLE_HOSTS",
            "https://console.example",
            "separated by commas, are expected, such as console.example",
        ),
        ("UB_CONSOLE_HOSTS", "map.example, console.example/map", "such as console.example"),
        ("UB_BOUNDS", "Shanghai", "such as 120.8,30.6,122.3,31.9"),
        ("UB_MQTT_SHARE", "gateways+", "a name without /, + and # is expected, such as gateways"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_rule(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, rule: str
) -> None:
    message = refusal(monkeypatch, **{variable: value})
    assert message.startswith(f"wrong setting: {variable}='{value}': ")
    assert rule in message


@pytest.mark.parametrize(
    "value",
    ["broker", "broker:9092", "one.example.org:9094, two.example.org:9094", "[::1]:9092", "192.0.2.7:1"],
)
def test_addresses_of_kafka_are_taken_as_its_clients_take_them(value: str) -> None:
    assert Settings(kafka_bootstrap=value).kafka_bootstrap == value


@pytest.mark.parametrize(
    ("value", "series", "joint"),
    [
        ("off", None, None),
        ("counts", "counts", None),
        ("spatial", None, ("spatial",)),
        ("multivariate, records,spatial", "records", ("spatial", "multivariate")),
    ],
)
def test_detectors_of_anomalies_are_chosen_by_name(
    value: str, series: str | None, joint: tuple[str, ...] | None
) -> None:
    chosen = Settings(anomaly_detector=value)
    alone, together = anomaly_config(chosen), joint_config(chosen)
    assert (alone and alone.detector) == series
    assert (together and together.detectors) == joint
    if together is not None:
        around = together.around("8930994a553ffff")
        assert len(around) == len(set(around)) == 18
        assert "8930994a553ffff" not in around


def test_detectors_go_by_the_clocks_of_the_city() -> None:
    chosen = anomaly_config(Settings(anomaly_detector="seasonal", timezone="Europe/Berlin"))
    assert chosen is not None
    assert chosen.zone == ZoneInfo("Europe/Berlin")


def test_the_types_of_vehicles_are_those_of_readings() -> None:
    assert settings.VEHICLE_TYPES == VEHICLE_TYPES


def test_the_names_of_detectors_are_those_of_the_family() -> None:
    assert (tuple(FAMILY), tuple(JOINT)) == (SERIES_DETECTORS, JOINT_DETECTORS)


def numeric() -> list[str]:
    return [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e300", "9" * 40])
@pytest.mark.parametrize("name", numeric())
def test_a_number_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    message = refusal(monkeypatch, **{f"UB_{name.upper()}": value})
    assert message.startswith(f"wrong setting: UB_{name.upper()}='{value}': Input should be ")


def test_durations_go_up_to_a_century(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_STALE_AFTER_S", str(100 * 365 * 86_400))
    assert settings.load().stale_after_s == 100 * 365 * 86_400
    message = refusal(monkeypatch, UB_STALE_AFTER_S=str(101 * 366 * 86_400))
    assert message.endswith("Input should be less than or equal to 3155760000")


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, UB_WINDOW_S="0", UB_MQTT_PORT="0")
    assert "UB_WINDOW_S='0'" in message
    assert "UB_MQTT_PORT='0'" in message


@pytest.mark.parametrize(
    ("variables", "names", "why"),
    [
        ({"UB_CLEAR_RATIO": "1.0"}, ("UB_CLEAR_RATIO 1.0", "UB_RAISE_RATIO 1.0"), "flap"),
        (
            {"UB_REGION_RESOLUTION": "4", "UB_H3_RESOLUTION": "4"},
            ("UB_REGION_RESOLUTION 4", "UB_H3_RESOLUTION 4"),
            "parent of cells",
        ),
        (
            {"UB_STALE_AFTER_S": "610"},
            ("UB_STALE_AFTER_S 610", "UB_AMEND_HORIZON_S + UB_ALLOWED_LATENESS_S", "610"),
            "arrive stale",
        ),
        (
            {"UB_FORGET_REQUEST_AFTER_S": "610"},
            ("UB_FORGET_REQUEST_AFTER_S 610", "UB_AMEND_HORIZON_S + UB_ALLOWED_LATENESS_S", "610"),
            "request forgotten",
        ),
        (
            {"UB_RETAIN_REQUESTS_DAYS": "90"},
            ("UB_RETAIN_REQUESTS_DAYS 90", "UB_FORGET_REQUEST_AFTER_S", "90 days"),
            "still needs",
        ),
        *(
            (
                {"UB_RETAIN_ALERTS_DAYS": "400", variable: "401"},
                ("UB_RETAIN_ALERTS_DAYS 400", variable, "401"),
                "completeness is known from alerts",
            )
            for variable in (
                "UB_RETAIN_WINDOWS_DAYS",
                "UB_RETAIN_SENSOR_WINDOWS_DAYS",
                "UB_RETAIN_REQUEST_WINDOWS_DAYS",
            )
        ),
    ],
)
def test_settings_that_contradict_each_other_are_both_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], names: tuple[str, ...], why: str
) -> None:
    message = refusal(monkeypatch, **variables)
    for name in (*names, why):
        assert name in message


def test_alerts_may_be_kept_for_as_long_as_the_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_RETAIN_ALERTS_DAYS", "365")
    assert settings.load().retain_alerts_days == settings.load().retain_request_windows_days
