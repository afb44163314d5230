#!/bin/sh
# One answer of a web server, run by socat for each connection: a page that says whom it is shown to.
end=$(printf '\r')
read -r _ path _
while read -r line && [ "$line" != "$end" ]; do :; done
page="<!doctype html>
<title>$path for $SOCAT_OPENSSL_X509_COMMONNAME</title>
<link rel=icon href=data:,>
<h1>Welcome, $SOCAT_OPENSSL_X509_COMMONNAME</h1>
<p>This is $path.
<p>Your certificate: $SOCAT_OPENSSL_X509_SUBJECT
<p>Issued by: $SOCAT_OPENSSL_X509_ISSUER"
echo "page $path for $SOCAT_OPENSSL_X509_COMMONNAME" >&2
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n' "${#page}"
printf 'Cache-Control: no-store\r\nConnection: close\r\n\r\n%s' "$page"
