#!/usr/bin/env bash
# Brings this machine to the point where the project runs: system packages by apt, the Python environment .venv.
# Installs only what is missing and says what; when nothing is missing it changes nothing and says nothing.
#
#   scripts/bootstrap.sh [--plan] PURPOSE
#
#   check   lint and quick tests: Python and the locked development tools, Node.js and what builds the portal
#   run     `make up`: Python, the locked run-time libraries, QEMU, package lists for the demo guest, the built portal
#   test    check + run + the peers that tests start (PostgreSQL's and Ceph's server programs, Chromium; none is left
#           running), mmdebstrap, an OpenID Connect provider (tests/oidc), and Azure's own clients and schemathesis, each in an
#           environment of its own: .az, .fuzz
#   bench   test + what benchmarks compare with (conserver, ConMan, websockify, a C compiler, and .moto)
#
#   --plan  only say what would be installed; status 0: nothing, 3: something
#
# Environment: OOB_PYTHON, the Python (3.11 or newer) that makes .venv; default: the first suitable one in PATH.
#              OOB_PORTAL=no, for `run`: do not build the portal; what is built stays as it is.
# Status: 0 ready, 1 could not (the text says why and what to do), 2 wrong usage.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib.sh"
source "$here/packages.sh"
source "$here/venv.sh"
source "$here/node.sh"
source "$here/portal.sh"
source "$here/provider.sh"

usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$here/bootstrap.sh" >&2
  exit 2
}

plan_only=
if [[ ${1-} == --plan ]]; then
  plan_only=yes
  shift
fi
(($# == 1)) || usage
case $1 in
  run) lock=run ;;
  check | test | bench) lock=dev ;;
  *) usage ;;
esac
purpose=$1
case $purpose in
  test) aparts="az fuzz" ;;
  bench) aparts="az fuzz moto" ;;
  *) aparts="" ;;
esac
cd "$here/.."

if [[ $plan_only ]]; then
  status=0
  mapfile -t missing < <(missing_packages "$purpose")
  if ((${#missing[@]})); then
    say "would install with apt: ${missing[*]}"
    status=3
  elif needs_package_lists "$purpose"; then
    say "would fetch apt's package lists"
    status=3
  fi
  if ! venv_is_current "$lock"; then
    say "would install into .venv: requirements/$lock.txt ($(locked_count "$lock") packages) and this project"
    status=3
  fi
  for apart in $aparts; do
    "$here/apart.sh" --plan "$apart" || status=3
  done
  plan_portal "$purpose" || status=3
  plan_provider "$purpose" || status=3
  exit "$status"
fi

# Two verbs started together must not fill one environment at once; the kernel drops the lock with the process.
exec {lock_fd}<"$here/bootstrap.sh"
if ! flock --nonblock "$lock_fd"; then
  say "Waiting for another bootstrap of this checkout to end ..."
  flock "$lock_fd"
fi

# Runs when the program in the foreground has ended; the EXIT trap of a running installation still follows.
trap 'progress_end; rm -f "$apt_log"; say "Interrupted. The same command goes on where this one stopped." >&2; exit 130' INT TERM

ensure_packages "$purpose"
ensure_venv "$lock"
for apart in $aparts; do
  "$here/apart.sh" "$apart"
done
ensure_portal "$purpose"
ensure_provider "$purpose"
