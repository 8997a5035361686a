"""From whatever failed to a code of `azcmagent`, and from there to words and an exit code."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.catalogue import Explained, Words, explain, say, verbatim
from outofband.catalogue.words import of_each
from outofband.cli import output as show
from outofband.client.faults import RemoteFault, explained
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT, LOCALES
from outofband.net.logfile import redacted
from outofband.wire import azcm
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.agent.local import AgentStatus, Problem

_DIRECTORY = re.compile(r"'(.*)' is a directory")
_EXTRA = re.compile(r"unexpected extra arguments? \((.*)\)")
_NO_VALUE = re.compile(r"does not take a value")
_NO_COMMAND = re.compile(r"No such command '(.*)'")
"""Of click, whose exceptions do not say it in another way."""
LOCAL = {
    "AgentServiceDown": "AZCM0061",
    "AgentServiceDenied": "AZCM0018",
    "AgentServiceSilent": "AZCM0064",
    "AgentServiceGarbled": "AZCM0065",
    "AgentEndpointDown": "AZCM0066",
    "AgentConnected": "AZCM0067",
    "AgentSettingsInvalid": "AZCM0070",
    "AgentSettingUnknown": "AZCM0023",
    "AgentSettingInvalid": "AZCM0023",
    "AgentKeyLost": "AZCM0104Key",
    "AgentNotEnrolled": "AZCM0063",
    "CloudUnreadable": "AZCM0006",
    "StateNotWritable": "AZCM0069",
    "ControlPlaneUnreachable": "AZCM0026",
    "CertificateNotTrusted": "AZCM0026",
}
"""What the agent and the clients say, where nothing says it better."""


_TOLD = ("ENOENT", "EACCES", "EPERM", "ENOSPC", "EROFS", "EISDIR", "ENOTDIR", "EEXIST", "EDQUOT")
ERRNO = frozenset(f"errno-{each}" for each in _TOLD)
"""Errors of the system that have words in every language."""
RELAYED = ("AZCM0045", "AZCM0081")
"""Codes of what himds asks of its control plane: an InternalError may be of either there."""


class Told(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A failure in words. `code` is the number that people see, `inner` the code behind it, if any."""

    code: str
    exit_code: int
    title: str
    message: str
    cause: str
    remedy: list[str]
    evidence: list[str]
    retryable: bool
    outer: str = ""
    outer_message: str = ""
    step: str = ""


def as_azcm(fault: Fault, code: str = "", **fields: Any) -> AzcmFault:
    """The fault itself when it is azcmagent's, else its words inside one: of `code`, or of the table."""
    if isinstance(fault, AzcmFault):
        return fault
    if azcm.exit_code(fault.code) is not None:
        return AzcmFault(fault.code, **fault.fields)
    if fault.code == "InternalError" and not isinstance(fault, RemoteFault) and code not in RELAYED:
        made = AzcmFault(code or "AZCM0002", detail=say("himds-failed"), **fields)
        made.__cause__ = fault
        return made
    wanted = code or LOCAL.get(fault.code, "AZCM0001")
    by = _by_language(fault)
    evidence = [say("fault", code=fault.code, title=of_each(lambda locale: by[locale].title))]
    if isinstance(fault, RemoteFault) and fault.request_id:
        evidence.append(say("request", id=fault.request_id))
    given: dict[str, Any] = {"detail": message(fault)} | _fields(wanted, fault) | fields
    made = AzcmFault(wanted, evidence=tuple(evidence), remedy=remedies(fault), **given)
    made.__cause__ = fault
    return made


def unforeseen(error: Exception) -> AzcmFault:
    """AZCM0001, of what nobody foresaw: the name of the error says most to whoever gets the report."""
    return AzcmFault("AZCM0001", detail=verbatim(f"{type(error).__name__}: {error}"))


def system(error: OSError, where: object = "") -> Words:
    """What the system says (of `where`): the usual in every language, others in the system's own words."""
    name = f"errno-{errno.errorcode.get(error.errno or 0, '')}"
    why = say(name) if name in ERRNO else verbatim(error.strerror or str(error))
    return say("of-file", file=where, why=why) if where else why


def message(fault: Fault) -> Words:
    """The sentence of a fault; the control plane's own is in the language it was asked in."""
    by = _by_language(fault)
    return of_each(lambda locale: by[locale].message)


def remedies(fault: Fault) -> tuple[Words, ...]:
    return steps({locale: each.remedy for locale, each in _by_language(fault).items()})


def steps(by: Mapping[str, list[str]]) -> tuple[Words, ...]:
    """The steps of a remedy, by language: every language has the same ones."""
    return tuple(Words(dict(zip(by, each, strict=True))) for each in zip(*by.values(), strict=True))


def _by_language(fault: Fault) -> dict[str, Explained]:
    return {locale: explained(fault, locale) for locale in LOCALES}


def of_problem(problem: Problem) -> Words:
    """What the agent says is wrong, in any language once it says of what (older ones do not)."""
    return message(Fault(problem.code, **problem.fields)) if problem.fields else verbatim(problem.message)


def of_agent(status: AgentStatus, text: str, *codes: str) -> Words:
    """A sentence of the agent's status, by the problem of `codes` (any, without) that it is of."""
    found = next(
        (each for each in status.errors if each.code in codes or (not codes and each.message == text)), None
    )
    return of_problem(found) if found is not None else verbatim(text)


def _fields(code: str, fault: Fault) -> dict[str, Any]:
    """Fields of the entries that want more than a detail."""
    match code:
        case "AZCM0018":
            return {"needed": "root"}
        case "AZCM0023" | "AZCM0069":
            name = fault.fields.get("name") or say("the-setting")
            return {"argument": name, "property": name}
        case "AZCM0026":
            return {"url": fault.fields.get("url") or say("the-control-plane")}
        case "AZCM0067":
            named = fault.fields.get("machine") or fault.fields.get("name")
            return {"machine": named or say("another-machine")}
        case "AZCM0063":
            return {"step": say("step-ask-agent")}
        case _:
            return {}


def of_usage(error: click.ClickException) -> AzcmFault:
    """What is wrong with a command line: AZCM0016 a parameter lacks, AZCM0023 a value, AZCM0101 all else."""
    if isinstance(error, click.MissingParameter):
        return AzcmFault("AZCM0016", missing=_parameter(error))
    if isinstance(error, click.BadParameter):
        return AzcmFault("AZCM0023", argument=_parameter(error), detail=_bad_value(error))
    return AzcmFault("AZCM0101", detail=_bad_line(error))


def _parameter(error: click.BadParameter) -> str:
    known = error.param.opts if error.param is not None else ()
    return known[-1] if known else str(error.param_hint)


def _bad_value(error: click.BadParameter) -> Words:
    """click says it in English; in words of ours where it can be known what it says."""
    if error.param is not None and isinstance(error.param.type, click.Choice):
        return say("one-of", known=", ".join(map(str, error.param.type.choices)))
    if found := _DIRECTORY.search(error.message):
        return say("is-a-folder", file=found[1])
    return verbatim(error.message)


def _bad_line(error: click.ClickException) -> Words:
    if isinstance(error, click.NoSuchOption):
        near = ", ".join(error.possibilities or ())
        return say("no-such-flag-near" if near else "no-such-flag", flag=error.option_name, near=near)
    if isinstance(error, click.BadOptionUsage):
        takes = _NO_VALUE.search(error.message) is None
        return say("flag-wants-value" if takes else "flag-takes-no-value", flag=error.option_name)
    if found := _EXTRA.search(error.message):
        return say("too-many-words", words=found[1])
    if found := _NO_COMMAND.search(error.message):
        return say("no-such-verb", verb=found[1])
    return verbatim(error.format_message())


def told(fault: AzcmFault, locale: str, *, as_json: bool = False) -> Told:
    """In JSON the evidence is in English whatever the language: programs look for it."""
    words = explain(fault, locale)
    outer = ""
    if fault.outer and fault.outer != azcm.shown(fault.code):
        outer = explain(Fault(fault.outer, step=fault.step, detail=azcm.shown(fault.code)), locale).message
    facts = DEFAULT if as_json else locale
    known = [] if fault.sole and fault.remedy else words.remedy
    remedy = list(dict.fromkeys((*(each.text(locale) for each in fault.remedy), *known)))
    return Told(
        code=azcm.shown(fault.code),
        exit_code=azcm.exit_code(fault.code) or 1,
        title=words.title,
        message=redacted(words.message),
        cause=redacted(words.cause),
        remedy=[redacted(each) for each in remedy],
        evidence=[redacted(each.text(facts)) for each in fault.evidence],
        retryable=words.retry,
        outer=fault.outer if outer else "",
        outer_message=outer,
        step=str(fault.step or ""),
    )


def print_told(told: Told, *, as_json: bool, to_stderr: bool, correlation: str = "") -> None:
    """On standard output, as Azure's agent does, unless `to_stderr`."""
    if as_json:
        error = msgspec.to_builtins(told)
        if correlation:
            error["correlationId"] = correlation
        value = {"error": {name: each for name, each in error.items() if each not in ("", [])}}
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode(), err=to_stderr)
        return
    between = [show.here(each) for each in _between(told)]
    for words in show.told_lines(told.code, told.message, told.cause, told.remedy, between):
        click.echo(words, err=to_stderr)
    if correlation:
        click.echo(show.here(say("correlation", id=correlation)), err=to_stderr)


def _between(told: Told) -> Iterator[Words]:
    if told.outer:
        yield say("during", code=told.outer, message=told.outer_message)
    for each in told.evidence:
        yield say("evidence", fact=each)
