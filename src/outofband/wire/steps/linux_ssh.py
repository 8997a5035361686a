"""SSH in `reset_remote`: where its server listens, its configuration, its keys, its service."""

from __future__ import annotations

SSH = """\
ssh_config=/etc/ssh/sshd_config
ssh_files() { ls "$ssh_config" /etc/ssh/sshd_config.d/*.conf 2>/dev/null; }
# What sshd itself makes of its files. Newer ones say it at once (-G). Older ones want their host keys and
# their folder in memory, which goes with a service that is stopped: those are there then for this one
# process, in mounts of its own, and nowhere else.
ssh_means() {
    # Some kinds of Match are refused where nobody says who connects; what is asked for here stands in none.
    # Without -n mount makes a folder of its own in /run first.
    who=user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22
    sshd -G -C $who 2>/dev/null || sshd -T -C $who 2>/dev/null || {
        has unshare && unshare -m sh -c '
            mount -n -t tmpfs -o size=1m,mode=755 outofband "$1" || exit
            mkdir "$1/sshd"
            sshd -T -C "$2" || {
                ssh-keygen -q -t ed25519 -N "" -f "$1/key" && sshd -T -C "$2" -h "$1/key"
            }
        ' sh "$(cd /run && pwd -P)" $who 2>/dev/null
    }
}
ssh_says() { ssh_means | awk -v name="$1" '$1 == name { print $2 }'; }
socket_places() {
    systemctl show -p Listen "$ssh.socket" 2>/dev/null | sed -n 's/^Listen=\\(.*:[0-9]*\\) (Stream)$/\\1/p'
}
# ADDRESS:PORT, one a line. A Port counts only for a ListenAddress that has none of its own.
config_places() { ssh_says listenaddress; }
ssh_places() { if by_socket "$ssh"; then socket_places; else config_places; fi; }
# Of such places, given on standard input, those where somebody outside comes.
outer() { grep -vE '^(127\\.|\\[?::1\\]?:)'; }
ports() { sed 's/.*://' | sort -un; }
# Those of the loopback where there is no other.
ssh_ports() {
    places=$(ssh_places)
    { printf '%s\\n' "$places" | outer || printf '%s\\n' "$places"; } | ports
}
reached() { "$1" | outer | ports | grep -qx "$ssh_port"; }
# What it only warns of it takes. A service that is stopped takes its folder in memory along; that is no
# fault of the configuration.
ssh_complaint() {
    said=$(sshd -t 2>&1) && return
    printf '%s\\n' "$said" | grep -vi -e 'missing privilege separation directory' -e 'load host key' \\
        -e 'deprecated option' -e 'unsupported option' | head -n 1
}
ssh_only_local() {
    listened=$(ssh_places)
    [ -n "$listened" ] && ! printf '%s\\n' "$listened" | outer >/dev/null
}
look_at_ssh() {
    pair ssh.installed "$(is has sshd)"
    has sshd || return
    look_at_service "$ssh" sshd
    pair ssh.fault "$(ssh_complaint)"
    pair ssh.port "$(ssh_ports | tr '\\n' ' ' | sed 's/ $//')"
    pair ssh.onlyLocal "$(is ssh_only_local)"
    pair ssh.hostKeys "$(ls /etc/ssh/ssh_host_*_key 2>/dev/null | wc -l | tr -d ' ')"
    pair ssh.listens "$(is listens "$ssh_port")"
    pair ssh.heldBy "$(holder "$ssh_port" sshd)"
    pair ssh.deniedPort "$(listens "$ssh_port" || denied_port sshd ssh_port_t $(ssh_ports))"
    pair ssh.nologin "$(is test -e /etc/nologin)"
}
# put_aside WORD: its lines, in all files.
put_aside() {
    for file in $(ssh_files); do
        grep -qi "^[[:space:]]*$1[[:space:]=]" "$file" || continue
        # sed's own way to ignore case is not everywhere.
        awk -v wanted="$1" '{
            word = tolower($1); sub(/=.*/, "", word)
            if (word == wanted) print "#" $0; else print
        }' "$file" >"$kept/new"
        replace "$file" 644 <"$kept/new" && changed=true
    done
}
mend_places() {
    ! reached config_places || return
    if ! ssh_says port | grep -qx "$ssh_port"; then
        put_aside port
        if ! ssh_says port | grep -qx "$ssh_port"; then
            { echo "Port $ssh_port"; cat "$ssh_config"; } >"$kept/new"
            replace "$ssh_config" 644 <"$kept/new" && changed=true
        fi
    fi
    reached config_places || put_aside listenaddress
}
# The last of the files that say where it listens.
mend_socket() {
    (umask 022; mkdir -p "/etc/systemd/system/$ssh.socket.d")
    printf '%s\\n' '[Socket]' ListenStream= "ListenStream=$ssh_port" >"$kept/new"
    replace "/etc/systemd/system/$ssh.socket.d/zz-outofband.conf" 644 <"$kept/new" && changed=true
}
mend_ssh() {
    has sshd || { problem GuestServiceMissing service sshd; return; }
    changed=
    # Its own folder is in memory, and the service makes it only where it starts by its own means.
    [ -d /run/sshd ] || (umask 022; mkdir -p /run/sshd)
    if ! ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1; then
        ssh-keygen -A >/dev/null 2>&1
        changed=true
    fi
    if [ -n "$(ssh_complaint)" ]; then
        default=/usr/share/openssh/sshd_config
        if [ -e $default ]; then replace "$ssh_config" 644 <$default && changed=true; fi
        if [ -n "$(ssh_complaint)" ]; then
            # What it includes may be what is wrong.
            printf '%s\\n' 'PasswordAuthentication yes' 'UsePAM yes' \\
                'Subsystem sftp internal-sftp' >"$kept/new"
            replace "$ssh_config" 644 <"$kept/new" && changed=true
        fi
    fi
    if ! by_socket "$ssh" || ls /usr/lib/systemd/system-generators/sshd-socket-generator >/dev/null 2>&1; then
        mend_places
    fi
    if by_socket "$ssh"; then
        # Where its places are made of sshd's configuration they are made anew.
        [ -z "$changed" ] || systemctl daemon-reload
        reached socket_places || mend_socket
    fi
    if [ -e /etc/nologin ]; then
        keep /etc/nologin && rm -f /etc/nologin
    fi
    bring_up "$ssh" sshd "$ssh_port" "$changed"
}
"""
