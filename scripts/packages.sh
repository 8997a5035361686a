# shellcheck shell=bash
# System packages: which capability is missing for a purpose, and installing what provides it. Sourced by bootstrap.sh.
#
# Presence is asked of the machine (is the program there?), not of dpkg: whoever has QEMU from elsewhere keeps it.

suitable_python() {
  local candidate
  for candidate in ${OOB_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
    # ensurepip is what Debian leaves out of python3 and puts into python3-venv.
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

postgres_programs() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

# missing_packages PURPOSE: Debian package names, one per line.
missing_packages() {
  venv_python_works || suitable_python >/dev/null || printf '%s\n' python3 python3-venv
  case $1 in run | test | bench)
    have qemu-system-x86_64 || say qemu-system-x86
    ;;
  esac
  case $1 in test | bench)
    postgres_programs || say postgresql
    # The portal's tests drive a browser that trusts the control plane's authority: certutil tells it.
    have chromium || say chromium
    have certutil || say libnss3-tools
    # The blob service's tests keep objects in a small Ceph cluster of their own, with its S3 gateway.
    have radosgw || say radosgw
    have ceph-mon || say ceph-mon
    have ceph-osd || say ceph-osd
    have ceph-mgr || say ceph-mgr
    # What makes and opens guests' disks and archives, and networks that fail.
    have mmdebstrap || say mmdebstrap
    have cpio || say cpio
    have mke2fs || say e2fsprogs
    have grub-mkimage || say grub-common
    [[ -e /usr/lib/grub/i386-pc/kernel.img ]] || say grub-pc-bin
    have ip || say iproute2
    # Proxies that agents are tested behind.
    have tinyproxy || say tinyproxy-bin
    have squid || say squid
    # Peers of the probe of Remote Desktop and SSH, and the display that one of them shows.
    have xrdp || say xrdp
    have freerdp-shadow-cli || say freerdp2-shadow-x11
    have Xvfb || say xvfb
    [[ -x /usr/sbin/sshd ]] || say openssh-server
    # An sshd that speaks French: its words, and what makes it ask for them.
    [[ -e /usr/share/i18n/locales/fr_FR ]] || say locales
    have gcc || say gcc
    [[ -e /usr/include/stdio.h ]] || say libc6-dev
    # Firewalls that guests have: what is done about them is done to real ones.
    have nft || say nftables
    have iptables || say iptables
    ;;
  esac
  case $1 in bench)
    have conserver || say conserver-server
    have conmand || say conman
    have websockify || say websockify
    ;;
  esac
}

# The demo guest is made from Debian packages that apt downloads without root; for that it needs its package lists,
# which a fresh container image lacks.
needs_package_lists() {
  case $1 in
    run | test | bench) have apt-get && ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null ;;
    *) return 1 ;;
  esac
}

# find_root WHAT COMMAND: sets the array `root` to the words that run a command as root, or ends with what to ask for.
root=()
find_root() {
  if ((EUID == 0)); then
    root=()
  elif have sudo && { sudo -n true 2>/dev/null || { [[ -t 0 && -t 2 ]] && sudo -v; }; }; then
    root=(sudo)
  else
    fail "$1, and that needs root; this user is not root and sudo did not let it through." \
      "Let an administrator run:" "" "    $2" "" "then run the same command again."
  fi
}

# apt_get VERB ARGUMENT...: apt-get without questions; its whole output in $apt_log, its progress on the screen.
# The status lines need a descriptor of their own (on 1 they would close the packages' standard output), opened
# on the far side of sudo, which closes all descriptors above 2.
apt_log=
apt_get() {
  local line label="lists      "
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} \
    ${https_proxy:+"https_proxy=$https_proxy"} \
    bash -c 'exec 3>&1; exec apt-get -q -y -o APT::Status-Fd=3 "$@"' apt-get -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 "$@" 2>&1 </dev/null |
    while IFS= read -r line; do
      if [[ $line =~ ^(dl|pm)status:.*:([0-9]+)\.?[0-9]*:(.*)$ ]]; then
        [[ $1 == update ]] || case ${BASH_REMATCH[1]} in
          dl) label=downloading ;;
          pm) label="installing " ;;
        esac
        progress "$label" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"
      else
        printf '%s\n' "$line" >>"$apt_log"
      fi
    done
}

# Whoever interrupts an installation leaves packages half done, and apt then refuses everything until this has run.
finish_interrupted_dpkg() {
  grep -q 'dpkg was interrupted' "$apt_log" || return 1
  progress_end
  say "    first finishing an installation that was interrupted earlier (dpkg --configure -a)"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >>"$apt_log" 2>&1 </dev/null
}

explain_apt_failure() {
  progress_end
  printf '\nWhat apt said about it (all of it: %s):\n' "$apt_log" >&2
  { grep -iE -m 6 '^(E:|Err:)|error|fail|sudo:' "$apt_log" || tail -n 6 "$apt_log"; } |
    cut -c1-300 | sed 's/^/    /' >&2
  printf '\n' >&2
  if grep -qiE 'enough free space|no space left' "$apt_log"; then
    fail "no disk space left for system packages." \
      "Free some space ('apt-get clean' helps) and run the same command again."
  elif grep -qE 'Could not (get|open) lock' "$apt_log"; then
    fail "another apt is at work." "Let it end, then run this again."
  elif grep -qE 'Failed to fetch|Could not (resolve|connect)|Temporary failure|Unable to connect' "$apt_log"; then
    fail "apt could not download packages: no network, or a proxy that apt does not know." \
      "Make 'apt-get update' work as root (a proxy goes into /etc/apt/apt.conf.d/ or http_proxy)." \
      "Then run this again."
  elif grep -qE 'Unable to locate package|has no installation candidate' "$apt_log"; then
    fail "this system's package sources do not have: $1" \
      "Is this Debian 12 or newer, with its main section in /etc/apt/sources.list.d/?"
  elif grep -qiE 'sudo: |not in the sudoers' "$apt_log"; then
    fail "sudo refused to run apt-get." "Run as root: apt-get install --no-install-recommends -y $1"
  fi
  fail "apt could not install: $1" "Repair what apt names above, then run the same command again."
}

# Debian starts a service when its package is installed. Nothing of that kind is wanted here: tests and benchmarks
# start servers of their own. policy-rc.d is Debian's switch for it; one that is there is the administrator's.
policy=/usr/sbin/policy-rc.d
forbid_service_start() {
  [[ -e $policy ]] && return
  trap allow_service_start EXIT
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
}
allow_service_start() {
  trap - EXIT
  "${root[@]}" rm -f "$policy"
}

# settle_services KEEP_CLUSTERS PACKAGE...: takes back what the packages just installed prepared for a next boot.
settle_services() {
  local keep_clusters=$1 version
  shift
  if [[ ! $keep_clusters && " $* " == *" postgresql "* ]] && have pg_dropcluster; then
    # The package has just made an empty cluster "main"; it never ran, and pg_dropcluster refuses one that runs.
    for version in /etc/postgresql/*/main; do
      [[ -d $version ]] || continue
      version=$(basename "$(dirname "$version")")
      "${root[@]}" pg_dropcluster "$version" main >>"$apt_log" 2>&1 || true
    done
  fi
  local service
  for service in conserver-server conman squid; do
    if [[ " $* " == *" $service "* ]]; then
      "${root[@]}" update-rc.d "$service" disable >>"$apt_log" 2>&1 || true
    fi
  done
}

# Before anything is installed: an older system's own python3 would not help.
refuse_old_python() {
  local offered
  offered=$(apt-cache show python3 2>/dev/null | sed -n 's/^Version: //p' | sort -V | tail -n 1)
  [[ ! $offered ]] || dpkg --compare-versions "$offered" ge 3.11 || fail_without_python "apt here offers $offered"
}

fail_without_python() {
  fail "no Python 3.11 or newer with the venv module; $1." \
    "Debian 12 has it as python3 + python3-venv. On an older system install a newer Python and name it:" \
    "    OOB_PYTHON=/path/to/python3.11 make ..."
}

# ensure_packages PURPOSE: afterwards every program that the purpose needs is there.
ensure_packages() {
  local missing=() since=$EPOCHREALTIME had_postgres=
  mapfile -t missing < <(missing_packages "$1")
  if ((${#missing[@]} == 0)) && ! needs_package_lists "$1"; then
    return
  fi
  if ! have apt-get; then
    fail "not on this machine: ${missing[*]}" \
      "These are Debian's package names; there is no apt here, so install them by this system's own means."
  fi
  apt_log=$(mktemp -t oob-apt.XXXXXX)
  if ((${#missing[@]} == 0)); then
    say "==> Fetching apt's package lists (the demo guest is made from Debian packages)"
    find_root "apt has no package lists" "apt-get update"
    apt_get update || explain_apt_failure "package lists"
    ! needs_package_lists "$1" || explain_apt_failure "busybox-static"
  else
    say "==> Installing what is missing on this system: ${missing[*]}"
    find_root "${missing[*]} must be installed" \
      "apt-get update && apt-get install --no-install-recommends -y ${missing[*]}"
    [[ ! -d /etc/postgresql ]] || had_postgres=yes
    apt_get update || explain_apt_failure "${missing[*]}"
    [[ " ${missing[*]} " != *" python3 "* ]] || refuse_old_python
    forbid_service_start
    apt_get install --no-install-recommends "${missing[@]}" ||
      { finish_interrupted_dpkg && apt_get install --no-install-recommends "${missing[@]}"; } ||
      explain_apt_failure "${missing[*]}"
    settle_services "$had_postgres" "${missing[@]}"
    allow_service_start
  fi
  progress_end
  rm -f "$apt_log"
  say "    done in $(elapsed "$since")"
}
