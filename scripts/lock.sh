#!/usr/bin/env bash
# Writes requirements/{run,dev,node}.txt anew from pyproject.toml, requirements/build.in and requirements/node.in: every
# package pinned, every published file of it by hash, for Python 3.11 and newer. No address of any index gets into them.
#
#   scripts/lock.sh [--upgrade | --upgrade-package NAME]...    without: pins that still fit stay as they are

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if have uv; then
  uv=uv
else
  tools=$(mktemp -d -t oob-lock.XXXXXX)
  trap 'rm -rf "$tools"' EXIT
  say "Fetching uv into a temporary environment ..."
  if ! { "${OOB_PYTHON:-python3}" -m venv "$tools" && "$tools/bin/pip" -q --disable-pip-version-check install uv; }; then
    fail "could not fetch uv, which makes the lock." "It needs python3-venv and a package index that pip reaches."
  fi
  uv=$tools/bin/uv
fi

# compile NAME ARGUMENT...: --no-config and an empty find-links keep this machine's own package sources out of the lock.
compile() {
  local name=$1
  shift
  env -u UV_FIND_LINKS -u UV_EXTRA_INDEX_URL UV_SYSTEM_CERTS=1 "$uv" --no-config pip compile --quiet \
    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
    --output-file "requirements/$name.txt" "$@"
}

project=(pyproject.toml requirements/build.in --extra server)
step "requirements/run.txt" compile run "${project[@]}" "$@"
step "requirements/dev.txt" compile dev "${project[@]}" --extra dev --constraints requirements/run.txt "$@"
step "requirements/node.txt" compile node requirements/node.in "$@"
