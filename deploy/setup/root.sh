# Commands that need root: through sudo where we are somebody else. Sourced after say.sh.

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo -- "$@"
    else
        give_up "this needs root and there is no sudo; run as root: $*"
    fi
}

# Tried before anything is changed; sudo asks for a password here, if at all.
may_be_root() { [ "$(id -u)" = 0 ] || { command -v sudo > /dev/null && sudo -- true; }; }

apt_lists=old

apt_update_once() {
    [ "$apt_lists" = old ] || return 0
    may_be_root || give_up "apt needs root, and there is no sudo that lets us. Let somebody who is root install what the" \
        "line above names (apt-get install --no-install-recommends …), then run this again"
    say "apt: reading the package lists"
    as_root apt-get update -q || say "apt: some lists could not be read; trying with what is there"
    apt_lists=new
}

apt_install() {
    apt_update_once
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}
