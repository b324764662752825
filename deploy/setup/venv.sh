# The virtual environment .venv, from requirements.lock. Sourced after say.sh, with the working directory at the
# top of the checkout.

STAMP=.venv/.urbanbrain-setup
COMPILED=.venv/.urbanbrain-compiled
PIP_LOG=build/setup/pip.log

# What the environment was built from. The path counts too: scripts in .venv/bin name it.
venv_fingerprint() { { pwd; cat requirements.lock pyproject.toml; } | digest; }

# A Mac may have the second only; both say the same.
digest() { { sha256sum || shasum -a 256; } 2> /dev/null; }

# What machine code is made from: it changes more often than the environment.
code_fingerprint() {
    # shellcheck disable=SC2046 # a list of files, and no name of ours has a space
    cat $(find schemas streams -name '*.py' | LC_ALL=C sort) | digest
}

code_is_compiled() { [ -e "$COMPILED" ] && [ "$(cat "$COMPILED")" = "$(code_fingerprint)" ]; }

venv_is_current() { [ -e "$STAMP" ] && [ "$(cat "$STAMP")" = "$(venv_fingerprint)" ] && .venv/bin/python -c ''; }

venv_works() { .venv/bin/python -m pip --version > /dev/null 2>&1; }

pip_install() {
    local environment=$1 total=$2
    shift 2
    if ! "$environment/bin/python" -m pip install --no-input --disable-pip-version-check "$@" 2>&1 |
        tee -a "$PIP_LOG" | pip_progress "$total"; then
        tail -n 15 "$PIP_LOG" >&2
        give_up "pip failed; the end of its log is above, all of it in $PIP_LOG"
    fi
}

# pip names each package that it fetches, then says "Installing collected packages" once.
pip_progress() {
    local total=$1 count=0 verb name terminal=no
    ! on_terminal || terminal=yes
    while read -r verb name _; do
        case $verb in
            Collecting) count=$((count + 1)) ;;
            Installing) [ "$name" = collected ] && name="(unpacking; takes a moment)" && count=$total || continue ;;
            *) continue ;;
        esac
        if [ $terminal = yes ]; then
            printf '\r\033[K    %d/%d %s' "$count" "$total" "${name%%=*}"
        elif [ $((count % 10)) = 0 ] || [ "$count" = "$total" ]; then
            printf '    %d/%d %s\n' "$count" "$total" "${name%%=*}"
        fi
    done
    [ $terminal = no ] || printf '\r\033[K'
}

build_venv() {
    mkdir -p build/setup
    : > "$PIP_LOG"
    if venv_works; then
        say "python: bringing .venv up to date with requirements.lock"
    else
        require_python
        say "python: making .venv with $("$python" --version) ($python)"
        "$python" -m venv --clear .venv || give_up "$python could not make a virtual environment in $PWD/.venv"
    fi
    rm -f "$STAMP" "$COMPILED"
    say "python: installing $(grep -c == requirements.lock) packages, each checked against its hash"
    pip_install .venv "$(grep -c == requirements.lock)" --require-hashes -r requirements.lock
    say "python: installing urbanbrain itself (editable)"
    pip_install .venv 1 --no-deps --no-build-isolation -e .
    venv_fingerprint > "$STAMP"
}

compile_code() {
    say "python: compiling the modules and their inner loops"
    # Many processes start, and where PYTHONDONTWRITEBYTECODE is set each would compile all that it imports.
    .venv/bin/python -m compileall -q schemas sensors_sim streams deploy || give_up "compiling failed; the error is above"
    .venv/bin/python -m streams.warm || give_up "compiling failed; the error is above"
    code_fingerprint > "$COMPILED"
}
