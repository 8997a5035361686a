"""The guest's own firewall in `reset_remote`: whatever denies, the wanted ports are accepted before it.

No rule is taken away. An accept at the head of every chain that a packet passes is enough: it ends that chain
only, and the next one has one too. A chain that lets the port in already (`linux_verdict`) stays as it is.
Each rule of ours bears the run's name, by which the undo finds it. Where ufw or firewalld rule they are told
instead (`linux_managed`), and the port stays open after a restart.
"""

from __future__ import annotations

FIREWALL = """\
mark=outofband-${run:-look}
wanted_ports() {
    if wants ssh; then echo "$ssh_port"; fi
    if wants rdp; then echo "$rdp_port"; fi
}
by_nft() { has "$1" && "$1" -V 2>/dev/null | grep -q nf_tables; }
# What iptables made in nftables is left to iptables, which would not know rules of another make.
of_iptables() {
    case "$1 $2" in
        'ip filter' | 'ip mangle' | 'ip raw' | 'ip6 filter' | 'ip6 mangle' | 'ip6 raw') by_nft iptables ;;
        *) false ;;
    esac
}
# One line a chain that packets come or go through: family, table, chain, and which port is theirs.
nft_chains() {
    nft list chains 2>/dev/null | awk '
        $1 == "table" { family = $2; table = $3 }
        $1 == "chain" { chain = $2 }
        $1 == "type" && $2 == "filter" && family ~ /^(inet|ip|ip6)$/ {
            if ($4 == "input" || $4 == "prerouting") print family, table, chain, "dport"
            if ($4 == "output" || $4 == "postrouting") print family, table, chain, "sport"
        }'
}
nft_denies() {
    has nft && nft list ruleset 2>/dev/null | grep -cE '(^|[[:space:]])(drop|reject)([[:space:];]|$)'
}
# Whether there is such a table at all: to ask the older make for one loads its module, which stays.
has_table() {
    if by_nft "$1"; then return; fi
    case $1 in ip6*) names=/proc/net/ip6_tables_names ;; *) names=/proc/net/ip_tables_names ;; esac
    grep -qx "$2" $names 2>/dev/null
}
ip_denies() {
    has "$1" && has_table "$1" "$2" || return
    "$1" -t "$2" -S 2>/dev/null | grep -cE -e '-P [A-Z]+ DROP|-j (DROP|REJECT)'
}
all_denies() {
    sum=$(nft_denies)
    sum=${sum:-0}
    for command in iptables ip6tables; do
        has $command || continue
        # Seen already, among those of nft.
        if has nft && by_nft $command; then continue; fi
        for table in filter mangle raw; do
            more=$(ip_denies $command $table)
            sum=$((sum + ${more:-0}))
        done
    done
    echo "$sum"
}
ours() {
    {
        if has nft; then nft list ruleset 2>/dev/null | grep 'comment "outofband-'; fi
        for command in iptables ip6tables; do
            has $command || continue
            for table in filter mangle raw; do
                has_table $command $table || continue
                $command -t $table -S 2>/dev/null | grep -e '--comment "*outofband-'
            done
        done
    } | grep -c outofband-
}
look_at_firewall() {
    kinds=
    if has_ufw; then kinds="$kinds ufw"; fi
    if has_firewalld; then kinds="$kinds firewalld"; fi
    if has nft; then kinds="$kinds nftables"; fi
    if has iptables; then kinds="$kinds iptables"; fi
    pair firewall.kinds "${kinds# }"
    pair firewall.denies "$(all_denies)"
    pair firewall.letIn "$(ours)"
    pair firewall.shut "$(for port in $(wanted_ports); do ! is_shut "$port" || echo "$port"; done |
        tr '\\n' ' ' | sed 's/ $//')"
}
# Whether anything in the guest keeps the port's packets away, as far as that can be read in its rules.
is_shut() {
    if has_ufw; then ! ufw_lets_in "$1"; return; fi
    if has_firewalld; then ! firewalld_lets_in "$1"; return; fi
    [ "$(all_denies)" != 0 ] || return
    [ -n "$(nft_shuts "$1"; ip_shuts "$1")" ]
}
nft_shuts() {
    has nft || return
    nft_chains | while read -r family table chain which; do
        if of_iptables "$family" "$table"; then continue; fi
        nft list chain "$family" "$table" "$chain" 2>/dev/null | nft_lets_in "$which" "$1" ||
            echo "nft $family $table $chain $which"
    done
}
ip_shuts() {
    for command in iptables ip6tables; do
        has $command || continue
        for place in filter:INPUT:dport filter:OUTPUT:sport mangle:PREROUTING:dport mangle:INPUT:dport \\
            raw:PREROUTING:dport; do
            table=${place%%:*} which=${place##*:} chain=${place#*:}
            chain=${chain%:*}
            found=$(ip_denies $command $table)
            [ "${found:-0}" != 0 ] || continue
            $command -t $table -S $chain 2>/dev/null | iptables_let_in $which "$1" ||
                echo "$command $table $chain $which"
        done
    done
}
mend_firewall() {
    for port in $(wanted_ports); do
        if has_ufw; then ufw_let_in "$port"; continue; fi
        if has_firewalld; then firewalld_let_in "$port"; continue; fi
        [ "$(all_denies)" != 0 ] || continue
        temporary=
        nft_let_in "$port"
        ip_let_in "$port"
        [ -z "$temporary" ] || problem GuestFirewallTemporary port "$port"
    done
}
nft_let_in() {
    nft_shuts "$1" >"$kept/chains"
    while read -r make family table chain which; do
        plan rules nft
        nft insert rule "$family" "$table" "$chain" tcp "$which" "$1" accept comment "\\"$mark\\"" &&
            temporary=true
    done <"$kept/chains"
}
ip_let_in() {
    ip_shuts "$1" >"$kept/chains"
    while read -r command table chain which; do
        plan rules $command $table $chain
        $command -t $table -I $chain 1 -p tcp --$which "$1" -m comment --comment "$mark" -j ACCEPT &&
            temporary=true
    done <"$kept/chains"
}
"""
