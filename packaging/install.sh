# Sourced by `dev`: puts the module, its registration with p11-kit and the command in place, and takes them away again.
# shellcheck shell=bash

# Where p11-kit looks for the registrations of an administrator.
p11_kit_modules=/etc/pkcs11/modules

# install_all BUILT PREFIX: the files below BUILT, to PREFIX.
install_all() {
    local built=$1 prefix=$2 module=$2/lib/pkcs11/libcrescendo_pkcs11.so
    places "$prefix"
    "${as_root[@]}" install -D -m 644 "$built/libcrescendo_pkcs11.so" "$module"
    "${as_root[@]}" install -D -m 755 "$built/crescendo" "$prefix/bin/crescendo"
    "${as_root[@]}" mkdir -p "$registrations"
    sed "s|@MODULE@|$module|" "$here/packaging/crescendo.module.in" |
        "${as_root[@]}" tee "$registrations/crescendo.module" >/dev/null
    printf '%s\n' "installed: ${installed[@]}"
    if [ "$registrations" != "$p11_kit_modules" ]; then
        echo "p11-kit reads $p11_kit_modules; to register the module there, an administrator copies crescendo.module."
    fi
}

uninstall_all() {
    local file
    places "$1"
    for file in "${installed[@]}"; do
        if [ -e "$file" ]; then
            "${as_root[@]}" rm -f "$file"
            echo "removed: $file"
        fi
    done
    # What is left empty of the folders that only we would have made.
    "${as_root[@]}" rmdir "$1/lib/pkcs11" "$1/share/p11-kit/modules" "$1/share/p11-kit" 2>/dev/null || true
}

# Sets `installed`, every file there is, and `registrations`. Only a prefix of the system is registered for the system.
places() {
    registrations=$1/share/p11-kit/modules
    case $1 in
    /usr | /usr/local) registrations=$p11_kit_modules ;;
    esac
    installed=("$1/lib/pkcs11/libcrescendo_pkcs11.so" "$1/bin/crescendo" "$registrations/crescendo.module")
}
