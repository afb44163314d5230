# Sourced by `dev`: a lab for a script, through lab.sh; and servers beside it. `as_root` is an array, empty for root.
# shellcheck shell=bash

lab= lab_memory= lab_in= lab_out= lab_sim=
lab_environment=() inside=() servers=()
# Only root enters namespaces; in there, back to who we are.
as_oneself=(setpriv --reuid "$(id -u)" --regid "$(id -g)" --clear-groups)

# start_lab SIM MODULE [OPTION OF `crescendo-sim vpcd` ...]
# Sets `lab` (a new folder), `lab_environment` (what a client needs) and `inside` (a prefix for programs that are to
# share the lab's loopback).
start_lab() {
    lab_sim=$1
    local module=$2
    shift 2
    lab=$(mktemp -d "${TMPDIR:-/tmp}/crescendo-lab.XXXXXX")
    mkdir -m 700 "$lab/home"
    # Pairing codes are kept in memory only.
    lab_memory=$(mktemp -d /dev/shm/crescendo-lab.XXXXXX)
    mkfifo "$lab/commands"
    exec {lab_out}< <(exec "${as_root[@]}" "$here/tests/lab/lab.sh" "$lab" "$lab_sim" "$@" <"$lab/commands")
    exec {lab_in}>"$lab/commands"
    lab_environment=(
        PCSCLITE_CSOCK_NAME="$lab/run/pcscd.comm" PKCS11_MODULE="$module" PKCS11_MODULE_PATH="$module"
        HOME="$lab/home" XDG_CACHE_HOME="$lab/home" XDG_CONFIG_HOME="$lab/home" XDG_RUNTIME_DIR="$lab_memory"
        XDG_STATE_HOME="$lab/home" CRESCENDO_VCI_ANCHORS="$lab/anchors.pem"
    )
    hear_lab
}

# ask_lab pull|insert|restart: done when pcscd has noticed.
ask_lab() {
    echo "$1" >&"$lab_in"
    hear_lab
}

hear_lab() {
    local word rest
    while read -r -u "$lab_out" word rest; do
        case $word in
        ready) return 0 ;;
        inside) read -r -a inside <<<"$rest" ;;
        note) echo "note: $rest" ;;
        failed) echo "lab: $rest" >&2 && return 1 ;;
        esac
    done
    echo "lab: ended without a word" >&2
    return 1
}

# Ends everything by process id; the end of the lab's output is the end of its last process. Safe to call twice.
stop_lab() {
    local server
    for server in "${servers[@]}"; do
        "${as_root[@]}" kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    servers=()
    if [ -n "$lab_in" ]; then
        exec {lab_in}>&-
        lab_in=
        cat <&"$lab_out" >/dev/null
    fi
    [ -z "$lab" ] || rm -rf "$lab" "$lab_memory"
    lab=
}

# What the card is told or asked: `ctl tries` prints the answer without its `ok`.
ctl() {
    local answer
    answer=$("$lab_sim" ctl "$lab/control" "$@") || { echo "card: $answer" >&2 && return 1; }
    echo "${answer#ok}"
}

apdus() {
    local count
    count=$(ctl count)
    count=${count#*'"apdus":'}
    echo "${count%%,*}"
}

# A program that uses the module: `client pkcs11-tool ...`. The second kind shares the lab's loopback.
client() {
    env "${lab_environment[@]}" timeout 60 "$@"
}
client_inside() {
    "${as_root[@]}" "${inside[@]}" "${as_oneself[@]}" env "${lab_environment[@]}" "$@"
}

# start_server LOG WORDS COMMAND ...: waits for the words in its log.
start_server() {
    local log=$1 words=$2
    shift 2
    "${as_root[@]}" "${inside[@]}" "${as_oneself[@]}" --pdeathsig TERM "$@" >"$log" 2>&1 </dev/null {lab_in}>&- &
    servers+=($!)
    for _ in {1..100}; do
        grep -qs "$words" "$log" && return 0
        kill -0 "${servers[-1]}" 2>/dev/null || [ -n "${as_root[*]}" ] || break
        sleep 0.05
    done
    echo "$1 does not start: $(tail -n 3 "$log")" >&2
    return 1
}
