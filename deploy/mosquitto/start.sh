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
        case $account in
            alerts:* | orders:* | gateway:* | worker:* | admin:*)
                echo "MQTT_PUBLISHERS: the name ${account%%:*} is reserved; choose another" >&2
                exit 1
                ;;
            ?*:?*) echo "$account" ;;
            *)
                echo "MQTT_PUBLISHERS: an entry is not name:password" >&2
                exit 1
                ;;
        esac
    done
} > "$PASSWORDS.new"
mosquitto_passwd -U "$PASSWORDS.new" # hashes the plain passwords in place
mv "$PASSWORDS.new" "$PASSWORDS"
[ "$(id -u)" != 0 ] || chown mosquitto:mosquitto "$PASSWORDS"

exec mosquitto -c "$CONFIG"
