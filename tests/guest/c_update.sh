# The example ffi/examples/update.cpp, under sanitizers, through a real hidraw: it finds the key, shows the request for the button,
# updates, and Ctrl-C leaves the key well. A sanitizer that finds anything, a leak too, makes it end with 99.
source /guest/tests/lib.sh
source /guest/tests/key.sh

serial=00112233445566778899aabbccddeeff
other=ffeeddccbbaa99887766554433221100
export ASAN_OPTIONS=exitcode=99:detect_leaks=1

main() {
    prepare
    step "without a key"
    update none small.img
    ends 1
    plug_in first "$serial" --button manual
    wait_for 10 seen_as_a_key "$serial"
    the_button_is_shown_and_pressed
    ctrl_c_at_the_button
    ctrl_c_while_writing
    two_keys
    a_device_is_updated_and_read_anew
    step "done"
}

prepare() {
    step "a person sits at the machine"
    install -m 755 update device_update /tmp
    cp 70-crescendo.rules /etc/udev/rules.d/
    udevadm control --reload
    a_seat
    trust_the_vendor
    image 2.0.0 2 10000 small.img
    image 2.1.0 3 60000 large.img
    image 2.2.0 4 10000 last.img
}

# update LOG WORD ...: the example, as the person, in the background; `ends STATUS` waits for it.
update() {
    begin "$1" /tmp/update "${@:2}"
}

# begin LOG COMMAND ...: with the library from where the guest has it, which is not where the program was linked.
begin() {
    log=$1
    "${to_person[@]}" LD_LIBRARY_PATH="$files/lib" "${@:2}" >"$log" 2>&1 &
    program=$!
}

ends() {
    local status=0
    wait "$program" || status=$?
    [ "$status" = "$1" ] || { cat "$log" >&2 && fail "it ended with $status, not $1"; }
}

the_button_is_shown_and_pressed() {
    step "an update"
    update updated small.img
    wait_for 30 grep -q "press the button" updated
    ctl first press
    ends 0
    runs 2.0.0+0 normal
}

runs() {
    ctl first info >now
    says now "$1"
    says now "$2"
}

ctrl_c_at_the_button() {
    step "Ctrl-C while it waits for the button"
    update early large.img
    wait_for 30 grep -q "press the button" early
    kill -INT "$program"
    ends 130
    runs 2.0.0+0 normal
}

ctrl_c_while_writing() {
    step "Ctrl-C while it writes"
    update stopped large.img "$serial"
    wait_for 30 grep -q "press the button" stopped
    ctl first press
    wait_for 30 grep -q "bytes; leave" stopped
    kill -INT "$program"
    ends 130
    ctl first info >now
    says now update
    step "and the next run goes on there, without the button"
    update resumed large.img "$serial"
    ends 0
    runs 2.1.0+0 normal
}

two_keys() {
    step "two keys may be meant, and none is touched"
    plug_in other "$other" --button manual --absent
    wait_for 10 seen_as_a_key "$other"
    ctl other info >other.before
    update ambiguous --reinstall large.img
    ends 1
    ctl other info >other.after
    cmp other.before other.after
}

a_device_is_updated_and_read_anew() {
    step "the key of a device with a card, of two keys, and the card is used before and after"
    start_pcscd
    wait_for 20 there_is_a_card
    begin device /tmp/device_update last.img
    wait_for 30 grep -q "step 2" device
    the_card_rests
    ctl first press
    ends 0
    ctl other info >other.after
    cmp other.before other.after
}

there_is_a_card() {
    crescendo devices --json | grep -q recognised
}

main
