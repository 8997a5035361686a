#!/usr/bin/env bash
# Writes requirements/*.txt anew, run and dev from pyproject.toml and requirements/build.in, each other one from its .in:
# every package pinned, every published file of it by hash, for Python 3.11 and newer. No address of any index gets into
# them.
#
#   scripts/lock.sh [--only NAME] [--upgrade | --upgrade-package PACKAGE]...
#
#   --only     write this one alone: run, dev, node, az, fuzz, atheris or moto
#   without --upgrade...: pins that still fit stay as they are

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

only=
if [[ ${1-} == --only ]]; then
  only=${2:?--only wants the name of a lock}
  shift 2
fi

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

# wanted NAME: whether this lock is to be written now.
wanted() { [[ ! $only || $only == "$1" ]]; }

project=(pyproject.toml requirements/build.in --extra server)
! wanted run || step "requirements/run.txt" compile run "${project[@]}" "$@"
! wanted dev || step "requirements/dev.txt" compile dev "${project[@]}" --extra dev --constraints requirements/run.txt "$@"
# Environments of their own, independent of each other and of the project's.
for name in node az fuzz atheris moto; do
  ! wanted "$name" || step "requirements/$name.txt" compile "$name" "requirements/$name.in" "$@"
done
