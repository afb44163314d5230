# The virtual USB key on a real kernel: its firmware is updated by our command through hidraw, by the person at the
# machine, and its card is used through libccid and pcscd before and after.
source /guest/tests/lib.sh
source /guest/tests/key.sh

serial=00112233445566778899aabbccddeeff
other=ffeeddccbbaa99887766554433221100

main() {
    prepare
    the_key_is_what_it_says
    a_stranger_reads_what_it_is
    only_the_person_may_open_it
    the_card_signs before
    nothing_is_done_where_two_keys_may_be_meant
    an_update_wants_the_button_and_comes_back_twice
    the_card_signs after
    stop_pcscd
    ctrl_c_before_writing_changes_nothing
    ctrl_c_while_writing_stops_and_the_next_run_goes_on
    a_key_pulled_while_writing_is_finished_by_the_next_run
    start_pcscd
    a_process_uses_the_card_before_and_after_a_replug
    another_card_after_a_replug_is_not_taken_for_the_old_one
    the_other_key_was_left_alone
    step "done"
}

prepare() {
    step "two keys are plugged in, and a person sits at the machine"
    cp 70-crescendo.rules /etc/udev/rules.d/
    udevadm control --reload
    a_seat
    trust_the_vendor
    image 2.0.0 2 30000 small.img
    image 2.1.0 3 100000 large.img
    image 2.2.0 4 40000 last.img
    start_pcscd
    plug_in other "$other" --button manual --absent
    plug_in first "$serial" --button manual
    ctl other info >other.before
}

the_key_is_what_it_says() {
    step "the kernel and hidapi see what it is"
    local device
    device=$(dirname "$(grep -li "$serial" /sys/bus/usb/devices/*/serial)")
    cat "$device"/{idVendor,idProduct,manufacturer,product,bcdDevice,serial} >usb
    as_person crescendo firmware info --json >info.json
    as_person crescendo firmware info >info.txt
    says info.txt "$serial"
    hid >hid.txt
    crescendo devices >devices.txt
}

a_stranger_reads_what_it_is() {
    step "libfido2 lists the keys and reads what they are"
    as_person fido2-token -L >fido2.list
    local node
    node=$(sed -n 's/^\([^:]*\):.*/\1/p' fido2.list | head -n 1)
    as_person fido2-token -I "$node" >fido2.info
    says fido2.info "FIDO_2_1"
}

only_the_person_may_open_it() {
    step "nobody else may open it"
    setpriv --reuid 1001 --regid 1001 --clear-groups env HOME=/tmp/nobody crescendo firmware info >nobody.info
    says nobody.info "this user may not open the key"
}

nothing_is_done_where_two_keys_may_be_meant() {
    step "two keys may be meant, and none is touched"
    local status=0
    as_person crescendo firmware update small.img >ambiguous 2>&1 || status=$?
    [ "$status" = 4 ] || fail "exit status $status"
    says ambiguous "$serial"
    says ambiguous "$other"
}

the_card_signs() {
    step "the card signs through libccid and our module: $1 the update"
    wait_for 20 there_is_a_token
    pkcs11 --list-slots >"slots.$1"
    signs_with 9a "$1"
    ssh-keygen -D "$files/libcrescendo_pkcs11.so" >"ssh.$1"
    crescendo devices --json >"devices.$1"
}

# signs_with CERTIFICATE WORDS: openssl accepts what 9A signs, by that certificate.
signs_with() {
    local public
    public=$(openssl x509 -inform DER -in "$1.der" -noout -pubkey)
    echo "what is to be signed, $2" >data
    pkcs11 --login --pin 123456 --sign --id 01 -m SHA256-RSA-PKCS --input-file data --output-file signature
    openssl dgst -sha256 -verify <(echo "$public") -signature signature data
}

there_is_a_token() {
    pkcs11 --list-token-slots | grep -q "Crescendo Test Holder"
}

an_update_wants_the_button_and_comes_back_twice() {
    step "an update: the button, update mode, the new firmware"
    local seen
    seen=$(dmesg | wc -l)
    as_person crescendo firmware update --json --device "$serial" small.img >update.json 2>update.err &
    wait_for 30 grep -q press-button update.json
    # Whoever looks meanwhile does not disturb.
    as_person crescendo firmware info >while-waiting.info
    says while-waiting.info "another program is using it"
    the_card_rests
    ctl first press
    wait $! || fail "exit status $? $(cat update.err)"
    dmesg | tail -n "+$((seen + 1))" | grep -o 'idVendor=1209, idProduct=000.' >enumerated
    runs 2.0.0+0 normal
}

# runs VERSION MODE: what the key itself says, asked by us and by its control socket.
runs() {
    ctl first info >now
    says now "$1"
    says now "$2"
}

ctrl_c_before_writing_changes_nothing() {
    step "Ctrl-C while it waits for the button"
    on_terminal stopped-early firmware update --device "$serial" large.img
    wait_for 30 grep -q "press the button" stopped-early
    interrupt
    ended 7
    runs 2.0.0+0 normal
    crescendo firmware info --device "$serial" >stopped-early.info
    never grep -q interrupted stopped-early.info
}

ctrl_c_while_writing_stops_and_the_next_run_goes_on() {
    step "Ctrl-C while it writes"
    on_terminal stopped firmware update --device "$serial" large.img
    wait_for 30 grep -q "press the button" stopped
    ctl first press
    wait_for 30 grep -q "writing" stopped
    interrupt
    ended 7
    as_person crescendo firmware info --device "$serial" >stopped.info
    says stopped.info "in update mode"
    hid >hid.update
    step "and the next run goes on there, without the button"
    as_person crescendo firmware update --json --device "$serial" large.img >resumed.json
    runs 2.1.0+0 normal
}

a_key_pulled_while_writing_is_finished_by_the_next_run() {
    step "the key is pulled while it is written to"
    local update
    as_person crescendo firmware update --json --device "$serial" last.img >pulled.json 2>pulled.err &
    update=$!
    wait_for 30 grep -q press-button pulled.json
    # Of some 800 reports, the last 700 are the image.
    ctl first fault report 400 unplug
    ctl first press
    never wait "$update"
    step "and is finished by the next run"
    ctl first plug
    wait_for 10 seen_as_a_key "$serial"
    runs 2.1.0+0 normal
    as_person crescendo firmware update --json --device "$serial" last.img >finished.json 2>finished.err &
    update=$!
    wait_for 30 grep -q press-button finished.json
    ctl first press
    wait "$update" || fail "exit status $? $(cat finished.err)"
    runs 2.2.0+0 normal
}

a_process_uses_the_card_before_and_after_a_replug() {
    step "a process signs, sees the key go and come back, and signs again"
    reinsert "$files/libcrescendo_pkcs11.so" 123456 >reinserted 2>&1 &
    wait_for 20 grep -q '^signed' reinserted
    ctl first unplug
    wait_for 20 grep -q gone reinserted
    ctl first plug
    wait $! || fail "$(cat reinserted)"
    says reinserted "signed again"
}

# The reader has the same name, and has seen as many cards: only the address on the bus is another one.
another_card_after_a_replug_is_not_taken_for_the_old_one() {
    step "the key comes back with another key pair"
    the_card_rests
    ctl first unplug
    wait_for 20 there_is_no_token
    ctl first replace 9A new-key
    ctl first plug
    wait_for 20 there_is_a_token
    signs_with 9a-new-key "by the new key"
}

there_is_no_token() {
    ! there_is_a_token
}

the_other_key_was_left_alone() {
    step "the other key is as it was"
    ctl other info >other.after
    cmp other.before other.after
    dmesg >dmesg
}

main
