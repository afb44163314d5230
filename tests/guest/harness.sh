# Shows that the harness works: what is there, and that a failure is told as one.
#
#   harness.sh STATUS
source /guest/tests/lib.sh

step "the shares are there, and only the results can be written to"
[ -x /guest/files/crescendo-sim ]
never touch /guest/files/new 2>/dev/null
never touch /guest/tests/new 2>/dev/null
touch /root-of-the-guest
cat given >kept

step "a device can be plugged in, and is seen by udev"
[ -w /sys/devices/platform/vhci_hcd.0/attach ]
[ -c /dev/uhid ]
wait_for 5 udevadm control --ping
sed -n 's/^PRETTY_NAME=//p' /etc/os-release >>kept

step "and ends with $1"
exit "$1"
