#!/usr/bin/env bash
# scripts/npm.sh ARGUMENT...: npm in web/ with the Node.js that the bootstrap found or installed.
#
#   scripts/npm.sh run dev            the portal with a development server
#   scripts/npm.sh install NAME       after that, commit web/package.json and web/package-lock.json

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/node.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
find_node || fail "no Node.js for the portal yet." "Run 'scripts/bootstrap.sh check' first."
cd web
exec "${npm[@]}" "$@"
