#!/bin/sh
# Write the password file from the environment and copy the ACL, then become the broker, which reads both as its own
# user: it may not be allowed to read the checkout.
#   MQTT_GATEWAY_PASSWORD, MQTT_WORKER_PASSWORD, MQTT_ADMIN_PASSWORD   our own accounts
#   MQTT_PUBLISHERS    publishers as name:password, separated by spaces
#   GATEWAY_ID, WORKER_ID   names of ours on the broker, which are only looked at
#   CONFIG, PASSWORDS  files, when they are not where the image has them; the ACL goes from beside one to beside the other
set -euf # no file names in place of a password with a star

CONFIG=${CONFIG:-/mosquitto/config/mosquitto.conf}
PASSWORDS=${PASSWORDS:-/mosquitto/data/passwords}

# Print an account, $2:$3, of setting $1. mosquitto_passwd would cut its password short at a colon, without a word.
whole() {
    case $3 in
        *:*)
            echo "$1: the password of $2 has a colon, where it would end; choose letters and digits" >&2
            exit 1
            ;;
        change-me)
            echo "$1: the password of $2 is still change-me; choose one of your own (openssl rand -hex 24)" >&2
            exit 1
            ;;
    esac
    printf '%s\n' "$2:$3" # echo would read a backslash
}

for id in "${GATEWAY_ID:-}" "${WORKER_ID:-}"; do
    case $id in
        *change-me*)
            echo "GATEWAY_ID, WORKER_ID: one is still $id, and a publisher who connects by that name ends the session" \
                "of ours; choose names that nobody can guess (openssl rand -hex 8)" >&2
            exit 1
            ;;
    esac
done

umask 077
accounts=$( # all of them before the first is written: as they are they stay on no disk
    whole MQTT_GATEWAY_PASSWORD gateway "${MQTT_GATEWAY_PASSWORD:?is not set}"
    whole MQTT_WORKER_PASSWORD worker "${MQTT_WORKER_PASSWORD:?is not set}"
    whole MQTT_ADMIN_PASSWORD admin "${MQTT_ADMIN_PASSWORD:?is not set}"
    names=" "
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
        case $names in
            *" $name "*)
                echo "MQTT_PUBLISHERS: the name $name is there twice; leave one of its entries out" >&2
                exit 1
                ;;
        esac
        names="$names$name "
        whole MQTT_PUBLISHERS "$name" "${account#*:}"
    done
)
trap 'rm -f "$PASSWORDS.new"' EXIT
printf '%s\n' "$accounts" > "$PASSWORDS.new"
mosquitto_passwd -U "$PASSWORDS.new" # hashes the plain passwords in place
mv "$PASSWORDS.new" "$PASSWORDS"
ACL=${PASSWORDS%/*}/acl
cat "${CONFIG%/*}/acl" > "$ACL.new" # it may be the same file
mv "$ACL.new" "$ACL"
[ "$(id -u)" != 0 ] || chown mosquitto:mosquitto "$PASSWORDS" "$ACL"

exec mosquitto -c "$CONFIG"
