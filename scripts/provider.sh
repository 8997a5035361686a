# shellcheck shell=bash
# The OpenID Connect provider of others that tests sign in through: npm's oidc-provider, in tests/oidc. Sourced by
# bootstrap.sh after portal.sh, whose words on npm it uses.

provider_home=tests/oidc

# provider_is_wanted PURPOSE: a distribution without tests/ has nothing to install.
provider_is_wanted() { [[ -d $provider_home && ($1 == test || $1 == bench) ]]; }

# plan_provider PURPOSE: says what ensure_provider would do; status 3 when that is something.
plan_provider() {
  local npm_home=$provider_home modules=$provider_home/node_modules
  if ! provider_is_wanted "$1" || modules_are_current; then
    return 0
  fi
  say "would install into $modules: $npm_home/package-lock.json ($(modules_count) packages, for tests only)"
  return 3
}

# ensure_provider PURPOSE: afterwards tests/oidc/provider.mjs can be started.
ensure_provider() {
  local npm_home=$provider_home modules=$provider_home/node_modules
  local npm_what="the provider that tests sign in through"
  if ! provider_is_wanted "$1" || modules_are_current; then
    return
  fi
  : >"$portal_log"
  ensure_node
  ensure_modules
}
