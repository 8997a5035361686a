#!/bin/sh
# Brings this Linux server to the control plane at @SERVER@: gets the agent from it, installs it under its fixed
# names and connects the server. May be run again: it goes on where it stopped, and upgrades what is there.
#
#   sudo sh @NAME@ [OPTION ...]
#
#   --name NAME              how the server will be called (default: its host name)
#   --package FILE           the agent's package, where the control plane is not to be asked for it
#   --python PROGRAM         Python 3.11 or later (default: what is found)
#   --secret-file FILE       the service principal's secret, alone in a file
#   --environment-file FILE  SERVICE_PRINCIPAL_ID=... and SERVICE_PRINCIPAL_SECRET=... as lines of a file
#   --install-only           stop before the server is connected
#   --dry-run                check everything up to the installation, change nothing
#
# No secret is in this file, and none goes into a command line: it is read from a file, or asked for.
# Status: 0 done; else the number of the AZCM code, or what the failed step ended with.

set -eu
umask 022

@VALUES@

say() { printf '==> %s\n' "$*"; }
# fail STATUS CODE MESSAGE REMEDY
fail() {
  printf 'error (%s) %s\nremedy: %s\n' "$2" "$3" "$4" >&2
  exit "$1"
}
usage() { fail 101 AZCM0101 "$1" "sh @NAME@ --help shows the options"; }

name=$NAME package='' python='' secret_file='' environment_file='' until='' dry=''
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      printf 'options: --name NAME, --package FILE, --python PROGRAM, --secret-file FILE, --environment-file FILE,\n'
      printf '         --install-only, --dry-run (the head of this file says more)\n'
      exit 0
      ;;
    --install-only) until=install && shift && continue ;;
    --dry-run) dry=yes && shift && continue ;;
    --name | --package | --python | --secret-file | --environment-file) [ $# -ge 2 ] || usage "$1 needs a value" ;;
    *) usage "unknown option $1" ;;
  esac
  case $1 in
    --name) name=$2 ;;
    --package) package=$2 ;;
    --python) python=$2 ;;
    --secret-file) secret_file=$2 ;;
    --environment-file) environment_file=$2 ;;
  esac
  shift 2
done

# What this needs of the server ------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] || fail 18 AZCM0018 "This has to run as root." "sudo sh @NAME@"
system=$(uname -s)
[ "$system" = Linux ] || fail 131 AZCM0131 "This script is for Linux; this is $system." \
  "there is another script for Windows"
distribution='an unknown distribution' like=''
if [ -r /etc/os-release ]; then
  distribution=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-${NAME:-an unknown distribution}}")
  like=$(. /etc/os-release && printf '%s' "${ID:-} ${ID_LIKE:-}")
fi
machine=$(uname -m)
case $machine in
  x86_64 | amd64 | aarch64 | arm64) ;;
  *)
    fail 132 AZCM0132 "The agent is not made for processors of the kind $machine." \
      "connect a server with an x86-64 or a 64-bit Arm processor"
    ;;
esac

# The agent runs as a user of its own: its Python must not lie in somebody's home, where that user cannot get.
is_fit() {
  "$1" -I -c '
import os, sys, venv
places = [os.path.realpath(sys.executable), os.path.realpath(os.__file__)]
for place in places:
    if not os.stat(place).st_mode & 4: sys.exit(1)
    while (place := os.path.dirname(place)) != "/":
        if not os.stat(place).st_mode & 1: sys.exit(1)
sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
if [ "$python" ]; then
  is_fit "$python" || usage "$python is no Python 3.11 or later that every user can run"
else
  # First the one that the package was made for; the system's own before others.
  for each in "/usr/bin/python${PACKAGE_PYTHON}" "python${PACKAGE_PYTHON}" /usr/bin/python3 python3 \
    python3.14 python3.13 python3.12 python3.11; do
    if is_fit "$each"; then
      python=$each
      break
    fi
  done
fi
if [ -z "$python" ]; then
  case " $like " in
    *\ debian\ * | *\ ubuntu\ *) remedy='apt-get install python3 (Debian 12, Ubuntu 24.04 or later)' ;;
    *\ rhel\ * | *\ fedora\ *) remedy='dnf install python3.11' ;;
    *\ suse\ * | *\ sles\ * | *\ opensuse\ *) remedy='zypper install python311' ;;
    *\ alpine\ *) remedy='apk add python3' ;;
    *) remedy='install Python 3.11 or later, or name it: --python PROGRAM' ;;
  esac
  fail 131 AZCM0131 "The agent needs Python 3.11 or later, and $distribution has none." "$remedy"
fi

# Of another maker, under the same names? `oob agent install` looks closer; this keeps even /opt as it is.
if [ ! -e /etc/outofband/agent.json ] && { [ -e /opt/azcmagent/bin/azcmagent ] || [ -e /opt/azcmagent/bin/himds ]; }; then
  fail 1 ForeignAgent "There is another maker's Connected Machine agent on this server (/opt/azcmagent/bin)." \
    "disconnect and remove it first, or use the agent under its own names: oob agent enroll, oob agent run"
fi
if [ ! -d /run/systemd/system ]; then
  say "This system does not run systemd (AZCM0130 elsewhere): the agent comes with a runner of its own."
fi

# The agent's package -----------------------------------------------------------------------------------------

work=$(mktemp -d)
made='' hushed=''
leave() {
  status=$?
  [ -z "$hushed" ] || stty echo </dev/tty
  [ -z "$work" ] || rm -rf "$work"
  if [ "$status" != 0 ] && [ "$made" ]; then
    rm -rf "$made"
    rmdir /opt/azcmagent 2>/dev/null || true
  fi
  exit "$status"
}
trap leave EXIT
trap 'exit 11' INT TERM HUP
chmod 700 "$work"
if [ "$PROXY" ] && [ -z "${HTTPS_PROXY:-}${https_proxy:-}" ]; then
  HTTPS_PROXY=$PROXY
  export HTTPS_PROXY
fi

say "Getting the agent for $distribution, $machine"
"$python" -I - "$SERVER" "$FINGERPRINT" "$PACKAGE_PATH" "$PACKAGE_SHA256" "$work" "$package" <<'PYTHON'
import hashlib, pathlib, re, ssl, sys, tarfile, urllib.error, urllib.request

server, fingerprint, path, digest, work, package = sys.argv[1:]


def fail(code, message, remedy):
    print(f"error ({code}) {message}\nremedy: {remedy}", file=sys.stderr)
    sys.exit(26)


def fetch(path, context, limit):
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(server + path, timeout=60) as answer:
            data = answer.read(limit + 1)
    except urllib.error.HTTPError as error:
        fail("UnexpectedAnswer", f"{server}{path} answered {error.code} {error.reason}.", "make a new script")
    except OSError as error:
        why = getattr(error, "reason", error)
        fail("ControlPlaneUnreachable", f"{server} cannot be reached: {why}.", "check name, route, firewall, HTTPS_PROXY")
    if len(data) > limit:
        fail("UnexpectedAnswer", f"{server}{path} is larger than it may be.", "make a new script")
    return data


if package:
    try:
        archive = pathlib.Path(package).read_bytes()
    except OSError as error:
        fail("AZCM0019", f"{package} cannot be read: {error.strerror}.", "name the file with --package")
else:
    # Taken unverified for one purpose: to be compared with the fingerprint. Nothing is sent before it fits.
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    text = fetch("/fleet/trust", blind, 65536).decode("ascii", "replace")
    found = re.findall("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.S)
    known = {hashlib.sha256(ssl.PEM_cert_to_DER_cert(each)).hexdigest(): each for each in found}
    if fingerprint not in known:
        fail(
            "ControlPlaneNotTrusted",
            f"{server} shows another authority than this script names: {', '.join(known) or 'none'}.",
            "make a new script if the authority was changed; else find out who answers there",
        )
    archive = fetch(path, ssl.create_default_context(cadata=known[fingerprint]), 256 * 1024 * 1024)
seen = hashlib.sha256(archive).hexdigest()
if seen != digest:
    fail(
        "PackageChanged",
        f"The agent's package is not the one that this script was made for: its SHA-256 is {seen}.",
        "make a new script, for the control plane was upgraded; or take the package that belongs to this one",
    )
file = pathlib.Path(work, "package.tar")
file.write_bytes(archive)
pathlib.Path(work, "wheels").mkdir()
with tarfile.open(file) as opened:
    for member in opened:
        if not member.isreg() or not re.fullmatch(r"(wheels/)?[A-Za-z0-9._+-]+", member.name):
            fail("PackageChanged", f"The package holds a {member.name!r}.", "make a new script")
        pathlib.Path(work, member.name).write_bytes(opened.extractfile(member).read())
PYTHON

fits=$("$python" -I - "$work/manifest.json" <<'PYTHON'
import json, platform, sys

with open(sys.argv[1]) as file:
    made = json.load(file)
here = f"cp{sys.version_info.major}{sys.version_info.minor}", platform.machine(), platform.libc_ver()[0] or "other"
print("yes" if here == (made["python"], made["machine"], made["libc"]) else "")
PYTHON
)

# The installation --------------------------------------------------------------------------------------------

short=$(printf '%.12s' "$PACKAGE_SHA256")
venv=/opt/azcmagent/venv-$short
if [ "$dry" ]; then
  say "Would install into $venv with $python, $([ "$fits" ] && echo "all of it from the package" || echo "libraries from an index")"
  say "Would connect as ${name:-$(hostname)} in resource group $RESOURCE_GROUP"
  exit 0
fi
if [ ! -e "$venv/.complete" ]; then
  say "Installing into $venv"
  rm -rf "$venv"
  made=$venv
  mkdir -p /opt/azcmagent
  "$python" -I -m venv --without-pip "$venv"
  set -- "$work"/wheels/pip-*.whl
  pip() { "$venv/bin/python" -I "$installer/pip" install --quiet --disable-pip-version-check --no-cache-dir "$@"; }
  installer=$1
  if [ "$fits" ]; then
    pip --no-index --find-links "$work/wheels" --require-hashes --requirement "$work/requirements.txt"
  else
    pip --require-hashes --requirement "$work/index.txt" || fail 1 AZCM0143 \
      "The libraries for $("$python" -V) on $machine could not be had from an index." \
      "use Python $PACKAGE_PYTHON, for which the package has them all, or let pip reach an index (PIP_INDEX_URL)"
    pip --no-deps --no-index "$work"/wheels/outofband-*.whl
  fi
  : >"$venv/.complete"
fi
oob() { "$venv/bin/python" -I -m outofband.cli "$@"; }
oob agent install --yes --server "$SERVER" --fingerprint "$FINGERPRINT"
made=''
for each in /opt/azcmagent/venv-*; do
  [ "$each" = "$venv" ] || rm -rf "$each"
done
[ "$until" != install ] || exit 0

# The connection ----------------------------------------------------------------------------------------------

if [ "$MODE" = many ] && [ -z "$secret_file$environment_file" ]; then
  [ -r /dev/tty ] || fail 16 AZCM0016 "There is nobody to ask for the secret of the service principal." \
    "--secret-file FILE or --environment-file FILE"
  printf 'Secret of the service principal %s: ' "$SERVICE_PRINCIPAL_ID" >/dev/tty
  hushed=yes
  stty -echo </dev/tty
  read -r secret </dev/tty || true
  stty echo </dev/tty
  hushed=''
  printf '\n' >/dev/tty
  secret_file=$work/secret
  (umask 077 && printf '%s' "$secret" >"$secret_file")
  secret=''
fi
"$python" -I - "$work/connect.json" "$MODE" "$SUBSCRIPTION" "$RESOURCE_GROUP" "$TENANT" "$LOCATION" "$name" "$TAGS" \
  "$SERVICE_PRINCIPAL_ID" "$secret_file" "$environment_file" <<'PYTHON'
import json, os, pathlib, stat, sys

(file, mode, subscription, group, tenant, location, name, tags, principal, secret_file, environment) = sys.argv[1:]


def fail(status, code, message, remedy):
    print(f"error ({code}) {message}\nremedy: {remedy}", file=sys.stderr)
    sys.exit(status)


def text(path):
    try:
        found = pathlib.Path(path).read_text()
        if os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH):
            print(f"warning: others can read {path}: chmod 600 {path}", file=sys.stderr)
        return found
    except (OSError, UnicodeDecodeError) as error:
        fail(19, "AZCM0019", f"{path} cannot be read: {error}.", "name a file with the secret alone")


wanted = {"subscription-id": subscription, "resource-group": group, "tenant-id": tenant, "location": location}
if mode == "many":
    secret = text(secret_file).strip() if secret_file else ""
    if environment:
        lines = (line.partition("=") for line in text(environment).splitlines() if not line.startswith("#"))
        given = {key.removeprefix("export ").strip(): value.strip().strip("'\"") for key, _, value in lines}
        secret = secret or given.get("SERVICE_PRINCIPAL_SECRET", "")
        principal = given.get("SERVICE_PRINCIPAL_ID", "") or principal
    if not principal or not secret:
        what = "secret" if principal else "id"
        fail(16, "AZCM0016", f"The {what} of the service principal is missing.", "--environment-file FILE with both")
    wanted |= {"service-principal-id": principal, "service-principal-secret": secret}
else:
    wanted |= {"use-device-code": True}
wanted |= {"resource-name": name} if name else {}
wanted |= {"tags": tags} if tags else {}
handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
with os.fdopen(handle, "w") as opened:
    json.dump(wanted, opened)
PYTHON

say "Connecting this server to $SERVER"
/opt/azcmagent/bin/azcmagent connect --config "$work/connect.json"
