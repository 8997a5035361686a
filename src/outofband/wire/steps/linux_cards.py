"""Network cards of a Linux guest: switched on, and DHCP asked again, by whatever program looks after them.

Settings that are bound to the address of a card that is gone are told of, with the file: after a new card
they are why the guest has no network. They are not changed, since that card may come back.
"""

from __future__ import annotations

from outofband.wire.script import Parameter, RunArgs
from outofband.wire.steps.linux_parts import ASK

STEP_SECONDS = 180.0

_LOOK = """\
cards() {
    for folder in /sys/class/net/*; do
        [ -e "$folder/device" ] || [ -n "${every_card-}" ] || continue
        card=${folder##*/}
        [ "$card" = lo ] || echo "$card"
    done | head -n 8
}
address_of() {
    ip -4 -o addr show dev "$1" scope global 2>/dev/null | awk '{ split($4, part, "/"); print part[1] }' |
        tr '\\n' ' ' | sed 's/ $//'
}
joined() { tr '\\n' ',' | sed 's/,$//; s/,/, /g'; }
look() {
    pairs=
    pair cards.state "$(for card in $(cards); do
        echo "$card=$(cat "/sys/class/net/$card/operstate" 2>/dev/null)"
    done | joined)"
    pair cards.address "$(for card in $(cards); do echo "$card=$(address_of "$card")"; done | joined)"
    pair cards.route "$(ip -4 route show default 2>/dev/null | awk 'NR == 1 { print $3, $5 }')"
    pair cards.names "$(awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf 2>/dev/null | joined)"
    pairs=${pairs#,}
}
# Addresses of hardware in the settings that no card here has.
look_for_old_settings() {
    here=$(cat /sys/class/net/*/address 2>/dev/null | tr 'A-F' 'a-f')
    for file in /etc/netplan/*.yaml /etc/network/interfaces /etc/network/interfaces.d/* \\
        /etc/systemd/network/* /etc/udev/rules.d/*net*.rules /etc/sysconfig/network-scripts/ifcfg-* \\
        /etc/NetworkManager/system-connections/*; do
        [ -f "$file" ] || continue
        for mac in $(grep -v '^[[:space:]]*#' "$file" 2>/dev/null | tr 'A-F' 'a-f' |
            grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}' | sort -u); do
            case $here in *"$mac"*) ;; *) problem GuestCardSettingsOld path "$file" address "$mac" ;; esac
        done
    done
}
"""

_ASK_AGAIN = """\
by_manager() { has nmcli && [ "$(nmcli -t -f RUNNING general 2>/dev/null)" = running ]; }
by_networkd() { has networkctl && booted && systemctl --quiet is-active systemd-networkd.service; }
ask_again() {
    if by_manager; then
        nmcli device reapply "$1" || nmcli device connect "$1"
    elif by_networkd; then
        networkctl reconfigure "$1" || networkctl renew "$1"
    elif has ifup && grep -qsE "^[[:space:]]*(auto|allow-hotplug|iface)[[:space:]].*\\\\<$1\\\\>" \\
        /etc/network/interfaces /etc/network/interfaces.d/*; then
        ifdown --force "$1"
        ifup --force "$1"
    elif has dhclient; then
        dhclient -r "$1"
        dhclient -1 "$1"
    elif has dhcpcd; then
        dhcpcd -n "$1" || dhcpcd "$1"
    elif has udhcpc; then
        udhcpc -i "$1" -q -n -t 5
    else
        return 1
    fi
}
has_address() { [ -n "$(address_of "$1")" ]; }
mend() {
    for card in $(cards); do
        ip link set "$card" up 2>/dev/null
        # What they print is no part of the report, and some stay to look after the card.
        ask_again "$card" >/dev/null 2>&1 </dev/null
        for second in 1 2 3 4 5 6 7 8 9 10; do
            has_address "$card" && break
            sleep 1
        done
        has_address "$card" || problem GuestCardWithoutAddress card "$card"
    done
}
"""

_REPORT = """\
look
before=$pairs
look_for_old_settings
mend
look
printf '{"schema":"outofband.step/1","step":"resetCards","system":"linux","before":{%s},"after":{%s},' \\
    "$before" "$pairs"
printf '"problems":[%s],"restart":false,"run":""}\\n' "${problems#,}"
"""

RESET_CARDS = ASK + _LOOK + _ASK_AGAIN + _REPORT


def reset_cards(*, every: bool = False) -> RunArgs:
    """What `vm.run` is given. There is nothing to undo: who had an address by DHCP has one again.

    `every`: also cards that no device is behind, as in a container.
    """
    parameters = (Parameter(name="every_card", value="true", positional=False),) if every else ()
    return RunArgs(script=RESET_CARDS, parameters=parameters, timeout=STEP_SECONDS)
