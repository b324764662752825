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
asked=build/setup/apt-was-asked-for-chromium # Ubuntu has it as a snap only: its lists need not be read each time
apt_has_it() { apt-cache show chromium > /dev/null 2>&1; }
new_lists_have_it() { [ ! -e "$asked" ] && (apt_update_once 2> /dev/null) && apt_has_it; }
if ! command -v apt-get > /dev/null || ! { apt_has_it || new_lists_have_it; }; then
    mkdir -p build/setup
    : > "$asked"
    say "browser: no Chromium is installed, and apt has none; $skipped (apt is asked again without $asked)"
else
    say "browser: installing chromium with apt"
    (apt_install chromium) || say "browser: apt could not install chromium; $skipped"
fi
