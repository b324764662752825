# Mosquitto and PostgreSQL 17 with TimescaleDB for the native stack, only where no Docker engine answers.
# Sourced after say.sh and root.sh. Tansu comes from a Python package.

POSTGRES=17
TIMESCALE_LIBRARY=/usr/lib/postgresql/$POSTGRES/lib/timescaledb.so

missing_packages() {
    PATH=$PATH:/usr/sbin command -v mosquitto > /dev/null || echo mosquitto
    if command -v apt-get > /dev/null; then
        [ -x "/usr/lib/postgresql/$POSTGRES/bin/postgres" ] || echo "postgresql-$POSTGRES"
        [ -e "$TIMESCALE_LIBRARY" ] || echo "postgresql-$POSTGRES-timescaledb"
    fi
    command -v setpriv > /dev/null || [ "$(uname)" != Linux ] || echo util-linux
}

# macOS has no `timeout`: there an engine that hangs is waited for.
within() { if command -v timeout > /dev/null; then timeout "$@"; else shift && "$@"; fi; }

docker_answers() { within 10 docker info > /dev/null 2>&1; }

require_services() {
    local packages
    restore_policies # what a set-up that was killed has left
    packages=$(missing_packages | tr '\n' ' ')
    [ -n "${packages// /}" ] || return 0
    if docker_answers; then
        say "services: Docker's engine answers, so nothing is installed for them"
        return 0
    fi
    command -v apt-get > /dev/null || give_up "no Docker engine answers (docker info), and this machine has no apt to" \
        "install the services with; start Docker, or install Eclipse Mosquitto 2 and PostgreSQL $POSTGRES with TimescaleDB"
    say "services: no Docker engine answers; installing with apt: $packages"
    apt_update_once # here: what install_programs_only learns in its subshell is forgotten
    # shellcheck disable=SC2086 # a list of package names
    install_programs_only $packages || give_up "apt could not install $packages(see above)." \
        "PostgreSQL $POSTGRES and its TimescaleDB are in Debian 13; older systems need the repositories of" \
        "PostgreSQL (apt.postgresql.org) and Timescale, or Docker"
}

# Debian starts a service as soon as its package is installed, and at each boot, and makes a database cluster.
# The native stack wants the programs only, on ports of its own. While apt runs, policy-rc.d forbids starts
# (exit 101) and createcluster.conf the cluster; both are as before afterwards. What ran already keeps running.
POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='# of the set-up of urban brain, which removes it'
CLUSTER_POLICY=/etc/postgresql-common/createcluster.conf

restore_policies() {
    ! grep -qsF "$POLICY_MARK" "$POLICY" || as_root rm -f "$POLICY"
    [ ! -e "$CLUSTER_POLICY.urbanbrain" ] || as_root mv "$CLUSTER_POLICY.urbanbrain" "$CLUSTER_POLICY"
}

install_programs_only() (
    trap restore_policies EXIT
    trap 'exit 130' INT TERM
    if [ ! -e "$POLICY" ]; then
        as_root sh -c "printf '#!/bin/sh\n$POLICY_MARK\nexit 101\n' > '$POLICY' && chmod 755 '$POLICY'"
    fi
    case " $* " in *" postgresql-"*)
        [ -e "$CLUSTER_POLICY" ] || apt_install postgresql-common || exit 1 # brings the file
        as_root cp -p "$CLUSTER_POLICY" "$CLUSTER_POLICY.urbanbrain"
        as_root sh -c "echo 'create_main_cluster = false' >> '$CLUSTER_POLICY'"
        ;;
    esac
    apt_install "$@" || exit 1
    case " $* " in *" mosquitto "*)
        if command -v systemctl > /dev/null; then
            say "services: mosquitto is not to run at boot (systemctl enable mosquitto changes that)"
            as_root systemctl --quiet disable mosquitto || say "services: systemctl could not disable mosquitto"
        fi
        ;;
    esac
)
