"""Who looks after a Linux guest's network cards, and how each is asked again and told to use DHCP.

In an order: the program that says it looks after this card, then whoever has settings for it, then any
program that can ask. What is changed has its way back in the plan first; `linux_undo` knows the same words.
"""

from __future__ import annotations

KEEPERS = """\
# Some wait for minutes where nobody answers.
bounded() { if has timeout; then timeout 25 "$@"; else "$@"; fi; }
# asks PROGRAM CARD: whether such a process runs for this card, or for all of them.
asks() {
    for each in /proc/[0-9]*; do
        [ "$(cat "$each/comm" 2>/dev/null)" = "$1" ] || continue
        said=$(tr '\\000' ' ' <"$each/cmdline" 2>/dev/null)
        case " $said " in *" $2 "*) echo "${each##*/}"; return ;; esac
        # One for all cards names none.
        if [ "$1" = dhcpcd ]; then echo "${each##*/}"; return; fi
    done
    false
}
stanzas() { ls /etc/network/interfaces /etc/network/interfaces.d/* 2>/dev/null; }
has_stanza() {
    has ifup && [ -n "$(stanzas)" ] &&
        awk -v card="$1" '$1 == "iface" && $2 == card { found = 1 } END { exit !found }' $(stanzas)
}
manager_has() {
    has nmcli && [ "$(nmcli -t -f RUNNING general 2>/dev/null)" = running ] || return
    case $(nmcli -g GENERAL.STATE device show "$1" 2>/dev/null) in '' | '10 '*) false ;; esac
}
# Its own way needs D-Bus, which not every guest has.
networkd_again() {
    { networkctl reload && networkctl reconfigure "$1"; } || systemctl restart systemd-networkd.service
}
networkd_runs() { has networkctl && booted && systemctl --quiet is-active systemd-networkd.service; }
networkd_has() {
    networkd_runs && ! networkctl --no-legend list "$1" 2>/dev/null | grep -qw unmanaged
}
keeper_of() {
    if manager_has "$1"; then echo NetworkManager
    elif networkd_has "$1"; then echo systemd-networkd
    elif has_stanza "$1"; then echo ifupdown
    elif networkd_runs; then echo systemd-networkd
    else
        for name in dhclient dhcpcd udhcpc; do
            if asks $name "$1" >/dev/null; then echo $name; return; fi
        done
        for name in dhclient dhcpcd udhcpc; do
            if has $name; then echo $name; return; fi
        done
    fi
}
# busybox knows the short word only, and ifupdown the long one.
force() {
    if "$1" --help 2>&1 | grep -q -e --force; then bounded "$1" --force "$2"; else bounded "$1" -f "$2"; fi
}
# dhclient asks for the address that it had, also after a release, and a DHCP server that has it free lets it.
# Where the network has another one for the card, what it had is none of its business.
forget_lease() {
    [ -n "$(wanted_of "$1")" ] || return
    for folder in /var/lib/dhcp /var/lib/dhclient /var/lib/NetworkManager; do
        rm -f "$folder/dhclient.leases" "$folder"/dhclient[.-]"$1".lease* "$folder"/dhclient-*-"$1".lease*
    done
}

ask_again() {
    case $(keeper_of "$1") in
        NetworkManager) nmcli -w 20 device connect "$1" ;;
        systemd-networkd) networkd_again "$1" ;;
        ifupdown)
            if ! grep -qs "^$1=" /run/network/ifstate /var/run/ifstate /run/ifstate; then
                plan network down "$1"
            fi
            force ifdown "$1"
            forget_lease "$1"
            force ifup "$1"
            ;;
        dhclient)
            if asks dhclient "$1" >/dev/null; then dhclient -r "$1"; else plan network dhclient "$1"; fi
            forget_lease "$1"
            ip -4 addr flush dev "$1" scope global
            bounded dhclient -1 "$1"
            ;;
        dhcpcd)
            if asks dhcpcd "$1" >/dev/null; then
                dhcpcd -n "$1"
            else
                plan network dhcpcd "$1"
                ip -4 addr flush dev "$1" scope global
                bounded dhcpcd "$1"
            fi
            ;;
        udhcpc)
            ip -4 addr flush dev "$1" scope global
            if found=$(asks udhcpc "$1"); then
                kill -USR2 "$found"
                kill -USR1 "$found"
            else
                plan network udhcpc "$1"
                # It stays, and asks for more time when the lease ends.
                bounded udhcpc -i "$1" -n -t 5
            fi
            ;;
        *) return 1 ;;
    esac
}
# Settings of the guest's that give the card another address are put aside; the plan knows them.
use_dhcp() {
    [ -n "$kept" ] || return
    case $(keeper_of "$1") in
        NetworkManager)
            was=$(nmcli -g GENERAL.CON-UUID device show "$1" 2>/dev/null)
            plan network manager "$1" "${was:--}"
            nmcli -w 20 connection add type ethernet con-name "outofband-$run-$1" ifname "$1" \\
                ipv4.method auto connection.autoconnect-priority 100 &&
                nmcli -w 20 connection up "outofband-$run-$1"
            ;;
        systemd-networkd)
            plan network networkd "$1"
            # The first file that names a card is the one that counts, also before those of netplan.
            printf '%s\\n' '[Match]' "Name=$1" '' '[Network]' 'DHCP=yes' >"$kept/new"
            (umask 022; mkdir -p /etc/systemd/network)
            replace "/etc/systemd/network/00-outofband-$1.network" 644 <"$kept/new" || return
            ip -4 addr flush dev "$1" scope global
            networkd_again "$1"
            ;;
        ifupdown)
            plan network up "$1"
            force ifdown "$1"
            for file in $(stanzas); do
                awk -v card="$1" '
                    $1 ~ /^(iface|auto|allow-.*|mapping|source|source-directory)$/ { inside = 0 }
                    $1 == "iface" && $2 == card && $3 == "inet" {
                        inside = 1; print "iface " card " inet dhcp"; next }
                    inside && $1 ~ /^(address|netmask|gateway|broadcast|network|pointopoint)$/ {
                        print "#" $0; next }
                    { print }' "$file" >"$kept/new"
                cmp -s "$file" "$kept/new" || replace "$file" 644 <"$kept/new"
            done
            plan network down "$1"
            force ifup "$1"
            ;;
        dhcpcd)
            [ -e /etc/dhcpcd.conf ] || return
            plan network dhcpcdAgain "$1"
            awk -v card="$1" '
                $1 == "interface" { inside = $2 == card }
                inside && ($1 == "static" || $1 == "inform") { print "#" $0; next }
                { print }' /etc/dhcpcd.conf >"$kept/new"
            cmp -s /etc/dhcpcd.conf "$kept/new" && return
            replace /etc/dhcpcd.conf 644 <"$kept/new" && dhcpcd -n "$1"
            ;;
        *) return 1 ;;
    esac
}
"""
