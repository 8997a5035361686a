# shellcheck shell=bash
# Words shared by the scripts of this folder: how a step is announced, how progress looks, how a failure ends.
# Sourced by bash, never run on its own.

set -euo pipefail

# A user without root often has no /usr/sbin in PATH, and several programs asked for here live there.
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*"; }

# fail SUMMARY [LINE...]: what went wrong, then what to do about it; ends the script with status 1.
fail() {
  progress_end
  printf 'error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# elapsed SINCE: seconds with one decimal since SINCE, an earlier value of EPOCHREALTIME.
elapsed() {
  local since=${1/[.,]/} now=${EPOCHREALTIME/[.,]/}
  local tenths=$(((now - since) / 100000))
  printf '%d.%d s' $((tenths / 10)) $((tenths % 10))
}

# step HEADING COMMAND...: runs the command under a heading and says how long it took; keeps its exit status.
step() {
  local heading=$1 since=$EPOCHREALTIME status=0
  shift
  printf '\n==> %s\n' "$heading"
  "$@" || status=$?
  if ((status == 0)); then
    printf '    done in %s\n' "$(elapsed "$since")"
  else
    printf '    FAILED (exit status %d) after %s: %s\n' "$status" "$(elapsed "$since")" "$heading" >&2
  fi
  return "$status"
}

# progress LABEL PERCENT TEXT: one line that is rewritten on a terminal, one line per quarter in a log.
progress_shown=
progress() {
  if [[ -t 1 ]]; then
    printf '\r\033[K    %s %3d %%  %.50s' "$1" "$2" "$3"
  elif [[ $progress_shown != "$1$(($2 / 25))" ]]; then
    printf '    %s %3d %%\n' "$1" "$2"
    progress_shown=$1$(($2 / 25))
  fi
}

progress_end() { [[ ! -t 1 ]] || printf '\r\033[K'; }
