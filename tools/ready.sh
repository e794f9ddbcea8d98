# Sourced by the scripts behind `npm start` and `npm test`: goes to the top of the project, makes sure that
# node_modules is there and as new as the lock file, and puts the pinned Node first in PATH.
# npm puts node_modules/.bin in PATH by itself, but not when it did not exist yet.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
VIRTMESH_ROOT=$PWD

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "virtmesh: installing npm packages" >&2
  # Not `npm ci`: the lock may lack the optional packages of other platforms (docs/decisions/0002).
  # --no-save: a lock written on one platform is not rewritten by another.
  npm install --no-audit --no-fund --no-save >&2 || exit 1
  touch node_modules/.package-lock.json
fi

export VIRTMESH_ROOT PATH="$VIRTMESH_ROOT/node_modules/.bin:$PATH"

if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)'; then
  echo "virtmesh: needs Node 24, found $(node --version); there is no pinned Node for $(uname -sm), install Node 24 and try again" >&2
  exit 1
fi
