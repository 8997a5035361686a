# shellcheck shell=bash
# The Python environment .venv: made once, filled from a hashed lock, stamped so that the next run can skip it all.
# Sourced by bootstrap.sh and apart.sh, which stand in the root of the checkout.

venv=.venv
stamps=$venv/.outofband

# Asks for pip too: after a system upgrade .venv/bin/python may be a newer Python, for which nothing is installed here.
venv_python_works() {
  "$venv/bin/python" -c '
import importlib.util, sys
sys.exit(sys.version_info < (3, 11) or not importlib.util.find_spec("pip"))' 2>/dev/null
}

locked_count() { grep -cE '^[a-z0-9].*==' "requirements/$1.txt"; }

# What the installed environment depends on. The place is part of it: the programs in .venv/bin name it in line 1.
stamp_of() {
  {
    printf '%s %s\n' "$PWD" "$(readlink -f "$venv/bin/python")"
    cat "requirements/$1.txt" pyproject.toml
  } | sha256sum
}

# venv_is_current LOCK: the environment holds what the lock says. The dev lock holds everything of the run lock.
venv_is_current() {
  [[ -x $venv/bin/oob ]] || return 1
  [[ -e $stamps/$1 && $(<"$stamps/$1") == "$(stamp_of "$1")" ]] && return
  [[ $1 == run && -e $stamps/dev && $(<"$stamps/dev") == "$(stamp_of dev)" ]]
}

unreachable='NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|Read timed out|unreachable'
unreachable+='|Connection (refused|broken|reset)|Temporary failure|CERTIFICATE_VERIFY'

explain_pip_failure() {
  progress_end
  printf '\nThe end of what pip said (all of it: %s):\n' "$venv/bootstrap.log" >&2
  grep -vE '^(Collecting|Ignoring|  Downloading|Installing)|Retrying' "$venv/bootstrap.log" |
    tail -n 6 | cut -c1-300 | sed 's/^/    /' >&2 || true
  printf '\n' >&2
  if grep -qE 'No space left on device|Errno 28' "$venv/bootstrap.log"; then
    fail "no disk space left for $venv." \
      "It needs about 450 MB here and 100 MB in the temporary directory. Free some and run this again."
  elif grep -qE "$unreachable" "$venv/bootstrap.log"; then
    fail "pip could not reach its package index: no network, a proxy, or a certificate that is not trusted." \
      "pip honours https_proxy, PIP_INDEX_URL, PIP_CERT and its configuration files ('pip config list' shows them)." \
      "A machine without any network can install from a folder of packages: docs/howto/install.md, section Offline."
  elif grep -qE 'DO NOT MATCH THE HASHES' "$venv/bootstrap.log"; then
    fail "a downloaded package is not the one that requirements/$1.txt names by its hash." \
      "A mirror or proxy changed it. Do not work around this check: fetch it from another index (PIP_INDEX_URL)."
  elif grep -qE 'No matching distribution|Could not find a version' "$venv/bootstrap.log"; then
    fail "the package index has no ready-made build of a package for $("$venv/bin/python" -V) on this machine." \
      "Use Python 3.11 to 3.13 on x86_64 or aarch64 Linux with glibc: OOB_PYTHON=/path/to/python make ..."
  fi
  fail "pip could not install requirements/$1.txt." "When the cause named above is gone, run this again."
}

# pip_install ARGUMENT...: pip with its whole output in the log and one line of progress on the screen.
# $expected: how many packages the lock names.
pip_install() {
  local line count=0
  # Settings meant for another Python must not leak into this one.
  env -u PYTHONHOME -u PYTHONPATH -u PIP_TARGET -u PIP_PREFIX -u PIP_USER -u PIP_REQUIRE_HASHES PYTHONNOUSERSITE=1 \
    "$venv/bin/python" -m pip install --no-input --retries 2 --disable-pip-version-check --progress-bar off "$@" 2>&1 </dev/null |
    while IFS= read -r line; do
      printf '%s\n' "$line" >>"$venv/bootstrap.log"
      case $line in
        Collecting*) progress downloading $((90 * ++count / expected)) "${line#Collecting }" ;;
        'Installing collected'*) ((count == 0)) || progress "installing " 95 "" ;;
      esac
    done
}

make_venv() {
  local python
  if venv_python_works && [[ ! -e $stamps/place || $(<"$stamps/place") == "$PWD" ]]; then
    return
  fi
  python=$(suitable_python) || fail_without_python "found $(python3 -V 2>&1 || true)"
  rm -rf "$venv"
  "$python" -m venv --prompt outofband "$venv" ||
    fail "$python could not make the environment in $PWD/$venv." "Is there disk space, and may this user write here?"
}

# ensure_venv LOCK: afterwards .venv holds the libraries of requirements/LOCK.txt and this project, editable.
ensure_venv() {
  local since=$EPOCHREALTIME expected
  if venv_is_current "$1"; then
    return
  fi
  expected=$(locked_count "$1")
  say "==> Installing the Python environment into $venv: requirements/$1.txt, $expected packages"
  [[ -w . ]] || fail "this user may not write in $PWD." "Use a checkout of your own, or give this user the directory."
  make_venv
  mkdir -p "$stamps"
  printf '%s\n' "$PWD" >"$stamps/place"
  rm -f "$stamps/$1"
  : >"$venv/bootstrap.log"
  # Only ready-made wheels: nothing is compiled and no package's own code runs during the installation.
  pip_install --only-binary :all: --require-hashes --requirement "requirements/$1.txt" || explain_pip_failure "$1"
  # The project itself: its build backend came with the lock, so this needs no network.
  pip_install --no-deps --no-build-isolation --no-index --editable . || explain_pip_failure "$1"
  progress_end
  stamp_of "$1" >"$stamps/$1"
  say "    done in $(elapsed "$since")"
}
