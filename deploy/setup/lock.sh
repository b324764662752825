#!/usr/bin/env bash
# Write the lock files anew from pyproject.toml: every version, with hashes, for every platform. Versions already
# locked stay unless `--upgrade` (or `--upgrade-package NAME`) is given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/setup/say.sh

UV=0.13.9
tool=build/lock/uv-$UV
if [ ! -x "$tool/bin/uv" ]; then
    say "installing uv $UV into $tool"
    .venv/bin/python -m venv "$tool"
    "$tool/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV"
fi
compile() { "$tool/bin/uv" pip compile --universal --generate-hashes --no-header --quiet "$@"; }
say "requirements.lock: the project with its development tools and what the benchmark compares with"
compile pyproject.toml --extra dev --extra bench -o requirements.lock "$@"
say "deploy/requirements.lock: what the container image needs, at the same versions"
compile pyproject.toml --constraint requirements.lock --no-annotate -o deploy/requirements.lock
say "tests/bench/peers/requirements.lock: the stream processors that the benchmark can run beside ours"
compile --group peers --python-version 3.12 -o tests/bench/peers/requirements.lock "$@"
