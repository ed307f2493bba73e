#!/usr/bin/env bash
# certs.sh FOLDER: the certificates of the tests, made once by openssl. Keys are never in git.
#
#   ca.pem                       the authority that servers and clients trust
#   server.pem, server-key.pem   localhost and 127.0.0.1
#   client.pem                   CN=client, no alternative names
#   email.pem, dns.pem, uri.pem  one alternative name each: derek@example.com, app.example.com, spiffe://example.com/app
#   dn.pem                       subject O=Acme, OU=Ops, CN=bob
#   other-ca.pem, other.pem      an authority that nobody trusts, and a client of it
#   NAME.pin                     lower-case hex SHA-256 of the public key (SubjectPublicKeyInfo) of NAME.pem
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: certs.sh FOLDER" >&2; exit 2; }
out=$(realpath -m "$1")
[ ! -f "$out/done" ] || exit 0
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

authority() { # NAME COMMON-NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$2" \
        -keyout "$1-key.pem" -out "$1.pem" 2>/dev/null
}

certificate() { # NAME AUTHORITY SUBJECT USAGE ALTERNATIVE-NAMES
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$1-key.pem" \
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
certificate other other-ca "/CN=client" clientAuth ""
rm -f ./*.csr ./*.ext ./*.srl
touch done
rm -rf "$out"
mv "$work" "$out" 2>/dev/null || [ -f "$out/done" ] # another run may have been first
