#!/bin/bash
# Debian's kernel and a small initial filesystem, for guests in QEMU.
#
#   kernel.sh FOLDER          makes FOLDER/vmlinuz and FOLDER/initrd.zst, unless they are there and of the newest package
#
# The package is unpacked, never installed; of its modules only what a guest loads is kept. Without a network a kernel
# that is there already is good enough.
set -euo pipefail

folder=$1
here=$(dirname "$(realpath "$0")")
# In the order in which they are loaded; what they need is found.
modules=(virtio_pci 9pnet_virtio 9p overlay hid-generic usbhid uhid vhci-hcd)

main() {
    mkdir -p "$folder"
    work=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # The lists of packages may be older than what the archive still has.
    find_package && { is_made || download; } || { refresh && find_package && { is_made || download; }; } || stay
    is_made && return
    unpack "$work"
    pack "$work" "${package#linux-image-}"
    made_of >"$work/made/made-of"
    rm -rf "$folder"
    mv "$work/made" "$folder"
}

# Sets `package` and `version`: the newest there is.
find_package() {
    package=$(apt-cache depends linux-image-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
    version=$(apt-cache policy "$package" 2>/dev/null | sed -n 's/^ *Candidate: //p')
    [ -n "$package" ]
}

# The package, and the scripts that make something of it.
made_of() {
    echo "$package $version $(cat "$here/kernel.sh" "$here/init" | sha256sum | cut -c 1-16)"
}

is_made() {
    [ "$(cat "$folder/made-of" 2>/dev/null)" = "$(made_of)" ]
}

download() {
    (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$package=$version" >/dev/null)
}

refresh() {
    [ "$(id -u)" = 0 ] && apt-get update -qq
}

stay() {
    [ -e "$folder/made-of" ] || { echo "no kernel for the guests: it cannot be had" >&2 && exit 1; }
    echo "note: no newer kernel can be had; the guests keep $(cut -d ' ' -f 1,2 "$folder/made-of")"
    exit 0
}

unpack() {
    mkdir "$1/tree"
    dpkg --fsys-tarfile "$1"/linux-image-*.deb | tar x -C "$1/tree" --wildcards './boot/vmlinuz*' \
        './lib/modules/*/modules.*' './lib/modules/*/kernel/drivers/'{hid,usb,virtio}'/*' \
        './lib/modules/*/kernel/net/9p/*' './lib/modules/*/kernel/fs/'{9p,overlayfs,fscache,netfs}'/*'
}

# pack FOLDER RELEASE: what QEMU is given.
pack() {
    local initial=$1/initial module path
    mkdir -p "$1/made" "$initial/modules"
    depmod -b "$1/tree" "$2"
    for module in "${modules[@]}"; do
        modprobe -d "$1/tree" -S "$2" --show-depends "$module" | sed -n 's/^insmod //p'
    done | awk '!seen[$1]++ { print $1 }' >"$1/order"
    while read -r path; do
        cp "$path" "$initial/modules/"
        basename "$path"
    done <"$1/order" >"$initial/modules/order"
    cp /bin/busybox "$here/init" "$initial/"
    chmod 755 "$initial/init"
    (cd "$initial" && find . | cpio -o -H newc --quiet --owner 0:0 | zstd -q -3) >"$1/made/initrd.zst"
    cp "$1/tree/boot/vmlinuz-$2" "$1/made/vmlinuz"
}

main
