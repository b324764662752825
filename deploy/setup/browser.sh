#!/usr/bin/env bash
# What the tests need beyond `make setup`: Chromium, for those of the console's page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/setup/say.sh
. deploy/setup/root.sh

for name in chromium chromium-browser google-chrome google-chrome-stable; do # as tests/browser.py
    ! command -v "$name" > /dev/null || exit 0
done
skipped="the tests of the console's page are skipped"
apt_has_it() { apt-cache show chromium > /dev/null 2>&1; } # Ubuntu has it as a snap only
if ! command -v apt-get > /dev/null || ! { apt_has_it || (apt_update_once) && apt_has_it; }; then
    say "browser: no Chromium is installed, and apt has none; $skipped"
else
    say "browser: installing chromium with apt"
    (apt_install chromium) || say "browser: apt could not install chromium; $skipped"
fi
