"""The scripts behind the extensions that are carried out here. Everything secret comes in the environment.

VM_ACCESS is what Azure's VMAccessForLinux does, with the tools of whatever Linux it finds itself in.
"""

from __future__ import annotations

import shlex

VM_ACCESS = """\
set -eu
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
config=/etc/ssh/sshd_config

restart_ssh() {
    if [ -d /run/systemd/system ]; then
        systemctl restart ssh 2>/dev/null || systemctl restart sshd
    elif [ -x /etc/init.d/ssh ]; then
        /etc/init.d/ssh restart
    elif [ -x /etc/init.d/sshd ]; then
        /etc/init.d/sshd restart
    fi
}

if [ "${reset_ssh-}" = true ]; then
    if [ -e "$config" ]; then
        cp -p "$config" "$config.before-reset"
    fi
    mkdir -p /etc/ssh
    if [ -e /usr/share/openssh/sshd_config ]; then
        cat /usr/share/openssh/sshd_config >"$config"
    else
        printf '%s\\n' 'PasswordAuthentication yes' 'UsePAM yes' \\
            'Subsystem sftp internal-sftp' >"$config"
    fi
    restart_ssh
    echo 'The SSH server has its default configuration again.'
fi

if [ -n "${remove_user-}" ]; then
    if [ "$(id -u "$remove_user")" = 0 ]; then
        echo "'$remove_user' is the superuser and stays." >&2
        exit 1
    fi
    if command -v userdel >/dev/null; then
        # 12: the account is gone, its home or mail was not there.
        userdel -f -r "$remove_user" || [ $? = 12 ]
    else
        deluser --remove-home "$remove_user"
    fi
    rm -f "/etc/sudoers.d/outofband-$remove_user"
    echo "The account '$remove_user' was removed."
fi

if [ -n "${username-}" ]; then
    if ! id "$username" >/dev/null 2>&1; then
        shell=/bin/sh
        [ ! -x /bin/bash ] || shell=/bin/bash
        if command -v useradd >/dev/null; then
            useradd -m -s "$shell" "$username"
        else
            adduser -D -s "$shell" "$username"
        fi
        if [ -d /etc/sudoers.d ]; then
            (umask 337; echo "$username ALL=(ALL) ALL" >"/etc/sudoers.d/outofband-$username")
        fi
        echo "The account '$username' was made."
    fi
    if [ -n "${password-}" ]; then
        printf '%s:%s\\n' "$username" "$password" | chpasswd
        if [ -e "$config" ] && grep -q '^ *PasswordAuthentication  *no' "$config"; then
            sed -i 's/^ *PasswordAuthentication  *no.*/PasswordAuthentication yes/' "$config"
            restart_ssh
        fi
        echo "The account '$username' has the new password."
    fi
    if [ -n "${ssh_key-}" ]; then
        home=$(awk -F: -v name="$username" '$1 == name { print $6 }' /etc/passwd)
        group=$(id -g "$username")
        file=$home/.ssh/authorized_keys
        # The home is its owner's, who must not get somebody else's file through it.
        for each in "$home/.ssh" "$file"; do
            if [ -L "$each" ]; then
                echo "'$each' is a symbolic link and stays as it is." >&2
                exit 1
            fi
        done
        mkdir -p "$home/.ssh"
        [ "${remove_prior_keys-}" != true ] || rm -f "$file"
        touch "$file"
        # A last line without an end would run into the key.
        [ -z "$(tail -c 1 "$file")" ] || echo >>"$file"
        grep -qxF "$ssh_key" "$file" || printf '%s\\n' "$ssh_key" >>"$file"
        chmod 700 "$home/.ssh"
        chmod 600 "$file"
        chown -h "$username:$group" "$home/.ssh" "$file"
        echo "The account '$username' has the key."
    fi
    if [ -n "${expiration-}" ]; then
        if command -v chage >/dev/null; then
            chage -E "$expiration" "$username"
        else
            usermod -e "$expiration" "$username"
        fi
        echo "The account '$username' ends on $expiration."
    fi
fi
"""


def custom_script(command: str, files: list[str]) -> str:
    """A command, in a folder of its own where the files at these addresses are put first by the guest."""
    lines = [
        "set -e",
        "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin",
        "umask 077",
        "base=/var/lib/outofband/custom-script",
        'mkdir -p "$base"',
        'folder=$(mktemp -d "$base/XXXXXX")',
        'cd "$folder"',
    ]
    if files:
        lines += [_FETCH]
        lines += [f"fetch {shlex.quote(address)} {shlex.quote(name)}" for address, name in _named(files)]
    return "\n".join([*lines, "umask 022", "set +e", command]) + "\n"


_FETCH = """\
fetch() {
    if command -v curl >/dev/null; then
        # The address may hold a signature, so it goes where no list of processes shows it.
        printf 'url = "%s"\\n' "$1" | curl -fsSL --retry 3 -o "$2" -K -
    elif command -v wget >/dev/null; then
        wget -q -O "$2" "$1"
    else
        echo "There is neither curl nor wget to fetch '$2' with." >&2
        return 1
    fi
    chmod 700 "$2"
}"""


def _named(files: list[str]) -> list[tuple[str, str]]:
    """Each address with the name its file gets: the last part of its path."""
    return [(each, each.partition("?")[0].rstrip("/").rpartition("/")[2] or "file") for each in files]
