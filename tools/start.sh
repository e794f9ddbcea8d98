#!/usr/bin/env bash
# `npm start [-- --json]`: works as the first command in a fresh clone.
source "$(dirname "$0")/ready.sh"
exec node clients/demo/src/main.ts "$@"
