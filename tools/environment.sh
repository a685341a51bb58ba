#!/usr/bin/env bash
# Make .venv hold what a requirements file lists; do nothing if it does already.
#
#   tools/environment.sh requirements.txt [chromium]
#
# With `chromium`, a Chromium or Chrome for the browser tests is looked for and installed as well.
# PYTHON names the Python that a new environment is made with (python3 by default).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
venv=.venv
requirements=${1:?name a requirements file}

fail() {
    echo "error: $*" >&2
    exit 1
}

# Install the first of the named Debian packages that there is: as root, or through sudo.
apt_install() {
    local as_root=(env) package
    command -v apt-get >/dev/null || fail "$1 is missing; install it with your package manager."
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "$1 is missing; as root: apt-get install $1"
        as_root=(sudo env)
    fi
    "${as_root[@]}" apt-get update -qq
    for package in "$@"; do
        echo "Installing $package with apt-get"
        "${as_root[@]}" DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends "$package" && return
    done
    fail "$1 could not be installed with apt-get."
}

make_venv() {
    command -v "$python" >/dev/null ||
        fail "there is no $python; install Python 3.11 or newer, or name one: make PYTHON=..."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version) is too old; name 3.11 or newer: make PYTHON=python3.12"
    # Debian ships venv without pip: that is in a package of its own.
    "$python" -c 'import ensurepip' 2>/dev/null ||
        apt_install "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
}

# The stamp holds the text of the requirements, and is written once all of them are installed.
install_requirements() {
    local stamp=$venv/installed-$requirements
    if ! cat requirements.txt "$requirements" | cmp -s - "$stamp"; then
        echo "Installing $requirements (PyTorch is a large download, once)"
        "$venv/bin/python" -m pip install --disable-pip-version-check -r "$requirements"
        cat requirements.txt "$requirements" >"$stamp"
    fi
}

find_chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome ||
        command -v google-chrome-stable
}

"$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv
install_requirements
if [ "${2:-}" = chromium ] && ! find_chromium >/dev/null; then
    apt_install chromium chromium-browser
    find_chromium >/dev/null || fail "Chromium is still missing; the browser tests need it."
fi
