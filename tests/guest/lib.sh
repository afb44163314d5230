# Sourced by the scripts that run in a guest. A script ends with 0 if all went as it should.
# Its folder is /guest/results, which is kept; /guest/files has the files under test, /guest/tests is this folder.
# shellcheck shell=bash
set -euo pipefail
trap 'echo "failed in line $LINENO: $BASH_COMMAND" >&2' ERR
set -E

# step WORDS ...: what is done next, with the seconds since the guest was switched on.
step() {
    local up
    read -r up _ </proc/uptime
    printf '== %6.1f  %s\n' "$up" "$*"
}

fail() {
    echo "failed: $*" >&2
    exit 1
}

# never COMMAND ...: it has to fail. (A `!` would not end the script.)
never() {
    if "$@"; then fail "this should fail: $*"; fi
}

# wait_for SECONDS COMMAND ...: until the command succeeds.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "this does not come true: $*"
        sleep 0.05
    done
}

# says FILE WORDS: FILE has these words.
says() {
    grep -qF -- "$2" "$1" || { cat "$1" >&2 && fail "$1 does not say '$2'"; }
}
