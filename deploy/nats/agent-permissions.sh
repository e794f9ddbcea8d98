#!/usr/bin/env bash
# Writes the permissions that nats-server.conf includes: one user for each process, named by its certificate.
#
#   agent-permissions.sh --agent HOST... [--gateway HOST...] > permissions.conf
#
# An agent publishes events, its lease and its inventory under its own host only. The two buckets that decide
# about migrations, `migrations` and `owners`, are written by either side of a migration, compare-and-set.
# A gateway only reads. Nobody deletes, purges or changes a stream; do that with a user of your own.
set -euo pipefail

check() {
  case $1 in
    '' | *[!A-Za-z0-9_-]*)
      echo "\"$1\" cannot be a host in a NATS subject: letters, digits, - and _" >&2
      exit 1
      ;;
  esac
}

# Looking at streams, reading them, and making those that are missing; not: update, purge, delete.
READING='"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*",
          "$JS.API.STREAM.CREATE.EVENTS", "$JS.API.STREAM.CREATE.MIGRATIONS",
          "$JS.API.STREAM.CREATE.KV_agents", "$JS.API.STREAM.CREATE.KV_inventory",
          "$JS.API.STREAM.CREATE.KV_migrations", "$JS.API.STREAM.CREATE.KV_owners",
          "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.>", "$JS.ACK.>", "$JS.FC.>"'

user() { # HOST ROLE [OWN SUBJECTS]
  cat <<END
    {
      user: "spiffe://virtmesh/host/$1/$2"
      permissions: {
        publish: { allow: [
          $READING${3:+,
          $3}
        ] }
        subscribe: { allow: [ "_INBOX.>", "virtmesh.v1.>", "\$KV.>" ] }
      }
    },
END
}

agents=() gateways=()
while [ $# -gt 0 ]; do
  case $1 in
    --agent) list=agents ;;
    --gateway) list=gateways ;;
    --*) echo "usage: ${0##*/} --agent HOST... [--gateway HOST...]" >&2 && exit 2 ;;
    *)
      check "$1"
      [ "${list:-}" = gateways ] && gateways+=("$1") || agents+=("$1")
      ;;
  esac
  shift
done

echo "# Made by agent-permissions.sh; what is changed here by hand is lost with the next run."
echo "authorization {"
echo "  users = ["
for host in "${agents[@]}"; do
  user "$host" agent "\"virtmesh.v1.event.$host.>\", \"virtmesh.v1.migration.>\", \"\$KV.agents.$host.>\", \"\$KV.inventory.$host.>\", \"\$KV.migrations.>\", \"\$KV.owners.>\""
done
for host in "${gateways[@]}"; do
  user "$host" gateway ""
done
echo "  ]"
echo "}"
