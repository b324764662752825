#!/bin/sh
# Write the password file from the environment, then become the broker.
#   MQTT_GATEWAY_PASSWORD, MQTT_WORKER_PASSWORD, MQTT_ADMIN_PASSWORD   our own accounts
#   MQTT_PUBLISHERS    publishers as name:password, separated by spaces
#   CONFIG, PASSWORDS  files, when they are not where the image has them
set -eu

CONFIG=${CONFIG:-/mosquitto/config/mosquitto.conf}
PASSWORDS=${PASSWORDS:-/mosquitto/data/passwords}

umask 077
{
    echo "gateway:${MQTT_GATEWAY_PASSWORD:?is not set}"
    echo "worker:${MQTT_WORKER_PASSWORD:?is not set}"
    echo "admin:${MQTT_ADMIN_PASSWORD:?is not set}"
    for account in ${MQTT_PUBLISHERS:-}; do
        name=${account%%:*}
        case $account in
            ?*:?*) ;;
            *)
                echo "MQTT_PUBLISHERS: an entry is not name:password" >&2
                exit 1
                ;;
        esac
        case $name in
            alerts | open-alerts | open-alerts-by | alert-actions | incidents | orders | gateway | worker | admin)
                echo "MQTT_PUBLISHERS: the name $name is reserved; choose another" >&2
                exit 1
                ;;
            *[/+#]*) # alerts/major would publish to ub/v1/alerts/major/#
                echo "MQTT_PUBLISHERS: the name $name is no level of a topic; leave out / + and #" >&2
                exit 1
                ;;
        esac
        echo "$account"
    done
} > "$PASSWORDS.new"
mosquitto_passwd -U "$PASSWORDS.new" # hashes the plain passwords in place
mv "$PASSWORDS.new" "$PASSWORDS"
[ "$(id -u)" != 0 ] || chown mosquitto:mosquitto "$PASSWORDS"

exec mosquitto -c "$CONFIG"
