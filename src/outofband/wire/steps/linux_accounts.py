"""One account in `reset_remote`: locked, ended, with a password that ended. Its password is nobody's business
here, and no part of it leaves the guest.
"""

from __future__ import annotations

ACCOUNTS = """\
today=$(($(date +%s) / 86400))
field() { awk -F: -v name="$account" -v at="$2" '$1 == name { print $at; exit }' "$1" 2>/dev/null; }
account_state() {
    case $(field /etc/shadow 2) in
        '!' | '!!' | '*' | '!*') echo noPassword ;;
        '!'*) echo locked ;;
        '') if [ -n "$(field /etc/passwd 1)" ]; then echo empty; else echo missing; fi ;;
        *) echo usable ;;
    esac
}
account_ended() {
    ends=$(field /etc/shadow 8)
    [ -n "$ends" ] && [ "$ends" -le "$today" ]
}
password_ended() {
    last=$(field /etc/shadow 3) longest=$(field /etc/shadow 5)
    [ -n "$last" ] || return 1
    [ "$last" != 0 ] || return 0
    [ -n "$longest" ] && [ "$longest" -lt 99999 ] && [ $((last + longest)) -lt "$today" ]
}
look_at_account() {
    pair account.state "$(account_state)"
    pair account.ended "$(is account_ended)"
    pair account.passwordEnded "$(is password_ended)"
    pair account.shell "$(field /etc/passwd 7)"
}
mend_account() {
    case $(account_state) in
        missing) problem GuestAccountMissing user "$account"; return ;;
        noPassword) problem GuestAccountNoPassword user "$account" ;;
        locked)
            plan account lock "$account"
            if has usermod; then usermod -U "$account"; else passwd -u "$account" >/dev/null; fi
            ;;
    esac
    if account_ended; then
        plan account ends "$account" "$(field /etc/shadow 8)"
        if has chage; then chage -E -1 "$account"; elif has usermod; then usermod -e '' "$account"; fi
    fi
    if password_ended; then
        plan account lastday "$account" "$(field /etc/shadow 3)"
        if has chage; then chage -d "$today" "$account"; fi
    fi
    # Wrong passwords that were counted. How many there were is not put back.
    if has faillock; then faillock --user "$account" --reset >/dev/null 2>&1; fi
    case $(field /etc/passwd 7) in
        */nologin | */false) problem GuestAccountShell user "$account" shell "$(field /etc/passwd 7)" ;;
    esac
    if account_ended || password_ended; then problem GuestAccountEnded user "$account"; fi
}
"""
