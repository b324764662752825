#!/bin/sh
# Refuse passwords that nobody should use, or that no URL can hold, before the image gives them to a new database: it
# does so once, when its volume is empty. Then become the image's own entry point.
#   POSTGRES_PASSWORD, WRITER_PASSWORD, READER_PASSWORD   of the owner, ub_writer and ub_reader
set -eu

# Look at the password $2 of setting $1.
check() {
    case $2 in
        change-me)
            echo "$1 is still change-me; choose a password of your own (openssl rand -hex 24). Where the database was" \
                "made with it, change it there, too: docs/operations.md, Roles and passwords" >&2
            exit 1
            ;;
        *[][/?#@%:]* | *[[:space:]]*)
            echo "$1 has a character that means something else in a URL, of which the password becomes a part;" \
                "choose letters and digits (openssl rand -hex 24)" >&2
            exit 1
            ;;
    esac
}

check POSTGRES_PASSWORD "${POSTGRES_PASSWORD:?is not set}"
check WRITER_PASSWORD "${WRITER_PASSWORD:?is not set}"
check READER_PASSWORD "${READER_PASSWORD:?is not set}"

exec docker-entrypoint.sh "$@"
