# How the set-up talks: one line for each step, and a way out for each failure. Sourced.

say() { printf '==> %s\n' "$*"; }

give_up() {
    printf '\nset-up stopped: %s\n' "$*" >&2
    exit 1
}

# On a terminal the newest item of a long list overwrites the one before.
on_terminal() { [ -t 1 ]; }
