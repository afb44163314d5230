# Sourced after lib.sh: virtual USB keys, images for them, and the person at the machine.
# shellcheck shell=bash

files=/guest/files
PATH=$files:$files/examples:$PATH
keys=/run/keys
person=1000
to_person=(setpriv --reuid "$person" --regid "$person" --clear-groups env HOME=/tmp/home TERM=linux)

# plug_in NAME SERIAL [SWITCH OF `crescendo-sim vhci` ...]: a key of its own, and udev has seen it.
plug_in() {
    local name=$1 serial=$2 before
    shift 2
    before=$(nodes)
    mkdir -p "$keys"
    crescendo-sim vhci --control "$keys/$name" --log "$name.log" --serial "$serial" "$@" \
        >"$name.said" 2>&1 </dev/null &
    wait_for 10 test -S "$keys/$name"
    wait_for 10 more_nodes_than "$before"
    udevadm settle --timeout=10
}

# ctl NAME WORDS ...: tells a key something, or asks it.
ctl() {
    local answer name=$1
    shift
    answer=$(crescendo-sim ctl "$keys/$name" "$@") || fail "$name: $answer"
    echo "${answer#ok}"
}

nodes() {
    local all=(/dev/hidraw*)
    [ -e "${all[0]}" ] && echo "${#all[@]}" || echo 0
}

more_nodes_than() {
    [ "$(nodes)" -gt "$1" ]
}

# The person at the machine: a rule that asks for `uaccess` opens a device to them, without a login daemon.
a_seat() {
    mkdir -p /run/systemd/seats /tmp/home
    printf 'ACTIVE=1\nACTIVE_UID=%s\n' "$person" >/run/systemd/seats/seat0
    chown "$person:$person" /tmp/home
}

# as_person COMMAND ...: a program of ours or another, as the person at the machine.
as_person() {
    "${to_person[@]}" "$@"
}

# trust_the_vendor: this machine takes images that are signed with the key that the virtual keys trust.
trust_the_vendor() {
    mkdir -p /etc/crescendo/firmware-keys.d
    crescendo-sim firmware-key >/tmp/vendor.pem
    crescendo-sim firmware-key --public >/etc/crescendo/firmware-keys.d/vendor.pem
}

# image VERSION COUNTER BYTES FILE
image() {
    head -c "$3" /dev/urandom >/tmp/payload
    crescendo firmware sign --key /tmp/vendor.pem --model org.crescendo.reference-key --version "$1" \
        --counter "$2" --bootloader 1.0.0 --hardware 1 --force /tmp/payload "$4" >/dev/null
}

# on_terminal LOG WORD ...: our command, as the person, at a terminal whose screen is kept; `interrupt` presses Ctrl-C
# there, and `ended STATUS` waits for its end.
on_terminal() {
    local log=$1
    shift
    mkfifo "/tmp/$log.keyboard"
    script --quiet --return --flush --command "${to_person[*]} crescendo $*" "$log" <"/tmp/$log.keyboard" >/dev/null &
    at_terminal=$!
    exec {keyboard}>"/tmp/$log.keyboard"
}

interrupt() {
    printf '\003' >&"$keyboard"
}

ended() {
    local status=0
    wait "$at_terminal" || status=$?
    exec {keyboard}>&-
    [ "$status" = "$1" ] || fail "it ended with $status, not $1"
}

# seen_as_a_key SERIAL: udev is through with its FIDO interface.
seen_as_a_key() {
    as_person crescendo firmware info --json | grep -q "$1"
}

# pcscd for readers on USB alone, and its driver knows the virtual key: it takes what libccid lists, and nothing by its class.
start_pcscd() {
    local pair
    grep -q "Virtual Crescendo Key" /etc/libccid_Info.plist ||
        for pair in ifdVendorID=0x1209 ifdProductID=0x0001 ifdFriendlyName="Virtual Crescendo Key"; do
            sed -i "/<key>${pair%%=*}<\/key>/,/<array>/s|<array>|<array>\n<string>${pair#*=}</string>|" \
                /etc/libccid_Info.plist
        done
    start_pcscd_as_shipped
}

# The machine's own readers may be virtual: they are left out.
start_pcscd_as_shipped() {
    mkdir -p /run/pcscd /tmp/readers
    pcscd --foreground --info --config /tmp/readers >>pcscd.log 2>&1 </dev/null &
    pcscd=$!
    wait_for 10 test -S /run/pcscd/pcscd.comm
}

stop_pcscd() {
    kill "$pcscd"
    wait "$pcscd" || true
    rm -rf /run/pcscd
}

# the_card_rests: pcscd has taken its power, 5 seconds after its last use. One that is pulled before that is now and then
# not noticed by pcscd 1.9.9, which then keeps its reader for ever.
the_card_rests() {
    wait_for 30 card_is_off
}

card_is_off() {
    grep 'action: Power' pcscd.log | tail -n 1 | grep PowerDown
}

pkcs11() {
    pkcs11-tool --module "$files/libcrescendo_pkcs11.so" "$@"
}
