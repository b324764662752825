#!/usr/bin/env bash
# What the chaos suite needs beyond `make setup`: libfaketime, to step the clock of one process.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/setup/say.sh
. deploy/setup/root.sh

if ! compgen -G '/usr/lib*/*/faketime/libfaketimeMT.so.1' > /dev/null \
    && ! compgen -G '/usr/lib*/faketime/libfaketimeMT.so.1' > /dev/null; then
    if command -v apt-get > /dev/null; then
        say "chaos: installing libfaketime with apt"
        (apt_install libfaketime) || say "chaos: apt could not install libfaketime; the clock tests are skipped"
    else
        say "chaos: libfaketime is not installed; the clock tests are skipped"
    fi
fi
