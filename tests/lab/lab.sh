#!/bin/bash
# One lab: a pcscd of its own with a virtual card in its reader, for as long as standard input stays open.
#
#   lab.sh FOLDER SIM [OPTION OF `crescendo-sim vpcd` ...]        as root
#
# Clients need only PCSCLITE_CSOCK_NAME=FOLDER/run/pcscd.comm; `SIM ctl FOLDER/control ...` plays with the card.
# FOLDER/pcscd.log and FOLDER/card.log tell what happened. Every line said is `note TEXT`, `inside COMMAND` (how to
# run a program where only this lab's loopback exists), or the answer to a command: `ready` or `failed WHY`.
# FOLDER/anchors.pem vouches for the card over contactless: CRESCENDO_VCI_ANCHORS.
# Commands, a line each: `pull`, `insert`, `contact`, `contactless` (to such a reader; answered when pcscd has noticed),
# `restart` (of pcscd).
#
# `dev` and the Rust tests start labs with this script, and with nothing else. vpcd listens on all interfaces, so
# pcscd gets a network namespace with nothing but loopback in it; and its socket has a fixed name, so it gets a
# mount namespace too. Several labs run at once that way, beside the system's own pcscd.
set -euo pipefail

folder=$(realpath "$1") sim=$2
shift 2
owner=$(stat -c %u "$folder") group=$(stat -c %g "$folder")
port=35963
driver=/usr/lib/pcsc/drivers/serial/libifdvpcd.so
namespaces= card= pcscd=
enter=() inside=(env)

# Whoever started us ends us by closing standard input; Ctrl-C reaches us too, and would come too early.
# Children die with us, however we die: `setpriv --pdeathsig`.
trap '' INT
trap stop EXIT

main() {
    install -d -o "$owner" -g "$group" "$folder/run" "$folder/conf"
    : >"$folder/pcscd.log"
    "$sim" anchor >"$folder/anchors.pem"
    own_namespaces || shared_machine
    write_reader_conf
    echo "inside ${inside[*]}"
    start_pcscd
    start_card "$@"
    case " $* " in *" --absent "*) wait_for_log "daemon ready" 1 ;; *) wait_for_log "Card inserted" 1 ;; esac
    echo ready
    while read -r command; do
        answer "$command"
    done
}

answer() {
    local seen
    case $1 in
    pull | insert | contact | contactless)
        local words="Card inserted"
        [ "$1" != pull ] || words="Card Removed"
        seen=$(count "$words")
        "$sim" ctl "$folder/control" "$1" >/dev/null
        wait_for_log "$words" $((seen + 1))
        ;;
    restart)
        seen=$(count "Card inserted")
        end "$pcscd"
        rm -f "$socket" "${socket%/*}/pcscd.pid"
        start_pcscd
        wait_for_log "Card inserted" $((seen + 1))
        ;;
    *) echo "failed unknown command $1" && return ;;
    esac
    echo ready
}

# A sleeping process holds the namespaces, so that pcscd can be restarted in them.
own_namespaces() {
    mkdir -p /run/pcscd
    local up=
    exec {holder}< <(
        exec unshare --mount --net setpriv --pdeathsig TERM sh -c \
            'mount --bind "$1" /run/pcscd && ip link set lo up && echo up && exec sleep infinity' - "$folder/run" 2>&1
    )
    namespaces=$!
    read -r -u "$holder" up || true
    if [ "$up" = up ]; then
        enter=(nsenter --target "$namespaces" --mount --root --net)
        inside=(nsenter --target "$namespaces" --net --)
        socket=$folder/run/pcscd.comm
        return
    fi
    namespaces=
    echo "note no namespaces here (${up:-unshare failed}): one lab at a time, and vpcd listens on every interface"
    return 1
}

# In an unprivileged container: one lab after the other, on the container's own /run/pcscd and on a random port.
shared_machine() {
    exec {lock}>/run/pcscd/crescendo-lab.lock
    flock "$lock"
    local other
    other=$(cat /run/pcscd/pcscd.pid 2>/dev/null || true)
    if [ -n "$other" ] && [ -d "/proc/$other" ]; then
        fail "a pcscd is running already (process $other), and without namespaces there can be only one"
    fi
    socket=/run/pcscd/pcscd.comm
    rm -f "$socket" /run/pcscd/pcscd.pid
    ln -sf "$socket" "$folder/run/pcscd.comm"
    port=$((20000 + RANDOM % 12000))
}

# The driver offers two readers: this port and the next.
write_reader_conf() {
    printf '%s\n' 'FRIENDLYNAME "Virtual PCD"' "DEVICENAME /dev/null:$(printf '0x%X' "$port")" "LIBPATH $driver" \
        "CHANNELID $(printf '0x%X' "$port")" >"$folder/conf/vpcd"
}

start_pcscd() {
    "${enter[@]}" setpriv --pdeathsig TERM pcscd --foreground --info -c "$folder/conf" \
        >>"$folder/pcscd.log" 2>&1 </dev/null {holder}<&- &
    pcscd=$!
    for _ in {1..100}; do
        [ -S "$socket" ] && return
        alive "$pcscd" || break
        sleep 0.05
    done
    fail "pcscd does not start: $(tail -n 3 "$folder/pcscd.log")"
}

# The card belongs to whoever owns the folder: root need not serve the control socket.
start_card() {
    local network=()
    [ -z "$namespaces" ] || network=(nsenter --target "$namespaces" --net)
    "${network[@]}" setpriv --reuid "$owner" --regid "$group" --clear-groups --pdeathsig TERM \
        "$sim" vpcd --port "$port" --control "$folder/control" --log "$folder/card.log" "$@" </dev/null {holder}<&- &
    card=$!
    until [ -S "$folder/control" ]; do
        alive "$card" || fail "the virtual card does not start"
        sleep 0.02
    done
}

count() {
    grep -c "$1" "$folder/pcscd.log" || true
}

# Waits for pcscd to have said something for the n-th time. It looks at the reader every 0.4 s.
wait_for_log() {
    for _ in {1..200}; do
        [ "$(count "$1")" -lt "$2" ] || return 0
        alive "$pcscd" || fail "pcscd ended: $(tail -n 3 "$folder/pcscd.log")"
        [ -z "$card" ] || alive "$card" || fail "the virtual card ended"
        sleep 0.05
    done
    fail "pcscd never said '$1': $(tail -n 3 "$folder/pcscd.log")"
}

alive() {
    kill -0 "$1" 2>/dev/null
}

end() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

stop() {
    end "$card"
    end "$pcscd"
    end "$namespaces"
}

fail() {
    echo "failed $(tr '\n' ' ' <<<"$*")"
    exit 1
}

main "$@"
