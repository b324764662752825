#!/usr/bin/env bash
# Install what is missing to run the demo and the tests. Run again, it finds nothing to do in well under a second.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."

# shellcheck source-path=SCRIPTDIR
{
    . "$here/say.sh"
    . "$here/root.sh"
    . "$here/python.sh"
    . "$here/services.sh"
    . "$here/venv.sh"
}

require_services
venv_is_current || build_venv
if ! code_is_compiled; then
    compile_code
    say "set-up complete"
fi
