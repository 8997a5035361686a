# shellcheck shell=bash
# The portal's files in src/outofband/http/web: built by Vite from web/, only when something there changed.
# Sourced by bootstrap.sh, which stands in the root of the checkout.

portal_source=web
portal=src/outofband/http/web
portal_log=$venv/portal.log
modules=$portal_source/node_modules
npm_home=$portal_source # where npm works; provider.sh has another place for a while

# What the built files depend on. Names are relative, so files built elsewhere from the same sources are good here too.
portal_stamp() {
  find "$portal_source" -name node_modules -prune -o -name '*.test.*' -prune -o -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
}

portal_is_current() { [[ -e $portal/.built-from && $(<"$portal/.built-from") == "$(portal_stamp)" ]]; }

modules_are_current() {
  [[ -e $modules/.locked && $(<"$modules/.locked") == "$(sha256sum <"$npm_home/package-lock.json")" ]]
}

modules_count() { grep -c '"integrity":' "$npm_home/package-lock.json"; }

# portal_is_wanted PURPOSE: a distribution without web/ has nothing to build, and `make up` can do without.
portal_is_wanted() { [[ -d $portal_source && ! ($1 == run && ${OOB_PORTAL-} == no) ]]; }

# plan_portal PURPOSE: says what ensure_portal would do; status 3 when that is something.
plan_portal() {
  local stale=
  portal_is_wanted "$1" || return 0
  portal_is_current || stale=yes
  if [[ ! $stale ]] && { [[ $1 == run ]] || { find_node && modules_are_current; }; }; then
    return 0
  fi
  find_node || say "would install into $node_home: requirements/node.txt (Node.js with npm)"
  modules_are_current ||
    say "would install into $modules: $portal_source/package-lock.json ($(modules_count) packages, for building only)"
  [[ ! $stale ]] || say "would build the portal into $portal"
  return 3
}

# run_npm ARGUMENT...: npm in $npm_home, its whole output in the log, a line of progress for each archive that it fetches.
run_npm() {
  local line count=0 total
  total=$(modules_count)
  # NODE_ENV=production would leave out what the build needs; NODE_OPTIONS are meant for other programs.
  (cd "$npm_home" && env -u NODE_ENV -u NODE_OPTIONS CI=true "${npm[@]}" "$@" 2>&1 </dev/null) |
    while IFS= read -r line; do
      printf '%s\n' "$line" >>"$portal_log"
      if [[ $line == *' http fetch GET 200 '*'/-/'* ]] && ((count < total)); then
        line=${line##*/-/}
        progress downloading $((100 * ++count / total)) "${line%%.tgz*}"
      fi
    done
}

npm_unreachable='EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT'
npm_unreachable+='|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|CERT_|code E(40[137]|5..)'

explain_npm_failure() {
  progress_end
  printf '\nThe end of what npm said (all of it: %s):\n' "$portal_log" >&2
  grep -vE ' http (fetch|cache) |complete log of this run|^ *$' "$portal_log" |
    tail -n 12 | cut -c1-300 | sed 's/^/    /' >&2 || true
  printf '\n' >&2
  if grep -qE 'ENOSPC|no space left' "$portal_log"; then
    fail "no disk space left for the portal's build." \
      "It needs about 650 MB in $modules and 200 MB in npm's cache. Free some and run this again."
  elif grep -qE "$npm_unreachable" "$portal_log"; then
    fail "npm could not reach its package registry: no network, a proxy, or a certificate that is not trusted." \
      "npm honours https_proxy, NODE_EXTRA_CA_CERTS and its configuration files ('npm config list' shows them)." \
      "To go on without the portal: OOB_PORTAL=no make up. Without any network: docs/howto/install.md, section Offline."
  elif grep -qE 'EINTEGRITY' "$portal_log"; then
    fail "a downloaded package is not the one that $npm_home/package-lock.json names by its hash." \
      "A mirror or proxy changed it. Do not work around this check: fetch it from another registry."
  elif grep -qE 'code (EUSAGE|ETARGET)' "$portal_log"; then
    fail "$npm_home/package-lock.json does not fit $npm_home/package.json." \
      "Whoever changed the one runs 'npm install' there (web: scripts/npm.sh install) and commits both."
  fi
  fail "$1" "When the cause named above is gone, run this again."
}

# Nothing of the packages runs during the installation: what they would build or fetch then, the portal does not use.
ensure_modules() {
  local since=$EPOCHREALTIME
  if modules_are_current; then
    return
  fi
  say "==> Installing ${npm_what:-what builds the portal} into $modules: $(modules_count) packages"
  run_npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund --no-update-notifier \
    --loglevel=http --prefer-offline --fetch-retries=2 --fetch-retry-factor=2 --fetch-retry-mintimeout=500 ||
    explain_npm_failure "npm could not install $npm_home/package-lock.json."
  mkdir -p "$modules"
  sha256sum <"$npm_home/package-lock.json" >"$modules/.locked"
  progress_end
  say "    done in $(elapsed "$since")"
}

# Built beside and then moved, so that a control plane that runs meanwhile never serves half a portal.
build_portal() {
  local since=$EPOCHREALTIME stamp
  say "==> Building the portal"
  stamp=$(portal_stamp)
  rm -rf "$portal.new" "$portal.old"
  run_npm run --silent build -- --outDir "$PWD/$portal.new" --emptyOutDir --logLevel warn ||
    explain_npm_failure "the portal could not be built from $portal_source/."
  printf '%s\n' "$stamp" >"$portal.new/.built-from"
  [[ ! -e $portal ]] || mv "$portal" "$portal.old"
  mv "$portal.new" "$portal"
  rm -rf "$portal.old"
  say "    done in $(elapsed "$since")"
}

# ensure_portal PURPOSE: afterwards the built files fit their sources; for `check` and more, web/ can also be checked.
ensure_portal() {
  portal_is_wanted "$1" || return 0
  if portal_is_current && { [[ $1 == run ]] || { find_node && modules_are_current; }; }; then
    return
  fi
  [[ -w . ]] || fail "this user may not write in $PWD." "Use a checkout of your own, or give this user the directory."
  : >"$portal_log"
  ensure_node
  ensure_modules
  portal_is_current || build_portal
}
