# `crescendo doctor` and the udev rule on a real kernel: who may open a key, by which rule, and that what the doctor says
# to do helps.
source /guest/tests/lib.sh
source /guest/tests/key.sh

serial=00112233445566778899aabbccddeeff
updating=ffeeddccbbaa99887766554433221100
rules=/usr/local/lib/udev/rules.d

main() {
    step "a key that pcscd's driver has never heard of, and a person at the machine; nothing of ours is installed"
    a_seat
    start_pcscd_as_shipped
    plug_in first "$serial"
    doctor unknown

    step "what the doctor says to do about its reader is done; another key, in update mode"
    stop_pcscd
    do_what_it_says
    start_pcscd_as_shipped
    plug_in second "$updating" --firmware none --absent
    wait_for 20 sees_the_card
    doctor bare

    step "what it says to do is done"
    mkdir -p "$rules"
    cp 70-crescendo.rules "$rules"
    udevadm control --reload && udevadm trigger --subsystem-match=hidraw
    udevadm settle --timeout=10
    doctor ruled
    elsewhere

    step "USB ids that an administrator adds count for udev and for the command"
    sed -i '/idProduct}=="0002"/d' "$rules/70-crescendo.rules"
    applied
    doctor forgotten
    mkdir -p /etc/crescendo
    printf '# ours\n 1209:0002  # the second one\n1209:3\n' >/etc/crescendo/update-mode-ids
    applied
    doctor added
    dmesg >dmesg
}

# doctor NAME: as the person, who may be told of problems.
doctor() {
    as_person crescendo doctor --json >"$1.json" || [ $? = 1 ]
}

# What it tells root to do about pcscd's driver. Starting pcscd again is left to a person: there is no systemd.
do_what_it_says() {
    (crescendo doctor || [ $? = 1 ]) | sed -n 's/^ *→ \(sed .*\)/\1/p' >remedy
    says remedy libccid_Info.plist
    bash -e remedy
}

# Somebody who does not sit at the machine.
elsewhere() {
    setpriv --reuid 1001 --regid 1001 --clear-groups env HOME=/tmp/nobody crescendo doctor --json >elsewhere.json ||
        [ $? = 1 ]
}

# From nothing: a tag once given stays.
applied() {
    udevadm control --reload
    ctl second unplug
    wait_for 10 one_node_is_left
    ctl second plug
    wait_for 10 more_nodes_than 1
    udevadm settle --timeout=10
}

one_node_is_left() {
    [ "$(nodes)" -eq 1 ]
}

sees_the_card() {
    as_person crescendo devices | grep -q "Crescendo C4000-KEY"
}

main
