#!/usr/bin/env bash
# `npm test [-- PROJECT... | --json]`: works as the first command in a fresh clone.
source "$(dirname "$0")/ready.sh"
exec node tools/test.ts "$@"
