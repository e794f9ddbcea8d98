#!/usr/bin/env bash
# A small certificate authority for a mesh, made with openssl.
#
#   virtmesh-pki.sh authority DIR                        a new authority: DIR/ca.pem, DIR/ca-key.pem
#   virtmesh-pki.sh host DIR OUT HOST ROLE [IP|NAME]...  for a process of the mesh on HOST; ROLE is agent, gateway or nats
#   virtmesh-pki.sh user DIR OUT NAME                    for a person or a program that calls the mesh
#
# OUT becomes a folder with ca.pem, cert.pem and key.pem, what --tls-dir takes. A host's certificate names it as
# DNS name, by the addresses given and as spiffe://virtmesh/host/HOST/ROLE, and is good for serving and calling.
# DAYS is how long certificates are valid: 3650 for the authority and 365 for others unless set.
# Keep DIR/ca-key.pem where no process of the mesh runs.
set -euo pipefail
umask 077

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0" >&2
  exit 2
}

new_key() {
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

authority() {
  local dir=$1
  [ ! -e "$dir/ca-key.pem" ] || {
    echo "$dir already holds an authority; what it signed would stop working" >&2
    exit 1
  }
  mkdir -p "$dir"
  new_key "$dir/ca-key.pem"
  openssl req -x509 -new -key "$dir/ca-key.pem" -out "$dir/ca.pem" -sha256 -days "${DAYS:-3650}" \
    -subj "/O=virtmesh/CN=virtmesh authority" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign"
  chmod 644 "$dir/ca.pem"
}

# issue DIR OUT SUBJECT USAGE [ALTERNATIVE NAMES]
issue() {
  local dir=$1 out=$2 subject=$3 usage=$4 names=${5:-} work
  mkdir -p "$out"
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "rm -rf '$work'" EXIT
  {
    echo "basicConstraints=critical,CA:FALSE"
    # QEMU before 10.1 refuses a certificate without keyEncipherment, though elliptic keys have no use for it.
    echo "keyUsage=critical,digitalSignature,keyEncipherment"
    echo "extendedKeyUsage=$usage"
    echo "subjectKeyIdentifier=hash"
    echo "authorityKeyIdentifier=keyid"
    [ -z "$names" ] || echo "subjectAltName=$names"
  } >"$work/extensions"
  new_key "$work/key.pem"
  openssl req -new -key "$work/key.pem" -out "$work/request.pem" -subj "$subject"
  openssl x509 -req -in "$work/request.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca-key.pem" -out "$work/cert.pem" \
    -set_serial "0x$(openssl rand -hex 16)" -sha256 -days "${DAYS:-365}" -extfile "$work/extensions" 2>/dev/null
  # The certificate last: a reader that finds it finds the key of it too.
  cp "$dir/ca.pem" "$out/ca.pem"
  mv "$work/key.pem" "$out/key.pem"
  mv "$work/cert.pem" "$out/cert.pem"
  chmod 644 "$out/ca.pem" "$out/cert.pem"
}

host() {
  local dir=$1 out=$2 host=$3 role=$4 names
  shift 4
  names="DNS:$host,URI:spiffe://virtmesh/host/$host/$role"
  for name in "$@"; do
    case $name in
      *:* | [0-9]*.[0-9]*.[0-9]*.[0-9]*) names="$names,IP:$name" ;;
      *) names="$names,DNS:$name" ;;
    esac
  done
  issue "$dir" "$out" "/O=virtmesh/CN=$host $role" "serverAuth,clientAuth" "$names"
}

case "${1:-}" in
  authority) [ $# = 2 ] || usage && authority "$2" ;;
  host) [ $# -ge 5 ] || usage && shift && host "$@" ;;
  user) [ $# = 4 ] || usage && issue "$2" "$3" "/O=virtmesh/CN=$4" clientAuth ;;
  *) usage ;;
esac
