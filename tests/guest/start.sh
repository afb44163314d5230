#!/bin/bash
# Process 1 of a guest: makes the system that a script expects, runs it, tells how it ended, and switches off.
#
#   start.sh SCRIPT [ARGUMENT ...]
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root TERM=dumb
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd
mount -t tmpfs -o mode=1777 memory /dev/shm
mount -t tmpfs -o mode=755 memory /run
mount -t tmpfs -o mode=1777 memory /tmp
mkdir -p /run/lock /run/user /run/udev
# fwupd listens to what udev says, not to the kernel; so does whoever asks libudev.
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=hidraw --subsystem-match=usb --subsystem-match=misc
udevadm settle --timeout=20

cd /guest/results
script=$1
shift
(exec bash "/guest/tests/$script" "$@") </dev/null
echo "guest: $script ended with $?"
sync
echo o >/proc/sysrq-trigger
while :; do :; done
