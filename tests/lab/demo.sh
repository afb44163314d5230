# Sourced by `dev`: the steps of the demo. Each is a function that shows one thing with a foreign program and ends in
# `proved`; what it prints is shown only if it fails.
# shellcheck shell=bash

steps=0 failures=0
pin=123456 pairing_code=27182818
card_url="pkcs11:token=Crescendo%20Test%20Holder"

# run_demo SIM MODULE COMMAND EXAMPLE, all of them files.
run_demo() {
    local sim=$1
    module=$2 crescendo=$3 reinsert=$4
    ca=$here/crates/sim/fixtures/ca.pem
    start_lab "$sim" "$module" --latency contact
    prepare_mail
    prepare_tls
    prepare_ssh
    step "token and objects" show_token
    step "S/MIME mail" sign_mail
    step "TLS 1.3 login" log_in_by_tls
    step "SSH login" log_in_by_ssh
    step "card pulled, put back" survive_pull
    stop_lab
    start_lab "$sim" "$module" --profile piv-dual --two-readers --latency contactless
    prepare_mail
    step "mail without contacts" sign_mail_without_contacts
    stop_lab
    echo "$steps steps, $failures failed"
    [ "$failures" = 0 ]
}

# step NAME FUNCTION: one line. The subshell is outside any condition, so that `set -e` holds in it.
step() {
    local start took status=0 log=$lab/step.log
    steps=$((steps + 1))
    : >"$lab/proved"
    ctl zero >/dev/null
    start=${EPOCHREALTIME//[.,]/}
    set +e
    (set -e && "$2") >"$log" 2>&1
    status=$?
    set -e
    took=$(((${EPOCHREALTIME//[.,]/} - start) / 1000))
    if [ "$status" = 0 ]; then
        printf 'ok      %-22s %4d APDUs %6d ms   %s\n' "$1" "$(apdus)" "$took" "$(cat "$lab/proved")"
        return
    fi
    failures=$((failures + 1))
    printf 'FAILED  %-22s %4d APDUs %6d ms   exit status %d\n' "$1" "$(apdus)" "$took" "$status"
    tail -n 25 "$log" | sed 's/^/        | /'
}

proved() {
    echo "$*" >"$lab/proved"
}

show_token() {
    client pkcs11-tool --module "$module" -L | tee "$lab/slots"
    client pkcs11-tool --module "$module" -O | tee "$lab/objects"
    grep -q "token label *: Crescendo Test Holder" "$lab/slots"
    local certificates keys
    certificates=$(grep -c '^Certificate Object' "$lab/objects")
    keys=$(grep -c '^Public Key Object' "$lab/objects")
    [ "$certificates" = 4 ] && [ "$keys" = 4 ]
    proved "pkcs11-tool shows the token, its $certificates certificates and $keys public keys"
}

prepare_mail() {
    printf 'To: you@crescendo.example\r\n\r\nSigned with the card.\r\n' >"$lab/mail"
    openssl x509 -inform DER -in "$here/crates/sim/fixtures/9c.der" -out "$lab/9c.pem"
}

# 9C wants its PIN for every signature, and the engine asks for it on the terminal: without one, on standard input.
sign_mail() {
    echo "$pin" | client setsid -w openssl cms -sign -engine pkcs11 -keyform engine -md sha256 \
        -signer "$lab/9c.pem" -inkey "$card_url;id=%02;type=private;pin-value=$pin" \
        -in "$lab/mail" -out "$lab/mail.signed"
    openssl cms -verify -in "$lab/mail.signed" -CAfile "$ca" -out "$lab/mail.read"
    cmp "$lab/mail" "$lab/mail.read"
    proved "openssl cms signed with 9C (P-256, PIN for each signature); openssl verified it up to the CA"
}

# A card with two interfaces, and a reader for each. The PIN and the code are looked for on the air; that they would be
# found is shown where they are sent in clear, over contact.
sign_mail_without_contacts() {
    # Nobody else vouches for the card: it is believed because it was in a contact reader.
    lab_environment+=(CRESCENDO_VCI_ANCHORS=)
    client env CARD_PIN="$pin" "$crescendo" pairing retrieve --cache --pin-env CARD_PIN
    [ "$(seen "$pin") $(seen "$pairing_code")" = "true true" ]
    ask_lab contactless
    ctl zero
    sign_mail
    [ "$(seen "$pin") $(seen "$pairing_code")" = "false false" ]
    [[ $(ctl count) != *'"establishments":0'* ]]
    proved "crescendo kept the pairing code over contact; openssl cms signed the same mail on a contactless reader" \
        "with secure messaging, neither PIN nor code in clear"
}

# seen DIGITS: whether they went to the card or came from it, as they are, since `ctl zero`.
seen() {
    ctl seen "$(printf %s "$1" | od -An -tx1 | tr -d ' \n')" | tr -d ' '
}

prepare_tls() {
    tls_port=$((20000 + RANDOM % 10000))
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=lab \
        -addext subjectAltName=IP:127.0.0.1 -CA "$ca" -CAkey "${ca%.pem}.key.pem" \
        -keyout "$lab/server.key" -out "$lab/server.pem" 2>"$lab/server.log"
    start_server "$lab/tls.log" listening gnutls-serv -p "$tls_port" --http \
        --x509certfile "$lab/server.pem" --x509keyfile "$lab/server.key" --x509cafile "$ca" \
        --require-client-cert --verify-client-cert
}

# In TLS 1.3 the client is done before the server has looked at its certificate: only the page tells.
log_in_by_tls() {
    printf 'GET / HTTP/1.0\r\n\r\n' | client_inside GNUTLS_PIN="$pin" timeout 60 gnutls-cli --provider "$module" \
        --priority NORMAL:-VERS-ALL:+VERS-TLS1.3 --x509cafile "$ca" \
        --x509certfile "$card_url;id=%01;type=cert" --x509keyfile "$card_url;id=%01;type=private" \
        -p "$tls_port" 127.0.0.1 | tee "$lab/page"
    grep -q "Client Signature: RSA-PSS" "$lab/tls.log"
    grep -q "User Principal Name: test.holder@crescendo.example" "$lab/page"
    proved "gnutls-cli proved 9A (RSA-PSS) to a gnutls-serv that wants a certificate of the CA"
}

prepare_ssh() {
    ssh_port=$((30000 + RANDOM % 2000))
    ssh-keygen -q -t ed25519 -N '' -f "$lab/host_key"
    echo "[127.0.0.1]:$ssh_port $(cut -d ' ' -f 1,2 "$lab/host_key.pub")" >"$lab/known_hosts"
    printf '%s\n' "Port $ssh_port" "ListenAddress 127.0.0.1" "HostKey $lab/host_key" "StrictModes no" "UsePAM no" \
        "AuthorizedKeysFile $lab/authorized_keys" "PasswordAuthentication no" "PidFile none" >"$lab/sshd_config"
    printf '#!/bin/sh\necho %s\n' "$pin" >"$lab/askpass"
    chmod +x "$lab/askpass"
    # Where a sshd of root locks itself in; nothing is ever put there.
    "${as_root[@]}" mkdir -p -m 755 /run/sshd
    start_server "$lab/sshd.log" "Server listening" /usr/sbin/sshd -D -e -f "$lab/sshd_config"
}

log_in_by_ssh() {
    client ssh-keygen -D "$module" | tee "$lab/authorized_keys"
    client_inside SSH_ASKPASS="$lab/askpass" SSH_ASKPASS_REQUIRE=force timeout 60 ssh -F none -p "$ssh_port" \
        -o UserKnownHostsFile="$lab/known_hosts" -o StrictHostKeyChecking=yes -o IdentityAgent=none \
        -o PreferredAuthentications=publickey -I "$module" "$(id -un)@127.0.0.1" 'echo logged in' </dev/null |
        tee "$lab/answer"
    [ "$(cat "$lab/answer")" = "logged in" ]
    proved "ssh -I logged in to sshd with a key that ssh-keygen -D had listed"
}

# One process signs, sees the card go and come, and signs again.
survive_pull() {
    local said line=
    exec {said}< <(client "$reinsert" "$module" "$pin" 2>&1)
    expect "signed"
    ask_lab pull
    expect "gone"
    ask_lab insert
    expect "signed again"
    proved "the same process signed before and after, with a new login"
}

expect() {
    read -r -u "$said" line && echo "$line" && [ "$line" = "$1" ]
}
