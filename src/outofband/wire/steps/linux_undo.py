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
"""
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
        mask | disable) systemctl --quiet "$1" "$2.service" >/dev/null 2>&1 ;;
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
        ufw) ufw delete allow "$2/tcp" >/dev/null ;;
        firewalld)
            firewall-cmd --quiet --remove-port="$2/tcp"
            firewall-cmd --quiet --permanent --remove-port="$2/tcp"
            ;;
    esac
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
        file | unit | rules | account)
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
        systemctl --quiet is-active "$name.service" && systemctl restart "$name.service"
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
