#!/bin/sh
# A mail server that keeps what it is sent, in the file it is given. socat runs it for each connection.
say() {
    printf '%s\r\n' "$1"
}
keep() {
    end=$(printf '.\r')
    while IFS= read -r line && [ "$line" != "$end" ]; do
        printf '%s\n' "${line#.}"
    done >"$1.part"
    mv "$1.part" "$1"
}

say "220 lab"
while read -r word _; do
    case $word in
    EHLO | HELO) say "250 lab" ;;
    DATA*) say "354 go on" && keep "$1" && say "250 kept" ;;
    QUIT*) say "221 bye" && exit ;;
    *) say "250 as you like" ;;
    esac
done
