#!/bin/bash
# Builds libcrescendo: packaging/library.sh [--release]. Makes target/debug/lib, or target/release/lib: all that belongs below
# PREFIX/lib, which is the shared library and its links, the archive, and what pkg-config and CMake look for.
#
# The shared library is linked of the archive: rustc has a version script of its own for what it links itself, and a second one
# with versions in it does not go with that. What a plain `cargo build` makes works too; its symbols have no versions.
set -euo pipefail

here=$(dirname "$(dirname "$(realpath "$0")")")
cd "$here"

# What the archive wants beside it.
beside=(-lpcsclite -lgcc_s -lpthread -lm -ldl)

profile=debug options=()
[ "${1:-}" != --release ] || profile=release options=(--release)
"${CARGO:-cargo}" rustc --quiet "${options[@]}" -p crescendo-ffi --crate-type staticlib
target=$("${CARGO:-cargo}" metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
archive=$target/$profile/libcrescendo.a lib=$target/$profile/lib

# The number of the binary interface, which is a part of the soname; and the version of this release.
abi=$(sed -n 's/.*CRESCENDO_ABI_VERSION: u32 = \([0-9]*\);/\1/p' ffi/src/version.rs)
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
soname=libcrescendo.so.$abi
file=$soname.$version

main() {
    # Tests that are run side by side may all want it.
    mkdir -p "$lib"
    exec {lock}<"$lib"
    flock "$lock"
    local made_of
    made_of="$file $(stat -c '%i %Y' "$archive" packaging/*.in "$0" | paste -sd ' ')"
    [ "$(cat "$lib/.made-of" 2>/dev/null)" != "$made_of" ] || return 0
    work=$(mktemp -d "$target/$profile/lib.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    make_shared
    make_archive
    mkdir -p "$work/pkgconfig" "$work/cmake/Crescendo"
    filled crescendo.pc >"$work/pkgconfig/crescendo.pc"
    filled CrescendoConfig.cmake >"$work/cmake/Crescendo/CrescendoConfig.cmake"
    filled CrescendoConfigVersion.cmake >"$work/cmake/Crescendo/CrescendoConfigVersion.cmake"
    # Each file is replaced at once, and none is changed: a program may be running with it, or starting.
    rm -rf "$lib/.made-of" "$lib/cmake" "$lib/pkgconfig"
    mv -f "$work"/* "$lib"
    find "$lib" -maxdepth 1 -name 'libcrescendo.so.*' ! -name "$soname" ! -name "$file" -delete
    echo "$made_of" >"$lib/.made-of"
}

make_shared() {
    local versions=$target/$profile/libcrescendo.versions strip=()
    printf 'CRESCENDO_%s {\n    global: crescendo_*;\n    local: *;\n};\n' "$abi" >"$versions"
    [ "$profile" = debug ] || strip=(-Wl,--strip-all)
    gcc -shared -o "$work/$file" "-Wl,--version-script=$versions" "-Wl,-soname,$soname" -Wl,--gc-sections "${strip[@]}" \
        -Wl,-z,relro,-z,now,-z,defs -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -Wl,--as-needed "${beside[@]}"
    ln -s "$file" "$work/$soname"
    ln -s "$soname" "$work/libcrescendo.so"
}

# One object that offers our functions and nothing else: a program may hold other libraries made of Rust, which have the rest
# under the same names. The bitcode of the standard library is nothing without rustc, and ar falls over the sum of it.
make_archive() {
    local object=$work/crescendo.o
    ld -r -o "$object" --whole-archive "$archive"
    objcopy --remove-section=.llvmbc --remove-section=.llvmcmd --wildcard --keep-global-symbol='crescendo_*' "$object"
    [ "$profile" = debug ] || strip --strip-unneeded "$object"
    ar rcsD "$work/libcrescendo.a" "$object"
    rm "$object"
}

# filled NAME: the template of that name, with what is known here.
filled() {
    local pointer=$(($(getconf LONG_BIT) / 8)) private=${beside[*]}
    [ "$1" = crescendo.pc ] || private=${private// /;}
    sed "s|@VERSION@|$version|; s|@FILE@|$file|; s|@SONAME@|$soname|; s|@POINTER@|$pointer|; s|@STATIC@|$private|" \
        "packaging/$1.in"
}

main; exit
