# Find a Python that can make our virtual environment. Sourced after say.sh and root.sh.

# Each candidate is run: a pyenv shim exists for versions that it then refuses to start, and Debian's
# python3 lacks ensurepip until python3-venv is installed.
python_works() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' > /dev/null 2>&1
}

# What is named is preferred.
find_python() {
    local candidate
    for candidate in "$@" python3.13 python3.12 python3.14 /usr/bin/python3 python3 \
        /usr/local/bin/python3 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.*/bin/python3; do
        if python_works "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

require_python() {
    if python=$(find_python "$@"); then
        return
    fi
    if command -v apt-get > /dev/null; then
        say "no Python 3.12 or newer with venv and ensurepip: installing python3 and python3-venv with apt"
        apt_install python3 python3-venv || give_up "apt could not install python3 and python3-venv (see above)"
    fi
    python=$(find_python) || give_up "Python 3.12 or newer with the modules venv and ensurepip is needed, and none of" \
        "those on this machine is; install one (https://www.python.org/downloads/) and put it on PATH"
}
