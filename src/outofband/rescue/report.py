"""A run as people and programs read it: the document of the API, and a page to hand to support.

The page needs nothing else to be shown, and nothing in it is obeyed: guests' words and servers' words stand
in it as text. No password is in a run, so none is in its report.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from outofband.rescue import guest
from outofband.rescue.course import State
from outofband.rescue.run import Done, Found, Probed, Run, Taken
from outofband.rescue.runbook import RUNBOOK, Ask, Deed, Row
from outofband.rescue.texts import text
from outofband.rescue.undoing import is_open, undoable
from outofband.rescue.vantage import concluded, points, table
from outofband.rescue.verdict import verdict
from outofband.wire.remote import Report, Where

_SIGN_IN = frozenset({"RescueSignInProven", "RescueSignInUnproven"})
"""Of a look after a step: what else it finds stands with the look before the first one."""
MAX_EVIDENCE = 4000
"""Characters of one piece of evidence in the page."""
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;border-top:1px solid #ccc;padding-top:1rem}"
    "pre{background:#f4f4f4;padding:.6rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}"
    "th{text-align:left;font-weight:normal;padding-right:2rem}"
    "img{max-width:100%}.good{color:#0b6a0b}.bad{color:#a4262c}code{background:#f4f4f4;padding:0 .2rem}"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(run: Run) -> dict[str, Any]:
    """The part of the resource's properties that tells of the run; every step of the runbook is in it."""
    locale = run.wanted.locale
    taken = {each.step: each for each in run.taken}
    steps = [_step(row, taken.get(row.step), run, locale) for row in RUNBOOK]
    told: dict[str, Any] = {
        "schema": run.schema,
        "protocol": run.wanted.protocol.value,
        "port": run.port,
        "dryRun": run.wanted.dry_run,
        "state": run.state.value,
        "summary": text(f"state.{_ending(run)}", locale),
        "outcome": _outcome(run),
        "provenFrom": _proven_from(run),
        "address": run.address or None,
        "steps": steps,
        "findings": list(_findings(run)),
        **_causes(run),
        "undoable": bool(undoable(run)),
        "probe": _probes(run),
        "question": _question(run, locale),
    }
    if run.wanted.step is not None:
        told["step"] = run.wanted.step.value
    if run.wanted.user:
        told["user"] = run.wanted.user
    if run.problem is not None:
        told["problem"] = _plain(run.problem)
    return told


def _ending(run: Run) -> str:
    return "provenPrivately" if run.proven_privately else run.state.value


def _outcome(run: Run) -> str | None:
    if run.proven_privately:
        return State.PROVEN.value
    return run.state.value if run.ended else None


def _proven_from(run: Run) -> str | None:
    """Whose look is the proof."""
    if run.proven_privately:
        return Where.CLIENT.value
    return Where.CONTROL_PLANE.value if run.state is State.PROVEN else None


def _step(row: Row, taken: Taken | None, run: Run, locale: str) -> dict[str, Any]:
    state = "waiting"
    if taken is not None:
        state = run.state.value if taken is run.current and not run.ended else "over"
    told: dict[str, Any] = {
        "number": row.step.value,
        "name": row.name,
        "title": text(f"step.{row.step.value}", locale),
        "state": state,
        "findings": [],
        "deed": None,
        "probe": None,
    }
    if taken is None:
        return told
    if taken.look is not None:
        told["findings"] = [_plain(each) for each in taken.look.findings]
        if taken.look.wish is not None:
            told["deed"] = _deed(run, taken, locale)
        told["picture"] = bool(taken.look.picture)
    if taken.probe is not None:
        told["probe"] = _probed(taken.probe)
    return told


def _deed(run: Run, taken: Taken, locale: str) -> dict[str, Any]:
    assert taken.look is not None and taken.look.wish is not None
    wish = taken.done.wish if taken.done is not None else taken.look.wish
    told: dict[str, Any] = {
        "name": wish.deed.value,
        "title": text(f"deed.{wish.deed.value}", locale),
        "arguments": wish.args,
        "asks": _asks(wish.asks, locale),
        "agreed": taken.agreed,
        "state": "wished" if taken.agreed is None else "declined",
    }
    if (done := taken.done) is not None:
        told |= {"state": _became(run, done), "began": done.began, "ended": done.ended or None}
        told |= {"observed": done.observed or None, "effects": list(done.effects)}
        told["undone"] = done.undone or None
        told["left"] = [_plain(each) for each in done.left]
        told["findings"] = [_plain(each) for each in done.findings]
        told["guest"] = guest.shown(done.report, locale) if done.report is not None else None
        told["problem"] = _plain(done.problem) if done.problem is not None else None
    return told


def _became(run: Run, done: Done) -> str:
    if done.problem is not None:
        return "failed"
    if not done.ended:
        return "stopped" if is_open(run, done) else "doing"
    return "done"


def _asks(asks: tuple[Ask, ...], locale: str) -> list[dict[str, str]]:
    return [{"name": each.value, "text": text(f"ask.{each.value}", locale)} for each in asks]


def _question(run: Run, locale: str) -> dict[str, Any] | None:
    taken = run.current
    if run.state is not State.ASKING or taken is None or taken.look is None or taken.look.wish is None:
        return None
    wish = taken.look.wish
    return {
        "step": taken.step.value,
        "deed": wish.deed.value,
        "title": text(f"deed.{wish.deed.value}", locale),
        "asks": _asks(wish.asks, locale),
        "password": Ask.PASSWORD in wish.asks,
    }


def _causes(run: Run) -> dict[str, Any]:
    """The cause that stands first, in words, and the codes of all. What shows it is among the findings."""
    said = verdict(run)
    main = _plain(said.main) if said.main is not None else {}
    main.pop("evidence", None)
    return {"mainCause": main or None, "causes": [each.code for each in said.causes]}


def _findings(run: Run) -> Iterator[dict[str, Any]]:
    """All of them, with the number of the step; 0 is the look before the first one."""
    if run.before is not None:
        yield from ({"step": 0, **_plain(each)} for each in run.before.findings)
    for taken in run.taken:
        for each in taken.look.findings if taken.look is not None else ():
            yield {"step": taken.step.value, **_plain(each)}
        if taken.done is not None:
            for each in taken.done.findings:
                yield {"step": taken.step.value, **_plain(each)}
            if taken.done.problem is not None:
                yield {"step": taken.step.value, **_plain(taken.done.problem)}
    yield from ({"step": 0, **_plain(each)} for each in concluded(run))


def _probes(run: Run) -> dict[str, Any]:
    last = run.probed
    return {
        "works": last.works,
        "guestAnswers": last.guest_answers,
        "before": _probed(run.before) if run.before is not None else None,
        "last": _probed(last),
        "client": _plain(run.client) if run.client is not None else None,
        "named": _plain(run.named) if run.named is not None else None,
        "vantage": table(run),
    }


def _probed(seen: Probed) -> dict[str, Any]:
    return {
        "works": seen.works,
        "controlPlane": _plain(seen.outside) if seen.outside is not None else None,
        "host": _plain(seen.host) if seen.host is not None else None,
        "findings": [_plain(each) for each in seen.findings],
    }


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


# The page


def page(run: Run, about: Mapping[str, str]) -> str:
    """HTML. `about`: `vm`, `id`, `name`, `who`, `when`."""
    locale = run.wanted.locale

    def word(name: str, **fields: str) -> str:
        return _safe(text(f"report.{name}", locale, **fields))

    title = word("title", vm=about["vm"])
    good = "good" if _outcome(run) == State.PROVEN.value else "bad"
    parts = [
        f'<!doctype html>\n<html lang="{locale}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        f'<p class="{good}"><strong>{_safe(text(f"state.{_ending(run)}", locale))}</strong></p>',
        f"<p>{word('by', who=about['who'], when=about['when'])}<br><code>{_safe(about['id'])}</code><br>",
        f"{_safe(run.wanted.protocol.value.upper())}, {_safe(run.address or '-')}:{run.port}</p>",
    ]
    if run.problem is not None:
        parts.append(_finding(run.problem, locale))
    if (main := verdict(run).main) is not None:
        said = f"{_safe(main.title)} <code>{_safe(main.code)}</code>"
        parts.append(f"<p>{word('mainCause')}: <strong>{said}</strong></p>")
    parts += [_vantage(run, locale), *(_finding(each, locale) for each in concluded(run))]
    parts.append(f"<h2>{word('before')}</h2>")
    if run.before is not None:
        parts += [_seen(run.before, locale), *(_finding(each, locale) for each in run.before.findings)]
    parts += [_section(each, locale) for each in run.taken]
    if run.client is not None:
        parts += [f"<h2>{word('client')}</h2>", _look(run.client, "client", locale)]
    if run.named is not None:
        parts += [f"<h2>{word('named', host=run.named.host)}</h2>", _look(run.named, "client", locale)]
    return "\n".join([*parts, "</body></html>\n"])


def _vantage(run: Run, locale: str) -> str:
    """The three places side by side: who gets an answer, and what the others met."""
    rows = []
    for where, report in points(run):
        said = _safe(text("report.nothing", locale))
        if report is not None:
            mark, kind = ("works", "good") if report.works else ("silent", "bad")
            problem = f": {report.problem.title} ({report.problem.code})" if report.problem else ""
            said = f'<span class="{kind}">{_safe(text(f"report.{mark}", locale) + problem)}</span>'
        rows.append(f"<tr><th>{_safe(text(f'report.{where.value}', locale))}</th><td>{said}</td></tr>")
    return f"<h2>{_safe(text('report.vantage', locale))}</h2><table>{''.join(rows)}</table>"


def _section(taken: Taken, locale: str) -> str:
    number = taken.step.value
    parts = [f"<h2>{number}. {_safe(text(f'step.{number}', locale))}</h2>"]
    if taken.look is not None:
        parts += [_finding(each, locale) for each in taken.look.findings]
        parts += _picture(taken.look.picture)
        if taken.look.wish is not None:
            parts.append(_told(taken, taken.look.wish.deed, locale))
    if taken.probe is not None:
        parts += [f"<h3>{_safe(text('report.probe', locale))}</h3>", _seen(taken.probe, locale)]
        parts += [_finding(each, locale) for each in taken.probe.findings if each.code in _SIGN_IN]
    return "\n".join(parts)


def _picture(png: str) -> list[str]:
    """Nothing but base64 gets into the page, whatever a host said."""
    return [f'<p><img alt="" src="data:image/png;base64,{png}"></p>'] if _BASE64.fullmatch(png) else []


def _told(taken: Taken, deed: Deed, locale: str) -> str:
    title = _safe(text(f"deed.{deed.value}", locale))
    done = taken.done
    if done is None:
        name = "wouldDo" if taken.agreed is None else "notAgreed"
        return f"<p><em>{_safe(text(f'report.{name}', locale))}</em> {title}</p>"
    if done.problem is not None:
        return f"<p><strong>{title}</strong></p>{_finding(done.problem, locale)}"
    when = f"{done.began} – {done.ended}"
    parts = [f"<p><strong>{_safe(text('report.done', locale))}</strong>: {title} ({_safe(when)})"]
    parts += [f"<br>{_safe(each)}" for each in (done.observed, *done.effects) if each]
    if done.report is not None:
        shown = guest.shown(done.report, locale)
        lines = [f"{each['text']} {each['undo']}" for each in shown["changes"]]
        parts += [f"<br>{_safe(each)}" for each in (*lines, *shown["notes"])]
    if done.undone:
        parts.append(f"<br>{_safe(text('report.undone', locale))}: {_safe(done.undone)}")
    told = (*done.findings, *done.left)
    return "".join([*parts, "</p>", *(_finding(each, locale) for each in told)])


def _finding(each: Found, locale: str) -> str:
    parts = [f"<h3>{_safe(each.title)} <code>{_safe(each.code)}</code></h3><p>{_safe(each.message)}</p>"]
    if each.cause:
        parts.append(f"<p>{_safe(text('report.cause', locale))}: {_safe(each.cause)}</p>")
    if each.remedy:
        steps = "".join(f"<li>{_safe(step)}</li>" for step in each.remedy)
        parts.append(f"<p>{_safe(text('report.remedy', locale))}:</p><ul>{steps}</ul>")
    return "".join([*parts, _evidence(each.evidence, locale)])


def _seen(seen: Probed, locale: str) -> str:
    return _look(seen.outside, "controlPlane", locale) + _look(seen.host, "host", locale)


def _look(report: Report | None, where: str, locale: str) -> str:
    place = _safe(text(f"report.{where}", locale))
    if report is None:
        return f"<p>{place}: {_safe(text('report.nothing', locale))}</p>"
    mark = "works" if report.works else "silent"
    said = f'<span class="{"good" if report.works else "bad"}">{_safe(text(f"report.{mark}", locale))}</span>'
    problem = f": {_safe(report.problem.title)} — {_safe(report.problem.message)}" if report.problem else ""
    return f"<p>{place} ({_safe(report.began)}, {report.seconds} s): {said}{problem}</p>" + _evidence(
        report.evidence, locale
    )


def _evidence(evidence: Mapping[str, Any], locale: str) -> str:
    if not evidence:
        return ""
    shown = msgspec.json.format(msgspec.json.encode(evidence), indent=1).decode()[:MAX_EVIDENCE]
    title = _safe(text("report.evidence", locale))
    return f"<details><summary>{title}</summary><pre>{_safe(shown)}</pre></details>"


def _safe(words: str) -> str:
    """Without markup, and without what turns a line's reading order around or draws nothing."""
    kept = "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in words)
    return html.escape(kept, quote=True)
