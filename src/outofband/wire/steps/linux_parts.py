"""The parts of `reset_remote`: how it begins, services, and the report in the end.

POSIX sh with what busybox has; nothing else is relied on without asking for it first.
"""

from __future__ import annotations

# Its name is the folder's: where the disk is full the memory has to do, and the report says which.
ASK = """\
set -u
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 077
ssh_port=${ssh_port:-22} rdp_port=${rdp_port:-3389} account=${account-} only_look=${only_look-}
kept=
problems=

begin() {
    for kept in "/var/lib/outofband/undo/$run" "/run/outofband-undo/$run"; do
        # Where a byte has no room there is no plan either. One of this run that is there already goes on.
        (mkdir -p "$kept" && echo >"$kept/room" && rm "$kept/room" && : >>"$kept/plan") 2>/dev/null && return
        { rm -f "$kept/room"; rmdir "$kept" "${kept%/*}"; } 2>/dev/null
    done
    kept=
    problem GuestReadOnly path /var/lib
    only_look=true
}
wants() { case " $protocols " in *" $1 "*) true ;; *) false ;; esac; }
changes() { [ -z "$only_look" ]; }
# The way back, before the way there.
plan() { [ -z "$kept" ] || printf '%s\\n' "$*" >>"$kept/plan"; }
keep() {
    count=$(ls "$kept" | grep -c 'path$')
    count=$((count + 1))
    printf '%s' "$1" >"$kept/$count.path" || return
    if [ -e "$1" ] || [ -L "$1" ]; then cp -pP "$1" "$kept/$count" || return; fi
    plan file $count
}
# A file as a whole or not at all: a full disk must not leave half of a configuration. It stays its owner's.
# Given on standard input, from a file: at the end of a pipe a shell forgets what it learnt.
replace() {
    if [ -e "$1" ]; then cp -p "$1" "$1.outofband"; else : >"$1.outofband" && chmod "$2" "$1.outofband"; fi
    if keep "$1" && cat >"$1.outofband" && mv -f "$1.outofband" "$1"; then return 0; fi
    rm -f "$1.outofband"
    problem GuestFileNotWritten path "$1"
    return 1
}

clean() { printf '%s' "$1" | tr -d '\\000-\\037\\177' | cut -c1-80 | sed 's/\\\\/\\\\\\\\/g; s/"/\\\\"/g'; }
pair() {
    case $2 in
        '') pairs="$pairs,\\"$1\\":null" ;;
        true | false) pairs="$pairs,\\"$1\\":$2" ;;
        *[!0-9]* | 0?* | ????????????*) pairs="$pairs,\\"$1\\":\\"$(clean "$2")\\"" ;;
        *) pairs="$pairs,\\"$1\\":$2" ;;
    esac
}
problem() {
    code=$1 fields=
    shift
    while [ $# -ge 2 ]; do
        fields="$fields,\\"$1\\":\\"$(clean "$2")\\""
        shift 2
    done
    told="{\\"code\\":\\"$code\\",\\"fields\\":{${fields#,}}}"
    case $problems in *"$told"*) ;; *) problems="$problems,$told" ;; esac
}
is() { "$@" >/dev/null 2>&1 && echo true || echo false; }
has() { command -v "$1" >/dev/null 2>&1; }
booted() { [ -d /run/systemd/system ]; }

# Not on the loopback alone. Addresses are those of the kernel: hexadecimal, the port after a colon.
listens() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$(printf ':%04X' "$1")" '
        $4 == "0A" && substr($2, length($2) - 4) == port &&
            $2 !~ /^0100007F:/ && $2 !~ /^000000000000000000000000(01000000|0100007F):/ { found = 1 }
        END { exit !found }'
}
soon_listens() {
    for second in 1 2 3 4 5 6 7 8; do
        listens "$1" && return
        sleep 1
    done
    false
}
# Name and pid of who listens at a port and is none of these programs; who opens it for them does not count.
holder() {
    sockets=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$(printf ':%04X' "$1")" '
        $4 == "0A" && substr($2, length($2) - 4) == port { printf " socket:[%s]", $10 }')
    shift
    [ -n "$sockets" ] || return
    for pid in $(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v sockets="$sockets " '
        $1 ~ "^/proc/" { split($1, part, "/"); pid = part[3] }
        index(sockets, " " $NF " ") { print pid }' | sort -un); do
        name=$(cat "/proc/$pid/comm" 2>/dev/null)
        case " $* systemd inetd xinetd " in *" ${name:-systemd} "*) continue ;; esac
        echo "$name $pid"
        return
    done
}

# Type and flags of a mount, as two words. What is mounted last at a place is what is there.
mounted_at() { awk -v at="$1" '$2 == at { found = $3 " " $4 } END { print found }' /proc/mounts; }
is_read_only() { case ",${1#* }," in *,ro,*) ;; *) false ;; esac; }
# Images that nobody writes to, roots that are checked against a hash, and what the owner has so: services
# there do without, and it is no fault.
meant_read_only() {
    case ${1%% *} in squashfs | erofs | iso9660 | udf | cramfs | romfs | overlay) return 0 ;; esac
    ! [ -e /run/ostree-booted ] || return 0
    ! grep -qE '(^| )(roothash|ostree)=' /proc/cmdline || return 0
    awk '$1 !~ /^#/ && $2 == "/" { flags = "," $4 "," } END { exit !index(flags, ",ro,") }' /etc/fstab \\
        2>/dev/null
}
look_at_disks() {
    full=
    for folder in / /var /tmp /etc /run; do
        place=$(df -P "$folder" 2>/dev/null | awk 'NR == 2 && $2 > 0 && $4 == 0 { print $6 }')
        inodes=$(df -P -i "$folder" 2>/dev/null | awk 'NR == 2 && $2 > 0 && $4 == 0 { print $6 }')
        for each in $place $inodes; do
            case " $full " in *" $each "*) continue ;; esac
            # An image has no room left by its nature.
            ! is_read_only "$(mounted_at "$each")" || continue
            full="$full $each"
            problem GuestDiskFull path "$each"
        done
    done
    pair disk.full "${full# }"
    root=$(mounted_at /) fixed=
    ! is_read_only "$root" || fixed=/
    pair disk.readOnly "$fixed"
    [ -z "$fixed" ] || meant_read_only "$root" || problem GuestReadOnly path "$fixed"
}
"""

SERVICES = """\
# The first of these names that is a service here, without its ending.
service_of() {
    for name; do
        for folder in /etc/systemd/system /run/systemd/system /lib/systemd/system /usr/lib/systemd/system; do
            if has systemctl && [ -f "$folder/$name.service" ] && [ ! -L "$folder/$name.service" ]; then
                echo "$name"
                return
            fi
        done
        [ ! -x "/etc/init.d/$name" ] || { echo "$name"; return; }
    done
}
# In systemd's words, also where OpenRC or the links of System V decide.
enabled() {
    if has systemctl; then
        systemctl is-enabled "$1.service" 2>/dev/null | head -n 1
    elif has rc-update; then
        rc-update show 2>/dev/null |
            awk -v name="$1" '$1 == name { found = 1 } END { print found ? "enabled" : "disabled" }'
    elif ls /etc/rc[2345].d/S[0-9]*"$1" >/dev/null 2>&1; then
        echo enabled
    elif ls /etc/rc[2345].d/K[0-9]*"$1" >/dev/null 2>&1; then
        echo disabled
    fi
}
enable() {
    if has systemctl; then systemctl --quiet enable "$1.service"
    elif has rc-update; then rc-update add "$1" default
    elif has update-rc.d; then update-rc.d "$1" enable
    elif has chkconfig; then chkconfig "$1" on
    fi >/dev/null 2>&1
}
runs() {
    if booted; then
        systemctl --quiet is-active "$1.service"
    else
        grep -qx "$2" /proc/[0-9]*/comm 2>/dev/null
    fi
}
look_at_service() {
    pair "service.$1.enabled" "$(enabled "$1")"
    pair "service.$1.runs" "$(is runs "$1" "$2")"
}
# Whether systemd looks after its socket: that is what listens then, and it alone says where.
by_socket() {
    booted &&
        { systemctl --quiet is-enabled "$1.socket" || systemctl --quiet is-active "$1.socket"; } 2>/dev/null
}
# bring_up SERVICE PROCESS PORT CHANGED
bring_up() {
    state=$(enabled "$1")
    case $state in
        masked*)
            plan unit mask "$1"
            systemctl --quiet unmask "$1.service" 2>/dev/null
            [ "$state" = masked ] || systemctl --quiet --runtime unmask "$1.service" 2>/dev/null
            state=$(enabled "$1")
            ;;
    esac
    # Then the service itself is neither enabled nor running, or was begun by its socket, which does not
    # listen anew before that one is gone.
    if by_socket "$1"; then
        [ -z "$4" ] && listens "$3" && return
        systemctl daemon-reload
        systemctl stop "$1.service" 2>/dev/null
        said=$(systemctl restart "$1.socket" 2>&1)
        soon_listens "$3" ||
            problem GuestServiceFailed service "$1" port "$3" detail "$(printf '%s' "$said" | tail -n 1)"
        return
    fi
    if [ "$state" = disabled ]; then
        plan unit disable "$1"
        enable "$1"
    fi
    held=
    [ -z "$3" ] || held=$(holder "$3" "$2")
    if [ -n "$held" ]; then
        problem GuestPortTaken service "$1" port "$3" program "${held% *}" pid "${held##* }"
        return
    fi
    if runs "$1" "$2" && [ -z "$4" ] && { [ -z "$3" ] || listens "$3"; }; then
        return
    fi
    runs "$1" "$2" || plan unit stop "$1"
    if booted; then
        systemctl daemon-reload
        systemctl reset-failed "$1.service" 2>/dev/null
        said=$(systemctl restart "$1.service" 2>&1)
    elif [ -x "/etc/init.d/$1" ]; then
        said=$("/etc/init.d/$1" restart 2>&1 </dev/null)
    else
        said='there is nothing to start it with'
    fi
    if [ -n "$3" ] && ! soon_listens "$3"; then
        if [ "$2" = sshd ] && [ -n "$(denied_port sshd ssh_port_t "$3")" ]; then
            problem GuestPortLabelMissing service sshd port "$3" label ssh_port_t
        else
            problem GuestServiceFailed service "$1" port "$3" detail "$(printf '%s' "$said" | tail -n 1)"
        fi
    fi
}
"""

STATE = """\
look() {
    pairs=
    look_at_disks
    look_at_cards
    if wants ssh; then look_at_ssh; fi
    if wants rdp; then look_at_xrdp; fi
    look_at_firewall
    [ -z "$account" ] || look_at_account
    pairs=${pairs#,}
}
"""

REPORT = """\
ssh=$(service_of ssh sshd)
ssh=${ssh:-ssh}
[ -n "$only_look" ] || begin
look
before=$pairs
if changes; then
    if wants ssh; then mend_ssh; fi
    if wants rdp; then mend_xrdp; fi
    mend_firewall
    [ -z "$account" ] || mend_account
    look
fi
# Where nothing had to be changed nothing is left behind either.
if [ -n "$kept" ] && [ ! -s "$kept/plan" ]; then
    rm -rf "$kept"
    rmdir "${kept%/*}" 2>/dev/null
    kept=
fi
[ -n "$kept" ] || run=
printf '{"schema":"outofband.step/1","step":"resetRemote","system":"linux","before":{%s},"after":{%s},' \\
    "$before" "$pairs"
printf '"problems":[%s],"restart":false,"run":"%s"}\\n' "${problems#,}" "$run"
"""
