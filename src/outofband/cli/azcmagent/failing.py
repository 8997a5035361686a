"""From whatever failed to a code of `azcmagent`, and from there to words and an exit code."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from outofband.catalogue import explain
from outofband.cli import output as show
from outofband.cli.azcmagent import phrases
from outofband.client.faults import RemoteFault, explained
from outofband.core.errors import Fault
from outofband.net.logfile import redacted
from outofband.wire import azcm
from outofband.wire.azcm import AzcmFault

_EVIDENCE = {"en": "evidence:", "fr": "constat :", "nl": "bevinding:"}
_OUTER = {"en": "during: ", "fr": "pendant : ", "nl": "tijdens: "}
_CORRELATION = {"en": "correlation ID:", "fr": "ID de corrélation :", "nl": "correlatie-id:"}
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
    wanted = code or LOCAL.get(fault.code, "AZCM0001")
    words = explained(fault, show.voice.locale)
    evidence = [f"{words.code}: {words.title}"]
    if isinstance(fault, RemoteFault) and fault.request_id:
        evidence.append(f"request {fault.request_id}")
    known: dict[str, Any] = {"detail": words.message} | _fields(wanted, fault) | fields
    made = AzcmFault(wanted, evidence=tuple(evidence), remedy=tuple(words.remedy), **known)
    made.__cause__ = fault
    return made


def _fields(code: str, fault: Fault) -> dict[str, Any]:
    """Fields of the entries that want more than a detail."""
    match code:
        case "AZCM0018":
            return {"needed": "root"}
        case "AZCM0023" | "AZCM0069":
            name = str(fault.fields.get("name", "the setting"))
            return {"argument": name, "property": name}
        case "AZCM0026":
            return {"url": str(fault.fields.get("url", "the control plane"))}
        case "AZCM0067":
            return {
                "machine": str(fault.fields.get("machine") or fault.fields.get("name") or "another machine")
            }
        case "AZCM0063":
            return {"step": "asking the agent"}
        case _:
            return {}


def of_usage(error: click.ClickException) -> AzcmFault:
    """What is wrong with a command line: AZCM0016 a parameter lacks, AZCM0023 a value, AZCM0101 all else."""
    if isinstance(error, click.MissingParameter):
        name = error.param.opts[-1] if error.param is not None and error.param.opts else str(error.param_hint)
        return AzcmFault("AZCM0016", missing=name)
    if isinstance(error, click.BadParameter):
        name = error.param.opts[-1] if error.param is not None and error.param.opts else str(error.param_hint)
        return AzcmFault("AZCM0023", argument=name, detail=error.message)
    return AzcmFault("AZCM0101", detail=error.format_message())


def told(fault: AzcmFault, locale: str) -> Told:
    given = {"step": phrases.step(fault.fields["step"], locale)} if fault.fields.get("step") else {}
    words = explain(Fault(fault.code, **(fault.fields | given)), locale)
    outer = ""
    if fault.outer and fault.outer != azcm.shown(fault.code):
        step = phrases.step(fault.step, locale)
        outer = explain(Fault(fault.outer, step=step, detail=azcm.shown(fault.code)), locale).message
    remedy = list(dict.fromkeys((*fault.remedy, *words.remedy)))
    return Told(
        code=azcm.shown(fault.code),
        exit_code=azcm.exit_code(fault.code) or 1,
        title=words.title,
        message=redacted(words.message),
        cause=redacted(words.cause),
        remedy=[redacted(each) for each in remedy],
        evidence=[redacted(each) for each in fault.evidence],
        retryable=words.retry,
        outer=fault.outer if outer else "",
        outer_message=outer,
        step=fault.step,
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
    locale = show.voice.locale
    for words in show.told_lines(told.code, told.message, told.cause, told.remedy, _marked(told, locale)):
        click.echo(words, err=to_stderr)
    if correlation:
        click.echo(f"{_CORRELATION[locale]} {correlation}", err=to_stderr)


def _marked(told: Told, locale: str) -> list[str]:
    found = [f"{_OUTER[locale]}{told.outer} {told.outer_message}"] if told.outer else []
    return found + [f"{_EVIDENCE[locale]} {each}" for each in told.evidence]
