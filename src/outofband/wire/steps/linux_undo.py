"""The way back for Linux: the plan that `reset_remote` left in the guest, followed from its end to its
beginning.
"""

from __future__ import annotations

from outofband.core.errors import Fault
from outofband.wire.script import Parameter, RunArgs
from outofband.wire.steps.report import StepReport, System

UNDO_SECONDS = 300.0
NO_PLAN = 95
"""Exit status where the guest has no plan of that name."""

UNDO = (
    f"""\
set -u
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 077
for kept in "/var/lib/outofband/undo/$run" "/run/outofband-undo/$run" ''; do
    [ -z "$kept" ] || [ ! -e "$kept/plan" ] || break
done
[ -n "$kept" ] || exit {NO_PLAN}
"""  # noqa: S608
    + """\
mark=outofband-$run
failed=0 undone=0 restarted=
has() { command -v "$1" >/dev/null 2>&1; }

file() {
    path=$(cat "$kept/$1.path") || return
    if [ -e "$kept/$1" ] || [ -L "$kept/$1" ]; then
        cp -pP "$kept/$1" "$path.outofband" && mv -f "$path.outofband" "$path" || return
    else
        rm -f "$path"
    fi
    case $path in
        /etc/ssh/*) restarted="$restarted ssh sshd" ;;
        /etc/systemd/system/*.socket.d/*)
            rmdir "${path%/*}" 2>/dev/null
            restarted="$restarted ssh sshd"
            ;;
        /etc/xrdp/*) restarted="$restarted xrdp-sesman xrdp" ;;
    esac
}
unit() {
    case $1 in
        stop)
            if [ -d /run/systemd/system ]; then
                systemctl stop "$2.service"
                # xrdp-sesman calls every end a failure.
                systemctl --quiet reset-failed "$2.service" 2>/dev/null
            elif [ -x "/etc/init.d/$2" ]; then
                "/etc/init.d/$2" stop >/dev/null 2>&1 </dev/null
            fi
            stopped="${stopped-} $2"
            ;;
        mask) systemctl --quiet mask "$2.service" >/dev/null 2>&1 ;;
        disable)
            if has systemctl; then systemctl --quiet disable "$2.service"
            elif has rc-update; then rc-update del "$2" default
            elif has update-rc.d; then update-rc.d "$2" disable
            elif has chkconfig; then chkconfig "$2" off
            fi >/dev/null 2>&1
            ;;
    esac
}
rules() {
    case $1 in
        nft)
            has nft || return 0
            # Once for all of them: the first look finds every one.
            nft -a list ruleset 2>/dev/null | awk -v mark="comment \\"$mark\\"" '
                $1 == "table" { family = $2; table = $3 }
                $1 == "chain" { chain = $2 }
                index($0, mark) { print family, table, chain, $NF }' >"$kept/handles"
            while read -r family table chain handle; do
                nft delete rule "$family" "$table" "$chain" handle "$handle" || return
            done <"$kept/handles"
            ;;
        iptables | ip6tables)
            "$1" -t "$2" -S "$3" 2>/dev/null | grep -E "comment \\"?$mark\\"?( |$)" |
                sed 's/^-A/-D/; s/"//g' >"$kept/handles"
            while read -r rule; do
                # Words of iptables, and ours among them has no blank.
                "$1" -t "$2" $rule || return
            done <"$kept/handles"
            ;;
        ufw) ufw delete allow proto tcp from any port 1:65535 to any port "$2" >/dev/null ;;
        firewalld)
            firewall-cmd --quiet --zone="$3" --remove-port="$2/tcp"
            firewall-cmd --quiet --permanent --zone="$3" --remove-port="$2/tcp"
            ;;
        firewalldRich)
            rule="rule priority=-32768 port port=$2 protocol=tcp accept"
            firewall-cmd --quiet --zone="$3" --remove-rich-rule="$rule"
            firewall-cmd --quiet --permanent --zone="$3" --remove-rich-rule="$rule"
            ;;
        firewalldPanic) firewall-cmd --quiet --panic-on ;;
    esac
}
force() { if "$1" --help 2>&1 | grep -q -e --force; then "$1" --force "$2"; else "$1" -f "$2"; fi; }
asking() {
    for each in /proc/[0-9]*; do
        [ "$(cat "$each/comm" 2>/dev/null)" = "$1" ] || continue
        case " $(tr '\\000' ' ' <"$each/cmdline" 2>/dev/null) " in *" $2 "*) echo "${each##*/}" ;; esac
    done
}
network() {
    case $1 in
        up) force ifup "$2" ;;
        down) force ifdown "$2" ;;
        dhclient) dhclient -r "$2" ;;
        dhcpcd) dhcpcd -k "$2" ;;
        dhcpcdAgain) dhcpcd -n "$2" ;;
        udhcpc) for each in $(asking udhcpc "$2"); do kill "$each"; done ;;
        networkd)
            { networkctl reload && networkctl reconfigure "$2"; } ||
                systemctl restart systemd-networkd.service
            ;;
        manager)
            nmcli -w 20 connection delete "outofband-$run-$2"
            [ "$3" = - ] || nmcli -w 20 connection up uuid "$3"
            ;;
    esac >/dev/null 2>&1
    # Whatever they did, `card` puts back what the kernel had.
    return 0
}
addresses() { ip -4 -o addr show dev "$1" scope global 2>/dev/null | awk '{ print "address", $4 }'; }
card() {
    [ -e "/sys/class/net/$1" ] || return 0
    grep -qx off "$kept/card.$1" || ip link set "$1" up
    grep '^address' "$kept/card.$1" >"$kept/were"
    # Some set their addresses a moment later, and networkd twice where its settings are new to it.
    calm=
    for second in 1 2 3 4 5 6; do
        addresses "$1" >"$kept/are"
        if ! cmp -s "$kept/are" "$kept/were"; then calm=
        elif [ -n "$calm" ]; then break
        else calm=true
        fi
        sleep 1
    done
    if ! cmp -s "$kept/are" "$kept/were"; then
        ip -4 addr flush dev "$1" scope global
        while read -r word address; do
            ip addr add "$address" brd + dev "$1" || return
        done <"$kept/were"
    fi
    if grep -qx off "$kept/card.$1"; then
        ip link set "$1" down
        return
    fi
    grep '^route' "$kept/card.$1" >"$kept/were"
    while read -r word route; do
        # Words of ip.
        ip -4 route show default dev "$1" | grep -qF "$route" || ip -4 route replace $route dev "$1" || return
    done <"$kept/were"
}
account() {
    case $1 in
        lock) if has usermod; then usermod -L "$2"; else passwd -l "$2" >/dev/null; fi ;;
        ends) if has chage; then chage -E "$3" "$2"; else usermod -e "$3" "$2"; fi ;;
        lastday) chage -d "$3" "$2" ;;
    esac
}

sed '1!G;h;$!d' "$kept/plan" >"$kept/back"
while read -r what first second third; do
    [ -n "$what" ] || continue
    case $what in
        file | unit | rules | account | card | network)
            if "$what" "$first" "$second" "$third" </dev/null; then
                undone=$((undone + 1))
            else
                failed=$((failed + 1))
            fi
            ;;
    esac
done <"$kept/back"
for name in $restarted; do
    case " ${stopped-} " in *" $name "*) continue ;; esac
    if [ -d /run/systemd/system ]; then
        if systemctl --quiet is-active "$name.socket"; then
            # Where it listens may be made of what was put back.
            systemctl daemon-reload
            systemctl stop "$name.service" 2>/dev/null
            systemctl restart "$name.socket"
        elif systemctl --quiet is-active "$name.service"; then
            systemctl restart "$name.service"
        fi
    elif [ -x "/etc/init.d/$name" ]; then
        # What never ran is not started by this.
        "/etc/init.d/$name" status >/dev/null 2>&1 && "/etc/init.d/$name" restart >/dev/null 2>&1 </dev/null
    fi
done
[ "$failed" != 0 ] || mv "$kept/plan" "$kept/plan.done"
printf '{"done":%s,"failed":%s}\\n' "$undone" "$failed"
[ "$failed" = 0 ]
"""
)


def undo(report: StepReport) -> RunArgs:
    """What `vm.run` is given. Raises Fault NothingToUndo where the step left no plan."""
    if report.system is not System.LINUX or not report.run:
        raise Fault("NothingToUndo", step=report.step)
    parameters = (Parameter(name="run", value=report.run, positional=False),)
    return RunArgs(script=UNDO, parameters=parameters, timeout=UNDO_SECONDS)
