"""Network cards of a Linux guest: switched on, and given the address that they should have.

A card that is on and has its address is left alone. Any other is switched on and asked for again by whatever
program looks after it (`linux_keepers`); where settings of the guest give it another address than its network
has for it, they are put aside and DHCP is used. Addresses are those of IPv4.

Settings that are bound to the address of a card that is gone are told of, with the file. They are not
changed, since that card may come back.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from outofband.core.errors import Fault
from outofband.wire.script import Parameter, RunArgs
from outofband.wire.steps.linux_keepers import KEEPERS
from outofband.wire.steps.linux_parts import ASK

STEP_SECONDS = 300.0
MAX_CARDS = 8
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_RUN = re.compile(r"[A-Za-z0-9-]{0,64}")

CARDS = (
    f"""\
cards() {{
    for folder in /sys/class/net/*; do
        [ -e "$folder/device" ] || [ -n "${{every_card-}}" ] || continue
        card=${{folder##*/}}
        [ "$card" = lo ] || echo "$card"
    done | head -n {MAX_CARDS}
}}
"""
    + """\
# Bridges, bonds and VLANs on a card have the address in its place.
above() {
    for each in "/sys/class/net/$1"/upper_*; do
        [ ! -e "$each" ] || { echo "${each##*/upper_}"; (above "${each##*/upper_}"); }
    done
}
address_of() {
    for link in "$1" $(above "$1"); do
        ip -4 -o addr show dev "$link" scope global 2>/dev/null
    done | awk '{ split($4, part, "/"); print part[1] }' | tr '\\n' ' ' | sed 's/ $//'
}
joined() { tr '\\n' ',' | sed 's/,$//; s/,/, /g'; }
look_at_cards() {
    pair cards.state "$(for card in $(cards); do
        echo "$card=$(cat "/sys/class/net/$card/operstate" 2>/dev/null)"
    done | joined)"
    pair cards.address "$(for card in $(cards); do echo "$card=$(address_of "$card")"; done | joined)"
}
"""
)
"""What `reset_remote` looks at, too: a card that is down keeps out whoever comes."""

_LOOK = """\
# What the network has for this card, by the card's own address; nothing where that is not known.
wanted_of() {
    mac=$(cat "/sys/class/net/$1/address" 2>/dev/null)
    for each in ${addresses-}; do
        case $each in "$mac="*) echo "${each#*=}" ;; esac
    done
}
is_on() {
    flags=$(cat "/sys/class/net/$1/flags" 2>/dev/null)
    [ -n "$flags" ] && [ $((flags & 1)) = 1 ]
}
no_cable() { is_on "$1" && [ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 0 ]; }
has_route() { [ -n "$(ip -4 route show default 2>/dev/null)" ]; }
# Where the address is known the network has a way out of it, too.
is_right() {
    is_on "$1" || return
    wanted=$(wanted_of "$1")
    [ -n "$wanted" ] || { [ -n "$(address_of "$1")" ]; return; }
    case " $(address_of "$1") " in *" $wanted "*) has_route ;; *) false ;; esac
}
look() {
    pairs=
    look_at_cards
    pair cards.keeper "$(for card in $(cards); do echo "$card=$(keeper_of "$card")"; done | joined)"
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

_MEND = """\
# soon_right CARD SECONDS
soon_right() {
    left=$2
    until is_right "$1"; do
        if no_cable "$1" || [ "$left" = 0 ]; then return 1; fi
        left=$((left - 1))
        sleep 1
    done
}
# As the kernel has it, whoever made it so: an undo ends with it.
remember() {
    [ -n "$kept" ] || return
    is_on "$1" && echo on || echo off
    ip -4 -o addr show dev "$1" scope global 2>/dev/null | awk '{ print "address", $4 }'
    ip -4 route show default dev "$1" 2>/dev/null | sed 's/ linkdown//; s/ dead//; s/ *$//; s/^/route /'
}
mend() {
    for card in $(cards); do
        is_right "$card" && continue
        [ -z "$kept" ] || { remember "$card" >"$kept/card.$card"; plan card "$card"; }
        was_on=true
        is_on "$card" || was_on=
        ip link set "$card" up 2>/dev/null
        # Who looks after it may see that by itself.
        if [ -z "$was_on" ] && { sleep 2; is_right "$card"; }; then continue; fi
        # What they print is no part of the report, and some stay to look after the card. What is above a card
        # is somebody's work: a card below it is switched on, and no more.
        if [ -z "$(above "$card")" ] && ! no_cable "$card"; then
            ask_again "$card" >/dev/null 2>&1 </dev/null
        fi
        soon_right "$card" 10 && continue
        if no_cable "$card"; then
            problem GuestCardNoCable card "$card"
            continue
        fi
        if [ -z "$(above "$card")" ] && use_dhcp "$card" >/dev/null 2>&1 </dev/null; then
            soon_right "$card" 25 && continue
        fi
        if [ -z "$(address_of "$card")" ]; then
            problem GuestCardWithoutAddress card "$card"
        else
            problem GuestCardWrongAddress card "$card" address "$(address_of "$card")" \\
                wanted "$(wanted_of "$card")"
        fi
    done
}
"""

_REPORT = """\
run=${run-}
[ -z "$run" ] || [ -n "$only_look" ] || begin
look
before=$pairs
look_for_old_settings
if changes; then
    mend
    look
fi
if [ -n "$kept" ] && [ ! -s "$kept/plan" ]; then
    rm -rf "$kept"
    rmdir "${kept%/*}" 2>/dev/null
    kept=
fi
[ -n "$kept" ] || run=
printf '{"schema":"outofband.step/1","step":"resetCards","system":"linux","before":{%s},"after":{%s},' \\
    "$before" "$pairs"
printf '"problems":[%s],"restart":false,"run":"%s"}\\n' "${problems#,}" "$run"
"""

RESET_CARDS = ASK + CARDS + _LOOK + KEEPERS + _MEND + _REPORT


def reset_cards(
    run: str = "",
    *,
    addresses: Mapping[str, str] | None = None,
    only_look: bool = False,
    every: bool = False,
) -> RunArgs:
    """What `vm.run` is given. `run` names this run for an undo; without one no setting is put aside.

    `addresses`: what each card's network has for it, by the card's own address (`52:54:00:...`). Of others it
    is enough that they have any. `every`: also cards that no device is behind, as in a container.
    Raises Fault InvalidParameter.
    """
    if not _RUN.fullmatch(run):
        raise Fault("InvalidParameter", target="run", detail="1 to 64 letters, digits and hyphens")
    values = {
        "run": run,
        "addresses": " ".join(_pair(mac.lower(), address) for mac, address in (addresses or {}).items()),
        "only_look": "true" if only_look else "",
        "every_card": "true" if every else "",
    }
    parameters = tuple(
        Parameter(name=name, value=value, positional=False) for name, value in values.items() if value
    )
    return RunArgs(script=RESET_CARDS, parameters=parameters, timeout=STEP_SECONDS)


def _pair(mac: str, address: str) -> str:
    try:
        found = ipaddress.IPv4Address(address)
    except ValueError:
        raise Fault("InvalidParameter", target="addresses", detail="an IPv4 address for each card") from None
    if not _MAC.fullmatch(mac):
        raise Fault("InvalidParameter", target="addresses", detail="six pairs of hexadecimal digits")
    return f"{mac}={found}"
