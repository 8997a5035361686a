"""SELinux in `reset_remote`: a port that a service may not take, since it has no label for that service.

The kernel says so in one line of the audit log, with or without a daemon that keeps it; where it is kept
differs. The form of the line is that of the kernel's avc_audit (`avc:  denied  { name_bind } ... src=PORT`).
"""

from __future__ import annotations

LABELS = """\
selinux_enforces() {
    [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ] || [ "$(getenforce 2>/dev/null)" = Enforcing ]
}
denials() {
    cat /var/log/audit/audit.log 2>/dev/null
    if has journalctl; then
        journalctl -b -q --no-pager -o cat _TRANSPORT=audit + _TRANSPORT=kernel 2>/dev/null
    fi
    dmesg 2>/dev/null
}
# denied_port PROCESS TYPE PORT...: the first of these ports that it was denied, and that has no such label by
# now. A domain that is permissive is only told of.
denied_port() {
    selinux_enforces || return
    process=$1 label=$2
    shift 2
    refused=$(denials | awk -v name="comm=\\"$process\\"" '
        /avc: +denied +[{] [^}]*name_bind/ && index($0, name) && !/permissive=1/ {
            for (i = 1; i <= NF; i++) if ($i ~ /^src=[0-9]+$/) print substr($i, 5) }')
    for port; do
        printf '%s\\n' "$refused" | grep -qx "$port" || continue
        if has semanage && semanage port -l -n 2>/dev/null | has_label "$label" "$port"; then continue; fi
        echo "$port"
        return
    done
}
# Standard input: TYPE PROTOCOL PORT, PORT-PORT, ... as semanage lists them.
has_label() {
    awk -v label="$1" -v port="$2" '
        $1 == label && $2 == "tcp" {
            for (i = 3; i <= NF; i++) {
                gsub(/,/, "", $i)
                if (split($i, ends, "-") < 2) ends[2] = ends[1]
                if (port + 0 >= ends[1] + 0 && port + 0 <= ends[2] + 0) found = 1
            }
        }
        END { exit !found }'
}
"""
