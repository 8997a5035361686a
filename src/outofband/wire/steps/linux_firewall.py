"""The guest's own firewall in `reset_remote`: whatever denies, the wanted ports are accepted before it.

No rule is taken away. An accept at the head of every chain that a packet passes is enough: it ends that chain
only, and the next one has one too. Each of ours bears the run's name, by which the undo finds it. Where ufw
or firewalld rule they are told instead, and the port stays open after a restart.
"""

from __future__ import annotations

FIREWALL = """\
mark=outofband-${run:-look}
wanted_ports() {
    if wants ssh; then echo "$ssh_port"; fi
    if wants rdp; then echo "$rdp_port"; fi
}
has_ufw() { has ufw && ufw status 2>/dev/null | grep -q '^Status: active'; }
has_firewalld() { has firewall-cmd && firewall-cmd --quiet --state 2>/dev/null; }
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
ip_denies() { has "$1" && "$1" -t "$2" -S 2>/dev/null | grep -cE -e '-P [A-Z]+ DROP|-j (DROP|REJECT)'; }
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
}
mend_firewall() {
    for port in $(wanted_ports); do
        if has_ufw; then
            if ! ufw status 2>/dev/null | grep -qE "^$port(/tcp)? +ALLOW"; then
                plan rules ufw "$port"
                ufw insert 1 allow "$port/tcp" >/dev/null 2>&1 || ufw allow "$port/tcp" >/dev/null 2>&1
            fi
            continue
        fi
        if has_firewalld; then
            if ! firewall-cmd --quiet --query-port="$port/tcp"; then
                plan rules firewalld "$port"
                firewall-cmd --quiet --permanent --add-port="$port/tcp"
                firewall-cmd --quiet --add-port="$port/tcp"
            fi
            continue
        fi
        [ "$(all_denies)" != 0 ] || continue
        temporary=
        nft_let_in "$port"
        ip_let_in "$port"
        [ -z "$temporary" ] || problem GuestFirewallTemporary port "$port"
    done
}
nft_let_in() {
    has nft || return
    nft_chains >"$kept/chains"
    while read -r family table chain which; do
        if of_iptables "$family" "$table"; then continue; fi
        there=$(nft list chain "$family" "$table" "$chain" 2>/dev/null)
        case $there in *"$which $1 accept comment \\"outofband-"*) continue ;; esac
        plan rules nft
        nft insert rule "$family" "$table" "$chain" tcp "$which" "$1" accept comment "\\"$mark\\"" &&
            temporary=true
    done <"$kept/chains"
}
ip_let_in() {
    for command in iptables ip6tables; do
        has $command || continue
        for place in filter:INPUT:dport filter:OUTPUT:sport mangle:PREROUTING:dport mangle:INPUT:dport \\
            raw:PREROUTING:dport; do
            table=${place%%:*} which=${place##*:} chain=${place#*:}
            chain=${chain%:*}
            found=$(ip_denies $command $table)
            [ "${found:-0}" != 0 ] || continue
            if $command -t $table -S $chain 2>/dev/null |
                grep -q -e "--$which $1 -m comment --comment \\"*outofband-"; then
                continue
            fi
            plan rules $command $table $chain
            $command -t $table -I $chain 1 -p tcp --$which "$1" -m comment --comment "$mark" -j ACCEPT &&
                temporary=true
        done
    done
}
"""
