#!/usr/bin/env bash
# Install the stream processors that `make bench-peers` runs beside ours into .venv-peers, an environment of their own:
# what they need would not go together with what we need. Run again, it finds nothing to do.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."

# shellcheck source-path=SCRIPTDIR
{
    . "$here/say.sh"
    . "$here/root.sh"
    . "$here/python.sh"
    . "$here/venv.sh"
}

lock=tests/bench/peers/requirements.lock
stamp=.venv-peers/.urbanbrain-setup
fingerprint() { { pwd; cat "$lock"; } | digest; }

is_current() { [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && .venv-peers/bin/python -c ''; }

if ! is_current; then
    mkdir -p build/setup
    : > "$PIP_LOG"
    require_python python3.12 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.12*/bin/python3
    say "peers: making .venv-peers with $("$python" --version) ($python)"
    "$python" -m venv --clear .venv-peers || give_up "$python could not make a virtual environment in $PWD/.venv-peers"
    say "peers: installing up to $(grep -c == "$lock") packages, each checked against its hash"
    pip_install .venv-peers "$(grep -c == "$lock")" --require-hashes -r "$lock"
    fingerprint > "$stamp"
fi
.venv-peers/bin/python -c 'import bytewax' 2> /dev/null ||
    say "peers: without Bytewax, which has no release for Python 3.13 and later; put a python3.12 on the PATH, remove" \
        ".venv-peers and run this again"
