"""URLs of one stack."""

from pathlib import Path

import pytest

from deploy import up
from deploy.endpoints import Endpoints, database_url, with_database, with_login, without_password
from streams.brokers.kafka_login import PLAIN, kafka_login_of
from streams.settings import Settings, load

URL = "postgresql://ub_owner:se%40cret@127.0.0.1:5433/urbanbrain"


def test_a_password_with_url_characters_survives_in_the_url() -> None:
    assert database_url("ub_owner", "se@cret", "127.0.0.1", 5433, "urbanbrain") == URL


def test_another_role_and_another_database_keep_the_server() -> None:
    assert with_login(URL, "ub_reader", "a/b") == "postgresql://ub_reader:a%2Fb@127.0.0.1:5433/urbanbrain"
    assert with_database(URL, "other") == "postgresql://ub_owner:se%40cret@127.0.0.1:5433/other"


def test_endpoints_show_no_password_in_a_log_line() -> None:
    endpoints = Endpoints("127.0.0.1", 1883, "127.0.0.1:9092", "tansu", URL, URL, URL)
    assert "se%40cret" not in repr(endpoints)
    assert "ub_owner@127.0.0.1:5433/urbanbrain" in repr(endpoints)
    assert without_password("postgresql://127.0.0.1/x") == "postgresql://127.0.0.1/x"


def test_the_environment_of_a_stack_holds_settings_that_exist() -> None:
    endpoints = Endpoints("127.0.0.1", 1883, "127.0.0.1:9092", "tansu", URL, URL, URL)
    for name in endpoints.environment():
        assert name.removeprefix("UB_").lower() in Settings.model_fields


def test_a_broker_of_ours_is_spoken_to_without_tls_whatever_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`urbanbrain up` in a folder whose .env is about brokers with TLS, and a login."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(
        "UB_MQTT_TLS=true\nUB_MQTT_CA_FILE=ca.pem\nUB_KAFKA_TLS=true\nUB_KAFKA_CA_FILE=ca.pem\n"
        "UB_KAFKA_SASL_MECHANISM=PLAIN\nUB_KAFKA_USERNAME=hello\nUB_KAFKA_PASSWORD=hush\n"
    )
    endpoints = Endpoints("127.0.0.1", 1883, "127.0.0.1:9092", "tansu", URL, URL, URL)
    assert not load(**up._overrides(endpoints)).mqtt_tls
    assert kafka_login_of(load(**up._overrides(endpoints))) == PLAIN
    for name, value in endpoints.environment().items():
        monkeypatch.setenv(name, value)
    assert (load().mqtt_tls, load().mqtt_ca_file) == (False, None)
    assert kafka_login_of(load()) == PLAIN


def test_a_broker_that_the_settings_name_is_spoken_to_as_they_say() -> None:
    endpoints = Endpoints("h", 8883, "127.0.0.1:9092", "kafka", URL, URL, URL, as_set=True)
    told = " ".join([*endpoints.environment(), *up._overrides(endpoints)]).lower()
    assert "tls" not in told
    assert "sasl" not in told
