#!/usr/bin/env bash
# `npm run demo:all [-- --json]`: every hypervisor in one mesh.
source "$(dirname "$0")/ready.sh"
exec node clients/demo/src/all/main.ts "$@"
