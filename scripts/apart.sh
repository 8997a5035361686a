#!/usr/bin/env bash
# Makes an environment of its own, .NAME, from the hashed lock requirements/NAME.txt: for programs of others that tests
# and benchmarks run beside ours, whose pins are not the project's. Installs only when it is missing or its lock has
# changed; when nothing is to do it says nothing.
#
#   scripts/apart.sh [--plan] NAME
#
#   az      Azure's own clients: the command line and the Python SDKs
#   fuzz    schemathesis, which tries what the API's description allows
#   atheris what fuzzes the parsers with coverage, for `make soak`
#   moto    a server that imitates another cloud's API, for bench/
#
#   --plan  only say what would be installed; status 0: nothing, 3: something
#
# Environment: OOB_PYTHON, as in scripts/bootstrap.sh.
# Status: 0 ready, 1 could not (the text says why and what to do), 2 wrong usage.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib.sh"
source "$here/packages.sh"
source "$here/venv.sh"

usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$here/apart.sh" >&2
  exit 2
}

plan_only=
if [[ ${1-} == --plan ]]; then
  plan_only=yes
  shift
fi
(($# == 1)) || usage
name=$1
cd "$here/.."
[[ $name == az || $name == fuzz || $name == atheris || $name == moto ]] || usage

# The words of venv.sh work on these.
venv=.$name
stamps=$venv/.outofband

apart_stamp() {
  {
    printf '%s %s\n' "$PWD" "$(readlink -f "$venv/bin/python")"
    cat "requirements/$name.txt"
  } | sha256sum
}

if [[ -x $venv/bin/python && -e $stamps/$name && $(<"$stamps/$name") == "$(apart_stamp)" ]]; then
  exit 0
fi
expected=$(locked_count "$name")
if [[ $plan_only ]]; then
  say "would install into $venv: requirements/$name.txt ($expected packages)"
  exit 3
fi

# Two verbs started together must not fill one environment at once; the kernel drops the lock with the process.
exec {lock_fd}<"requirements/$name.in"
if ! flock --nonblock "$lock_fd"; then
  say "Waiting for another installation into $venv to end ..."
  flock "$lock_fd"
  [[ ! -e $stamps/$name || $(<"$stamps/$name") != "$(apart_stamp)" ]] || exit 0
fi

trap 'progress_end; say "Interrupted. The same command goes on where this one stopped." >&2; exit 130' INT TERM
since=$EPOCHREALTIME
say "==> Installing an environment of its own into $venv: requirements/$name.txt, $expected packages"
make_venv
mkdir -p "$stamps"
printf '%s\n' "$PWD" >"$stamps/place"
rm -f "$stamps/$name"
: >"$venv/bootstrap.log"
# Ready-made wheels only, as in .venv. Compiled when first imported: most of these many files never are.
pip_install --only-binary :all: --no-compile --require-hashes --requirement "requirements/$name.txt" ||
  explain_pip_failure "$name"
progress_end
apart_stamp >"$stamps/$name"
say "    done in $(elapsed "$since")"
