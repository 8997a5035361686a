"""What a chain of nftables or iptables makes of a port, as far as that can be seen without trying.

Where a rule that is for everybody lets the port in before one that denies it, nothing is added to the chain.
Whatever cannot be read for sure (sets, maps, other chains) counts as a denial: one accept too many does less
harm than a port that stays shut.
"""

from __future__ import annotations

VERDICT = """\
# Standard input: the lines of a chain as nft lists it. nft_lets_in WHICH PORT; which port: dport, sport.
nft_lets_in() {
    awk -v which="$1" -v port="$2" '
        function has_port(list, part, ends, i, n) {
            gsub(/[{}[:space:]]/, "", list)
            n = split(list, part, ",")
            for (i = 1; i <= n; i++) {
                if (split(part[i], ends, "-") < 2) ends[2] = ends[1]
                if (port + 0 >= ends[1] + 0 && port + 0 <= ends[2] + 0) return 1
            }
            return 0
        }
        function ends_with(what) { verdict = what; exit }
        BEGIN { verdict = "in" }
        $1 == "type" { if ($0 ~ /policy drop/) verdict = "out"; next }
        $1 ~ /^(table|chain|}|elements|set)$/ || NF == 0 { next }
        {
            line = $0
            gsub(/comment "[^"]*"/, "", line)
            gsub(/log( prefix "[^"]*")?( (level|group|flags|snaplen|queue-threshold) [a-z0-9]+)*/, "", line)
            gsub(/counter( packets [0-9]+ bytes [0-9]+)?/, "", line)
            gsub(/meta l4proto tcp|ip6? protocol tcp|ip6 nexthdr tcp/, "", line)
            gsub(/^[[:space:]]+|[[:space:]]+$/, "", line)
            if (line == "") next
            if (line ~ /(jump|goto|queue|vmap|return)/) {
                # Only for what is not meant here?
                if (line ~ /^(udp|icmp|icmpv6|ct state (invalid|[{] ?invalid))/) next
                ends_with("unknown")
            }
            if (line ~ /^(udp|icmp|icmpv6|meta l4proto)[[:space:]]/) next
            deed = ""
            if (line ~ /(^|[[:space:]])accept$/) deed = "in"
            if (line ~ /(^|[[:space:]])(drop|reject.*)$/) deed = "out"
            if (deed == "") next
            sub(/(accept|drop|reject.*)$/, "", line)
            # Those who ask are new, those who answer are known.
            if (which == "dport") gsub(/ct state ([{][^}]*new[^}]*[}]|[a-z,]*new[a-z,]*)/, "", line)
            else gsub(/ct state ([{][^}]*established[^}]*[}]|[a-z,]*established[a-z,]*)/, "", line)
            named = 0
            if (match(line, /(tcp|th) [ds]port (!= )?([{][^}]*[}]|[^[:space:]]+)/)) {
                said = substr(line, RSTART, RLENGTH)
                if (said ~ /!=|@/ || said !~ /[0-9]/) { if (deed == "out") ends_with("unknown"); next }
                kind = said ~ /dport/ ? "dport" : "sport"
                list = said
                sub(/^(tcp|th) [ds]port /, "", list)
                if (kind != which || !has_port(list)) next
                named = 1
                line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
            }
            gsub(/[[:space:]]/, "", line)
            if (line == "") ends_with(deed)
            # For some only. Who is let in is not all, and who is denied may be who asks.
            if (deed == "out" && (named || line ~ /!=/) && line !~ /127[.]0[.]0[.]/) ends_with("unknown")
        }
        END { exit (verdict != "in") }'
}
# The same from the lines of iptables -S for one chain.
iptables_let_in() {
    awk -v which="--$1" -v port="$2" '
        function has_port(list, part, ends, i, n) {
            n = split(list, part, ",")
            for (i = 1; i <= n; i++) {
                if (split(part[i], ends, ":") < 2) ends[2] = ends[1]
                if (port + 0 >= ends[1] + 0 && port + 0 <= ends[2] + 0) return 1
            }
            return 0
        }
        BEGIN { verdict = "in"; wanted = which == "--dport" ? "NEW" : "ESTABLISHED" }
        $1 == "-P" { if ($3 != "ACCEPT") verdict = "out"; next }
        $1 == "-A" {
            target = ""; covers = 1; whole = 1; named = 0; but = 0
            for (i = 3; i <= NF; i++) {
                if ($i == "-p" && $(i + 1) !~ /^(tcp|all)$/) covers = 0
                if ($i ~ /^--[ds]ports?$/) {
                    if (index($i, which) != 1 || !has_port($(i + 1))) covers = 0
                    named = 1
                }
                if ($i ~ /^--(ct)?state$/ && $(i + 1) !~ wanted) covers = 0
                if ($i == "!") but = 1
                if ($i ~ /^(-s|-d|-i|-o|!|--limit|--seconds|--match-set)$/) whole = 0
                if ($i == "-j" || $i == "-g") target = $(i + 1)
            }
            if (!covers || target ~ /^(LOG|NFLOG|)$/) next
            if (target !~ /^(ACCEPT|DROP|REJECT)$/) { verdict = "unknown"; exit }
            if (!whole && (target == "ACCEPT" || (!named && !but))) next
            verdict = target == "ACCEPT" ? "in" : "out"
            exit
        }
        END { exit (verdict != "in") }'
}
"""
