#!/usr/bin/env bash
# Removes what the Makefile's verbs made in this checkout. State (VMs, logs, keys) lives elsewhere and is not touched.
# Refuses while something runs from .venv: its `oob down` is what stops those processes in good order.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

running=()
for process in /proc/[0-9]*; do
  # A detached process shows its interpreter's path; processes of other users are unreadable and not ours.
  if grep -qsF -- "$PWD/.venv/bin/" "$process/cmdline"; then
    running+=("${process#/proc/}")
  fi
done
if ((${#running[@]})); then
  fail "still running from $PWD/.venv: process ${running[*]}." "Run 'make down' first, then this again."
fi

rm -rf .venv .az .fuzz .atheris .moto .node .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build bench/bin bench/results
rm -rf web/node_modules tests/oidc/node_modules src/outofband/http/web src/outofband/http/web.{new,old}
find src tests guests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
say "Removed: .venv, .az, .fuzz, .atheris, .moto, .node, web/node_modules, tests/oidc/node_modules, caches and built files."
