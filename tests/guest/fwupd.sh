# Debian 13's fwupd updates keys from a remote of our own: the daemon, a signed cabinet, a real kernel.
#
#   given: served.tar and disk.tar (what make-remote made), newer.cab (as on the disk), crescendo.quirk, busybox
# shellcheck shell=bash
source /guest/tests/lib.sh
source /guest/tests/key.sh

first=0123456789abcdef0000000000000001
second=0123456789abcdef0000000000000002
state=/var/lib/fwupd

# What `./dev install` places, and what make-remote wants on each machine.
install_plugin() {
    cp "$files/libfu_plugin_crescendo.so" /usr/lib/x86_64-linux-gnu/fwupd-2.0.20/
    mkdir -p $state/quirks.d /run/dbus
    cp crescendo.quirk $state/quirks.d/
    remote served
    sed -i s/^Enabled=true/Enabled=false/ /etc/fwupd/remotes.d/lvfs.conf
}

remote() {
    mkdir -p "/srv/$1"
    tar -C "/srv/$1" -xf "$1.tar"
    cp -r "/srv/$1/client/etc" /
}

start_daemon() {
    started=$((${started:-0} + 1))
    /usr/libexec/fwupd/fwupd --verbose >"daemon-$started.log" 2>&1 </dev/null &
    daemon=$!
    wait_for 60 grep -q "ready for requests" "daemon-$started.log"
}

# on_screen LOG WORD ...: fwupdmgr as a person sees it, at a terminal: only there it asks for buttons.
on_screen() {
    local log=$1
    shift
    timeout 90 script --quiet --return --flush --command "fwupdmgr --no-reboot-check --no-unreported-check -y $*" \
        "$log" </dev/null >/dev/null
}

# device SERIAL: the id that fwupd gave the key.
device() {
    fwupdmgr get-devices --json 2>/dev/null | tr -d ' ",' |
        awk -F: -v serial="$1" '$1 == "DeviceId" { id = $2 } $1 == "Serial" && $2 == serial { print id }'
}

is_there() {
    [ -n "$(device "$1")" ]
}

is_tagged() {
    fwupdmgr get-devices --filter emulation-tag --json 2>/dev/null | grep -q $first
}

# The person who presses the button once the key asks for it.
press_when_asked() {
    wait_for 30 asks "$1"
    ctl "$1" press >/dev/null
}

asks() {
    [[ $(ctl "$1" led) == *update-presence* ]]
}

is_unconfirmed() {
    [[ $(ctl "$1" info) == *"mode=normal firmware=3.0.0+0 good=2.0.0+0 "*"flags=02"* ]]
}

runs() {
    local info
    info=$(ctl "$1" info)
    [[ $info == *"mode=normal firmware=$2+0 good=$2+0 "*"flags=00"* ]] || fail "$1: $info, and not $2"
}

step "two keys"
install_plugin
plug_in first $first --button manual
plug_in second $second --button manual

step "fwupd"
dbus-daemon --system --fork
install -m 755 busybox /tmp
/tmp/busybox httpd -p 127.0.0.1:80 -h /srv/served
start_daemon

step "the remote"
fwupdmgr refresh --force >refresh.log 2>&1 || { cat refresh.log && fail "refresh"; }
fwupdmgr get-updates --json >updates.json 2>get-updates.log
fwupdmgr get-devices --json >devices.json 2>/dev/null

step "the first key"
press_when_asked first &
on_screen update.log "update $(device $first)" || { cat update.log && fail "update"; }
says update.log "Press the button of the key within 30 seconds."
runs first 2.0.0
runs second 1.0.0

step "the second key, unplugged while it is written"
press_when_asked second &
ctl second fault report 250 unplug >/dev/null
! on_screen unplugged.log "update $(device $second)" || fail "an update of a key that is gone"
ctl second info
ctl second fault none >/dev/null
ctl second plug >/dev/null
wait_for 20 is_there $second
runs first 2.0.0

step "and once more"
press_when_asked second &
on_screen again.log "update $(device $second)" || { cat again.log && fail "update"; }
runs second 2.0.0

step "a daemon that dies before it has confirmed"
press_when_asked second &
on_screen killed.log "local-install newer.cab $(device $second)" &
until is_unconfirmed second; do
    [[ $(ctl second info) != *good=3.0.0* ]] || fail "it was confirmed before anybody could look"
done
kill -KILL $daemon
wait_for 20 is_unconfirmed second
remote disk
start_daemon
runs second 3.0.0

step "a recording, from a remote on a disk"
fwupdmgr emulation-tag "$(device $first)" >emulation.log 2>&1
ctl first unplug >/dev/null
ctl first plug >/dev/null
wait_for 20 is_tagged
press_when_asked first &
on_screen newer.log "update $(device $first)" || { cat newer.log && fail "update"; }
runs first 3.0.0
fwupdmgr emulation-save update.zip >>emulation.log 2>&1

step "end"
