"""What a Linux guest is given to run a script exactly once, whoever is killed meanwhile: three texts for its
sh.

The folder /run/outofband/<job> is the claim: who makes it runs the script, nobody else can. It vanishes when
the guest is restarted, therefore LAUNCH compares the guest's boot id first. In the folder: `pid` (the line of
/proc/<pid>/stat of the process that waits for the script), `child` (its session), `out` and `err` (in
/var/lib/outofband where that can be written to, because /run is memory), and at the end `exit`: status and
reason. `pid`, `child` and `exit` appear whole, by a rename: whoever reads an empty one would think it dead.

Nothing of the script or its parameters is in an argument list: the job comes on standard input.
"""

from __future__ import annotations

import re
import shlex

from outofband.wire.script import RunArgs

BASE = "/run/outofband"
KEPT = "/var/lib/outofband"
SHELL = "/bin/sh"
GRACE_SECONDS = 5
"""What a script is given between TERM and KILL."""

OTHER_BOOT, CLAIMED, NO_ROOM, NO_SETSID, NOT_BEGUN = 90, 91, 92, 93, 94
"""Exit statuses of LAUNCH and CANCEL, all of which did nothing."""

LAUNCH = f"""\
umask 077
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$2" ] || exit {OTHER_BOOT}
command -v setsid >/dev/null || exit {NO_SETSID}
base={BASE} kept={KEPT}
mkdir -p $base && chmod 711 $base || exit {NO_ROOM}
job=$base/$1
mkdir "$job" 2>/dev/null || {{ [ -d "$job" ] && exit {CLAIMED}; exit {NO_ROOM}; }}
cat >"$job/job" || {{ rm -rf "$job"; exit {NO_ROOM}; }}
shift 2
for old; do rm -rf "$base/$old" "$kept/$old"; done
find $kept -mindepth 1 -maxdepth 1 ! -name custom-script -mtime +7 -exec rm -rf {{}} + 2>/dev/null
# Apart from the agent's own service, whose restart would end it; what a script leaves running is left.
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
    systemd-run --quiet --collect --unit="outofband-${{job##*/}}" -p KillMode=process -p StandardOutput=null \
        sh "$job/job" </dev/null >/dev/null 2>&1 && exit 0
fi
setsid sh "$job/job" </dev/null >/dev/null 2>&1 &
"""
"""Arguments: the job, the boot id it is for, older jobs that are not needed any more. Input: `job_text`."""

CANCEL = f"""\
job={BASE}/$1
[ -d "$job" ] || exit {OTHER_BOOT}
[ -e "$job/exit" ] && exit 0
child=$(cat "$job/child" 2>/dev/null) || exit {NOT_BEGUN}
echo canceled >"$job/why"
# The process itself where it does not lead its group yet.
kill -s TERM -- "-$child" 2>/dev/null || kill -s TERM "$child" 2>/dev/null
setsid sh -c 'sleep {GRACE_SECONDS}; [ -e "$2/exit" ] || kill -s KILL -- "-$1"' sh "$child" "$job" \
</dev/null >/dev/null 2>&1 &
"""

_JOB = """\
umask 077
job={base}/{job} kept={kept}/{job}
mkdir "$job/begun" || exit
read -r stat <"/proc/$$/stat"
printf '%s\\n' "$stat" >"$job/pid.new"
mv "$job/pid.new" "$job/pid"
rm -f "$job/job"
if (mkdir -p "$kept" && echo >"$kept/out" && : >"$kept/out" && : >"$kept/err") 2>/dev/null; then
    ln -s "$kept/out" "$job/out"
    ln -s "$kept/err" "$job/err"
else
    : >"$job/out"
    : >"$job/err"
fi
printf %s {script} >"$job/script"
{user}read -r first <"$job/script"
case $first in
    '#!'*) program=${{first#'#!'}} ;;
    *) program=/bin/sh ;;
esac
cd /
(
    umask 022
    # The script's variables come last: whatever their names, they are none of those used here.
    set -- "$(command -v setsid)" {run}$program "$job/script" {arguments}
    {variables}exec "$@"
) </dev/null >"$job/out" 2>"$job/err" &
child=$!
echo $child >"$job/child.new" && mv "$job/child.new" "$job/child"
setsid sh -c 'sleep "$2"; echo timed-out >"$3/why"
    kill -s TERM -- "-$1"; sleep {grace}; kill -s KILL -- "-$1"' \
    sh $child {seconds} "$job" </dev/null >/dev/null 2>&1 &
guard=$!
wait $child
status=$?
# Itself first: it may not lead its group yet, and must not outlive the script, whose number others get.
kill -s KILL "$guard" 2>/dev/null
kill -s KILL -- "-$guard" 2>/dev/null
rm -f "$job/script"
printf '%s %s\\n' $status "$(cat "$job/why" 2>/dev/null)" >"$job/exit.new"
mv "$job/exit.new" "$job/exit"
"""

_AS_USER = """"$(command -v su)" -s {sh} -c 'exec "$0" "$@"' -- {user} """
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def job_text(job: str, args: RunArgs) -> bytes:
    """What the waiting process in the guest does. A name that no variable can have names nothing."""
    parameters = args.parameters + args.protected.parameters
    named = [(each.name, each.value) for each in parameters if each.name and _VARIABLE.fullmatch(each.name)]
    text = _JOB.format(
        base=BASE,
        kept=KEPT,
        job=job,
        script=shlex.quote(args.text),
        user=f'chmod 711 "$job" && chown {shlex.quote(args.user)} "$job/script"\n' if args.user else "",
        variables="".join(f"export {name}={shlex.quote(value)}\n" for name, value in named),
        arguments=" ".join(shlex.quote(each.value) for each in parameters if each.positional),
        run=_AS_USER.format(sh=SHELL, user=shlex.quote(args.user)) if args.user else "",
        seconds=max(1, round(args.timeout)),
        grace=GRACE_SECONDS,
    )
    return text.encode("utf-8", "surrogateescape")
