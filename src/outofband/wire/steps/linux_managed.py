"""ufw and firewalld in `reset_remote`: told to let a port in, unless they do, in words that nobody else uses.

What their owner wrote stays as it is. The rule of ours is another one than any of theirs, stands before them
and lasts after a restart; the undo takes away exactly that.
"""

from __future__ import annotations

MANAGED = """\
# Asked once: both are programs in Python, and slow.
has_ufw() {
    [ -n "${ufw_is-}" ] || {
        ufw_is=off
        if has ufw && ufw status 2>/dev/null | grep -q '^Status: active'; then ufw_is=on; fi
    }
    [ $ufw_is = on ]
}
has_firewalld() {
    [ -n "${firewalld_is-}" ] || {
        firewalld_is=off
        if has firewall-cmd && firewall-cmd --quiet --state 2>/dev/null; then firewalld_is=on; fi
    }
    [ $firewalld_is = on ]
}

# ufw_lets_in PORT: by its own chain, in which the first rule that is for everybody counts.
ufw_lets_in() {
    policy=$(iptables -S INPUT 2>/dev/null | awk '$1 == "-P" { print $3 }')
    iptables -S ufw-user-input 2>/dev/null | awk -v port="$1" -v policy="$policy" '
        function has_port(list, part, ends, i, n) {
            n = split(list, part, ",")
            for (i = 1; i <= n; i++) {
                if (split(part[i], ends, ":") < 2) ends[2] = ends[1]
                if (port + 0 >= ends[1] + 0 && port + 0 <= ends[2] + 0) return 1
            }
            return 0
        }
        / -m recent / { next }
        $1 == "-A" {
            target = ""; covers = 1; whole = 1
            for (i = 3; i < NF; i++) {
                if ($i == "-p" && $(i + 1) != "tcp") covers = 0
                if ($i ~ /^--dports?$/ && !has_port($(i + 1))) covers = 0
                if ($i ~ /^(-s|-d|-i|!)$/) whole = 0
                if ($i == "-j") target = $(i + 1)
            }
            if (!covers || !whole) next
            if (target ~ /^(ACCEPT|ufw-user-limit-accept)$/) { verdict = "in"; exit }
            if (target ~ /^(DROP|REJECT)$/) { verdict = "out"; exit }
        }
        END { exit !(verdict == "in" || (verdict == "" && policy == "ACCEPT")) }'
}
ufw_let_in() {
    if ufw_lets_in "$1"; then return; fi
    plan rules ufw "$1"
    # From every port: no rule of the owner says so, and one that only differs in its deed would be taken for
    # the same as ours.
    rule="allow proto tcp from any port 1:65535 to any port $1"
    ufw prepend $rule >/dev/null 2>&1 || ufw insert 1 $rule >/dev/null 2>&1 || ufw $rule >/dev/null 2>&1
}

# Zones with cards in them, or the one for all others.
zones() {
    found=$(firewall-cmd --get-active-zones 2>/dev/null | awk '/^[^[:space:]]/ { print $1 }')
    [ -z "$found" ] || { echo "$found"; return; }
    firewall-cmd --get-default-zone 2>/dev/null
}
first='priority="-32768"'
# zone_state ZONE PORT: in, refused by a rich rule, or neither. Such rules come before ports that are let in.
zone_state() {
    rich=$(firewall-cmd --zone="$1" --list-rich-rules 2>/dev/null)
    case $rich in
        *"$first"*"port=\\"$2\\""*accept*) echo in; return ;;
        *' reject'* | *' drop'*) echo refused; return ;;
    esac
    target=$(firewall-cmd --permanent --zone="$1" --get-target 2>/dev/null)
    [ "$target" != ACCEPT ] || { echo in; return; }
    {
        firewall-cmd --zone="$1" --list-ports
        for service in $(firewall-cmd --zone="$1" --list-services); do
            firewall-cmd --permanent --service="$service" --get-ports
        done
    } 2>/dev/null | tr ' ' '\\n' | awk -F/ -v port="$2" '
        $2 == "tcp" { if (split($1, ends, "-") < 2) ends[2] = ends[1]
            if (port + 0 >= ends[1] + 0 && port + 0 <= ends[2] + 0) found = 1 }
        END { if (found) print "in" }'
}
firewalld_lets_in() {
    ! firewall-cmd --quiet --query-panic || return
    for zone in $(zones); do
        [ "$(zone_state "$zone" "$1")" = in ] || return
    done
}
firewalld_let_in() {
    port=$1
    if firewall-cmd --quiet --query-panic; then
        plan rules firewalldPanic
        firewall-cmd --quiet --panic-off
    fi
    for zone in $(zones); do
        case $(zone_state "$zone" "$port") in
            in) continue ;;
            refused)
                plan rules firewalldRich "$port" "$zone"
                set -- "--add-rich-rule=rule $first port port=$port protocol=tcp accept"
                ;;
            *)
                plan rules firewalld "$port" "$zone"
                set -- --add-port="$port/tcp"
                ;;
        esac
        firewall-cmd --quiet --permanent --zone="$zone" "$1"
        firewall-cmd --quiet --zone="$zone" "$1"
    done
}
"""
