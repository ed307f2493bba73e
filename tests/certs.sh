#!/usr/bin/env bash
# certs.sh FOLDER: the certificates of the tests, made once by openssl. Keys are never in git.
#
#   ca.pem                       the authority that servers and clients trust
#   server.pem, server-key.pem   localhost and 127.0.0.1
#   client.pem                   CN=client, no alternative names
#   email.pem, dns.pem, uri.pem  one alternative name each: derek@example.com, app.example.com, spiffe://example.com/app
#   dn.pem                       subject O=Acme, OU=Ops, CN=bob
#   other-ca.pem, other.pem      an authority that nobody trusts, and a client of it
#   web.pem, web-rsa.pem         servers too: *.example.com, by an EC and by an RSA key
#   NAME.pin                     lower-case hex SHA-256 of the public key (SubjectPublicKeyInfo) of NAME.pem
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: certs.sh FOLDER" >&2; exit 2; }
out=$(realpath -m "$1")
version=$(cksum <"$0") # folders of another version of this script are made anew
[ "$(cat "$out/done" 2>/dev/null)" != "$version" ] || exit 0
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

authority() { # NAME COMMON-NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$2" \
        -keyout "$1-key.pem" -out "$1.pem" 2>/dev/null
}

certificate() { # NAME AUTHORITY SUBJECT USAGE ALTERNATIVE-NAMES [rsa]
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256)
    [ "${6:-}" != rsa ] || key=(-newkey rsa:2048)
    openssl req "${key[@]}" -nodes -subj "$3" -keyout "$1-key.pem" \
        -out "$1.csr" 2>/dev/null
    {
        echo "basicConstraints=CA:FALSE"
        echo "extendedKeyUsage=$4"
        [ -z "$5" ] || echo "subjectAltName=$5"
    } >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2-key.pem" -CAcreateserial -days 3650 \
        -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    openssl x509 -in "$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64 | tr -d '\n' >"$1.pin"
}

authority ca "midge test authority"
authority other-ca "another authority"
certificate server ca "/CN=localhost" serverAuth "DNS:localhost,IP:127.0.0.1"
certificate client ca "/CN=client" clientAuth ""
certificate email ca "/CN=email" clientAuth "email:derek@example.com"
certificate dns ca "/CN=dns" clientAuth "DNS:app.example.com"
certificate uri ca "/CN=uri" clientAuth "URI:spiffe://example.com/app"
certificate dn ca "/O=Acme/OU=Ops/CN=bob" clientAuth ""
certificate web ca "/CN=web" serverAuth "DNS:*.example.com"
certificate web-rsa ca "/CN=web-rsa" serverAuth "DNS:*.example.com,DNS:localhost" rsa
certificate other other-ca "/CN=client" clientAuth ""
rm -f ./*.csr ./*.ext ./*.srl
echo "$version" >done
rm -rf "$out"
mv "$work" "$out" 2>/dev/null || [ -f "$out/done" ] # another run may have been first
