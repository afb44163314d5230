# Sourced by `dev`: puts the module, its registration with p11-kit, the command, the library for C, the udev rule and the plugin
# of fwupd in place, and takes them away again. With DESTDIR set everything goes below that folder: for whoever makes a package.
# shellcheck shell=bash

# Where p11-kit looks for the registrations of an administrator, and fwupd for quirks that do not come with it.
p11_kit_modules=/etc/pkcs11/modules
fwupd_quirks=/var/lib/fwupd/quirks.d

# install_all BUILT PREFIX: the files below BUILT, to PREFIX.
install_all() {
    local built=$1 prefix=$2
    places "$prefix"
    put 644 "$module" <"$built/libcrescendo_pkcs11.so"
    put 755 "$command" <"$built/crescendo"
    sed "s|@MODULE@|$module|" "$here/packaging/crescendo.module.in" | put 644 "$registration"
    put 644 "$rule" <"$here/packaging/70-crescendo.rules"
    install_library "$built/lib"
    install_help "$built/crescendo"
    install_plugin "$built/$plugin_file"
    remove_leftovers
    echo "installed: $module $command $library $registration $rule"
    if is_system "$prefix"; then
        reload_rules
        tell_linker
    else
        echo "The system looks elsewhere; an administrator copies"
        echo "    $registration to $p11_kit_modules"
        echo "    $rule to /etc/udev/rules.d"
    fi
}

uninstall_all() {
    local file
    places "$1"
    for file in "$module" "$command" "$registration" "$rule" "$quirk" "${completions[@]}" $(pages_in "$1") \
        $(libraries_in "$1") $(plugins_in "$prefix_plugins"); do
        if [ -e "$root$file" ] || [ -L "$root$file" ]; then
            "${as_root[@]}" rm -f "$root$file"
            echo "removed: $file"
        fi
        [ "${file##*/}" != "$plugin_file" ] || "${as_root[@]}" rmdir "$root${file%/*}" 2>/dev/null || true
    done
    # What is left empty of the folders that only we would have made.
    for file in lib/pkcs11 lib/pkgconfig lib/cmake/{Crescendo,} share/p11-kit/modules share/p11-kit share/fwupd/quirks.d \
        share/fwupd lib/udev/rules.d lib/udev share/man/man1 share/man \
        share/{bash-completion/completions,bash-completion,zsh/site-functions,zsh} \
        share/fish/vendor_completions.d share/fish share; do
        "${as_root[@]}" rmdir "$root$1/$file" 2>/dev/null || true
    done
    if is_system "$1"; then
        reload_rules
        tell_linker
    fi
}

# put MODE PLACE: writes standard input there. What was there is replaced, not changed: it may be in use.
put() {
    "${as_root[@]}" mkdir -p "$(dirname "$root$2")"
    "${as_root[@]}" rm -f "$root$2"
    "${as_root[@]}" tee "$root$2" >/dev/null
    "${as_root[@]}" chmod "$1" "$root$2"
}

# install_library LIB: the library for C and C++, with all that is below LIB; a version that is replaced goes. Programs may
# need one with another number in its soname, which stays.
install_library() {
    local file soname
    soname=$(basename "$(readlink "$1/libcrescendo.so")")
    for file in $(libraries_in "$prefix"); do
        case $file in
        */"$soname" | */"$soname".*) "${as_root[@]}" rm -f "$root$file" ;;
        esac
    done
    for file in crescendo.h crescendo.hpp; do
        put 644 "$prefix/include/$file" <"$here/include/$file"
    done
    for file in $(cd "$1" && find . -type f ! -name '.*' | cut -c 3-); do
        put 644 "$prefix/lib/$file" <"$1/$file"
    done
    for file in "$soname" libcrescendo.so; do
        "${as_root[@]}" ln -sfn "$(readlink "$1/$file")" "$root$prefix/lib/$file"
    done
}

# libraries_in PREFIX: the library for C and C++, of any version, and all that belongs to it.
libraries_in() {
    local file
    for file in "$root$1"/lib/libcrescendo.{a,so{,.[0-9]*}} "$root$1"/lib/pkgconfig/crescendo.pc \
        "$root$1"/lib/cmake/Crescendo/*.cmake "$root$1"/include/crescendo.{h,hpp}; do
        [ ! -e "$file" ] && [ ! -L "$file" ] || echo "${file#"$root"}"
    done
}

# install_help COMMAND: the pages of man(1) and what shells complete, which the command writes itself.
install_help() {
    local pages page shell shells=(bash zsh fish)
    pages=$(mktemp -d)
    "$1" man "$pages" >/dev/null
    for page in "$pages"/*; do
        put 644 "$prefix/share/man/man1/${page##*/}" <"$page"
    done
    rm -rf "$pages"
    for shell in "${!shells[@]}"; do
        "$1" completions "${shells[shell]}" | put 644 "${completions[shell]}"
    done
}

# pages_in PREFIX: our pages of man(1).
pages_in() {
    local file
    for file in "$root$1"/share/man/man1/crescendo{,-*}.1; do
        [ ! -e "$file" ] || echo "${file#"$root"}"
    done
}

# install_plugin FILE: only for a fwupd that the plugin knows, as it would refuse any other.
install_plugin() {
    local version=${fwupd##*/fwupd-} place=$fwupd/$plugin_file
    if [ -z "$fwupd" ]; then
        echo "left out: the plugin of fwupd, which is not installed"
    elif ! known_versions "$1" | grep -qxF "$version"; then
        echo "left out: the plugin of fwupd, which is $version here; the plugin knows $(known_versions "$1" | paste -sd ' ')"
        echo "(\`crescendo firmware update\` needs no fwupd)"
    else
        is_system "$prefix" || place=$prefix/lib/fwupd-$version/$plugin_file
        put 644 "$place" <"$1"
        put 644 "$quirk" <"$here/fwupd-plugin/data/crescendo.quirk"
        echo "installed: $place $quirk"
        if is_system "$prefix"; then
            echo "A fwupd that runs already takes it up after: systemctl restart fwupd"
        else
            echo "fwupd looks into folders of its own alone; an administrator copies"
            echo "    $place to $fwupd"
            echo "    $quirk to $fwupd_quirks"
        fi
    fi
}

# The plugin says itself which versions of fwupd it knows.
known_versions() {
    grep -aoE 'crescendo-fwupd knows fwupd [0-9. ]+;' "$1" | sed 's/.*fwupd //; s/;//' | tr ' ' '\n' | sort -u
}

# After an update of fwupd its old folder is still there, with nothing but our plugin in it.
remove_leftovers() {
    local file
    for file in $(plugins_in /usr); do
        if [ "${file%/*}" != "$fwupd" ] && [ ! -e "${file%/*}/libfwupdplugin.so" ]; then
            "${as_root[@]}" rm -f "$root$file"
            "${as_root[@]}" rmdir "$root${file%/*}" 2>/dev/null || true
            echo "removed: $file, of a fwupd that is gone"
        fi
    done
}

# plugins_in PREFIX: our plugin in the folder of any version of fwupd.
plugins_in() {
    local file
    for file in "$root$1"/lib{,64}{,/*}/fwupd-[0-9]*/"$plugin_file"; do
        [ ! -e "$file" ] || echo "${file#"$root"}"
    done
}

reload_rules() {
    if [ -z "$root" ] && [ -e /run/udev/control ]; then
        "${as_root[@]}" udevadm control --reload || echo "udev has not read its rules anew; it will when it starts next"
    fi
}

# Programs find a library below /usr/local by what ldconfig has written down.
tell_linker() {
    local ldconfig
    ldconfig=$(PATH=$PATH:/sbin:/usr/sbin command -v ldconfig) || return 0
    [ -n "$root" ] || "${as_root[@]}" "$ldconfig"
}

is_system() {
    case $1 in
    /usr | /usr/local) true ;;
    *) false ;;
    esac
}

# places PREFIX: where everything goes. Only a prefix of the system is registered for the system.
places() {
    local folder
    root=${DESTDIR:-} prefix=$1
    module=$1/lib/pkcs11/libcrescendo_pkcs11.so command=$1/bin/crescendo library=$1/lib/libcrescendo.so
    rule=$1/lib/udev/rules.d/70-crescendo.rules
    completions=("$1/share/bash-completion/completions/crescendo" "$1/share/zsh/site-functions/_crescendo"
        "$1/share/fish/vendor_completions.d/crescendo.fish")
    registration=$1/share/p11-kit/modules/crescendo.module quirk=$1/share/fwupd/quirks.d/crescendo.quirk
    plugin_file=libfu_plugin_crescendo.so prefix_plugins=$1 fwupd=
    if is_system "$1"; then
        registration=$p11_kit_modules/crescendo.module quirk=$fwupd_quirks/crescendo.quirk
        # fwupd has one place for plugins, whatever the prefix of ours.
        prefix_plugins=/usr
    fi
    for folder in /usr/lib{,64}{,/*}/fwupd-[0-9]*; do
        [ ! -e "$folder/libfwupdplugin.so" ] || fwupd=$folder
    done
}
