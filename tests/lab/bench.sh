# Sourced by `dev`: figures of the shipped module, each beside its bar. Times are of this machine, and only told.
# shellcheck shell=bash

# run_figures SIM MODULE: a card with 24 certificates, and a C program that searches it.
run_figures() {
    local sim=$1 module=$2 name value
    start_lab "$sim" "$module" --retired 20
    gcc -O2 -o "$lab/figures" "$here/tests/strangers/figures.c" -lpthread
    client "$lab/figures" "$module" >"$lab/report"
    echo "module_bytes $(stat -c %s "$module")" >>"$lab/report"
    echo "Simulated card with 24 certificates; one C program, its calls through the function list."
    while read -r name value; do
        figure "$name" "$value"
    done <"$lab/report"
    objdump -p "$module" | sed -n 's/^ *NEEDED */needs                                    /p'
    stop_lab
}

figure() {
    local bar text
    case $1 in
    search_ns) text="FindObjectsInit, FindObjects(10), Final" bar=2000 ;;
    attributes_ns) text="GetAttributeValue of 3 attributes" bar=500 ;;
    threads_ratio) text="CPU time per search, 8 threads to 1" bar=1.5 ;;
    resident_kb) text="VmRSS after all certificates were read" bar=8192 ;;
    module_bytes) text="size of the module, stripped" bar=4194304 ;;
    *) return 0 ;;
    esac
    printf '%-40s %10s %-5s (bar %s)\n' "$text" "$2" "$(unit "$1")" "$bar"
}

unit() {
    case $1 in
    *_ns) echo ns ;;
    *_kb) echo kB ;;
    *_bytes) echo bytes ;;
    esac
}
