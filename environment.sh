#!/usr/bin/env bash
# Make an environment from its lock, by the first Python that fits; `make` calls it. What is in the way is one line and its cure.
# usage: bash environment.sh [PYTHON] [FOLDER LOCK SIZE]
set -euo pipefail
folder=${2:-.venv} lock=${3:-requirements.lock} size=${4:-"0.9 GB to download, 3.3 GB on disk, some minutes"}

stop() {
    echo "make: $*" >&2
    exit 1
}

command -v git >/dev/null || stop "git is missing; install it (Debian: apt-get install git)"
if ! said=$(git rev-parse --git-dir 2>&1); then
    case $said in
        *dubious*) stop "this folder belongs to another user, so git does not read it; if you trust it:" \
            "git config --global --add safe.directory '$PWD' (where your home cannot be written:" \
            "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='$PWD')" ;;
        *) stop "DVC needs a git repository, and this folder is none: git init && git add --all && git commit --message start" ;;
    esac
fi
[ -w . ] || stop "$PWD cannot be written by $(id -u); copy the project to a folder of yours"
[ "$(uname -s) $(uname -m)" != "Darwin x86_64" ] ||
    stop "TensorFlow has no package for Macs with an Intel processor any more; use a Linux machine or container"

for python in "${1:-python3}" python3 python3.13 python3.12 python3.11; do
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break
    python=
done
[ "$python" ] || stop "no Python 3.11, 3.12 or 3.13 found; install one, or name it: make PYTHON=/path/to/python3"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    stop "$python has no venv module; install it (Debian: apt-get install python3-venv)"

echo "make: $folder from $lock, with $("$python" --version): $size"
"$python" -m venv --clear "$folder"
pip=$folder/bin/pip
# PIP_USER: a `user = true` of pip's configuration would keep uv out of the environment
PIP_USER=0 $pip install --quiet --disable-pip-version-check "$(grep -o '^uv==[^ ]*' requirements.lock)"

# uv, pinned in the lock like the rest, installs in seconds what pip does in minutes, but reads nothing of pip's configuration
configured() {
    $pip config get "global.$1" 2>/dev/null || $pip config get "install.$1" 2>/dev/null || true
}
index=${PIP_INDEX_URL:-$(configured index-url)}
certificates=${PIP_CERT:-$(configured cert)}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
[ -z "$certificates" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
[ -w "${XDG_CACHE_HOME:-${HOME:-/}}" ] || export UV_CACHE_DIR="${UV_CACHE_DIR:-$PWD/$folder/cache}"
[ -t 2 ] || export UV_NO_PROGRESS=1
# the modules are compiled at once, so that no stage pays for it later
"$folder/bin/uv" pip sync --python "$folder/bin/python" --compile-bytecode --require-hashes "$lock" 2>&1 |
    grep --line-buffered -v '^ [+-] ' >&2 # the list of all packages
pwd -P >"$folder/complete" # the scripts hold the path: moved, or copied with the project, it is made anew
