#!/usr/bin/env bash
# scripts/step.sh HEADING COMMAND...: the Makefile's way to run one command under a heading, with its elapsed time.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
step "$@"
