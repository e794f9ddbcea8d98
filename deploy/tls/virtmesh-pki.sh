#!/usr/bin/env bash
# A small certificate authority for a mesh, made with openssl.
#
#   virtmesh-pki.sh authority DIR                        a new authority: DIR/ca.pem, DIR/ca-key.pem
#   virtmesh-pki.sh host DIR OUT HOST ROLE [IP|NAME]...  for a process of the mesh on HOST; ROLE is agent, gateway or nats
#   virtmesh-pki.sh user DIR OUT NAME                    for a person or a program that calls the mesh
#
# OUT becomes a folder with ca.pem, cert.pem and key.pem, what --tls-dir takes. A host's certificate names it as
# DNS name, by the addresses given and as spiffe://virtmesh/host/HOST/ROLE, and is good for serving and calling.
# DAYS is how long certificates are valid: 3650 for the authority and 365 for others unless set. They are valid from
# yesterday on: a host whose clock is behind must not refuse what was signed today.
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

# sign OUT DAYS [OPTIONS OF openssl ca]...: of openssl's commands the one that takes a first day
sign() {
  local out=$1 days=$2 work
  shift 2
  work=$(mktemp -d)
  touch "$work/index"
  openssl rand -hex 16 >"$work/serial"
  printf '%s\n' "[ca]" "default_ca=mesh" "[mesh]" "database=$work/index" "serial=$work/serial" "new_certs_dir=$work" \
    "default_md=sha256" "policy=any" "[any]" "organizationName=optional" "commonName=supplied" >"$work/ca.conf"
  openssl ca -batch -notext -config "$work/ca.conf" -out "$out" \
    -startdate "$(date -u -d '-1 day' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "+$days days" +%Y%m%d%H%M%SZ)" \
    "$@" 2>"$work/said" || {
    cat "$work/said" >&2
    rm -rf "$work"
    return 1
  }
  rm -rf "$work"
}

authority() {
  local dir=$1 work
  [ ! -e "$dir/ca-key.pem" ] || {
    echo "$dir already holds an authority; what it signed would stop working" >&2
    exit 1
  }
  mkdir -p "$dir"
  new_key "$dir/ca-key.pem"
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "rm -rf '$work'" EXIT
  printf '%s\n' "basicConstraints=critical,CA:TRUE,pathlen:0" "keyUsage=critical,keyCertSign,cRLSign" \
    "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid:always" >"$work/extensions"
  openssl req -new -key "$dir/ca-key.pem" -out "$work/request.pem" -subj "/O=virtmesh/CN=virtmesh authority"
  sign "$dir/ca.pem" "${DAYS:-3650}" -selfsign -keyfile "$dir/ca-key.pem" -in "$work/request.pem" -extfile "$work/extensions"
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
  sign "$work/cert.pem" "${DAYS:-365}" -cert "$dir/ca.pem" -keyfile "$dir/ca-key.pem" -in "$work/request.pem" \
    -extfile "$work/extensions"
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
