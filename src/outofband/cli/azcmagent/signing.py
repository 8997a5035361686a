"""The caller's token: by device code, of a service principal, given, or from Azure's command line."""

from __future__ import annotations

import base64
import binascii
import getpass
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from outofband.catalogue import Words, say, verbatim
from outofband.cli.azcmagent import failing, network
from outofband.cli.azcmagent.arguments import MAX_SECRET, Login
from outofband.cli.azcmagent.places import Place
from outofband.cli.output import here, interactive
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.cli.azcmagent.running import Run
    from outofband.client.authority import Refusal
    from outofband.client.transport import Transport

DEVICE_SECONDS = 300.0
"""How long a person has for a device code; the code itself may live longer."""
AZ_SECONDS = 120.0
ANY_TENANT = "organizations"
_AADSTS = re.compile(r"AADSTS(\d+)")
_WRONG_SECRET, _ENDED_SECRET, _NO_APPLICATION, _NO_TENANT = 7000215, 7000222, 700016, 90002


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Good for Resource Manager of one place. `who` is what it says of its owner; `given`: nobody here can
    get another one.
    """

    text: str
    tenant: str = ""
    who: str = ""
    object_id: str = ""
    given: bool = False

    def __repr__(self) -> str:
        return f"Token({self.who!r})"


class Caller:
    """`client.credentials.Credentials` with the one token there is."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def token(self, transport: Transport, refused: str | None = None) -> str:
        """Raises AzcmFault AZCM0012 or AZCM0041 once it was refused."""
        if refused is not None:
            raise AzcmFault("AZCM0012" if self._token.given else "AZCM0041", detail=say("token-refused"))
        return self._token.text

    def hurry(self) -> None:
        pass


def get(run: Run, place: Place, login: Login) -> Token:
    """Raises AzcmFault AZCM0012, AZCM0016, AZCM0026, AZCM0041 or AZCM0101Execution."""
    match login.method:
        case "token":
            found = _given(run, login)
        case "azcli":
            found = _azcli(run, place, login)
        case _:
            with _transport(run, place) as transport:
                found = _asked(run, place, login, transport)
    run.hide(found.text)
    run.log("info", "signed in", {"Method": login.method, "Caller": found.who, "Tenant": found.tenant})
    return found


def _transport(run: Run, place: Place) -> Transport:
    from outofband.client.transport import Transport

    made = Transport(place.login, place.tls(), trace=run.trace)
    made.correlate(run.correlation)
    return made


def _asked(run: Run, place: Place, login: Login, transport: Transport) -> Token:
    from outofband.client.authority import Authority

    try:
        resource, tenant = _about(place, transport, login)
        authority = Authority(transport, tenant)
        if login.method == "device-code":
            return _device(run, authority, resource, login)
        proof = _secret(run, login) if login.method == "secret" else _assertion(login, place, tenant)
        assert login.principal
        answer = authority.token(
            grant_type="client_credentials",
            client_id=login.principal,
            scope=f"{resource}/.default".replace("//.default", "/.default"),
            **proof,
        )
    except AzcmFault:
        raise
    except Fault as fault:
        raise network.explained(fault, place.login, place.trust) from fault
    from outofband.client.authority import Refusal

    if isinstance(answer, Refusal):
        raise _refused(answer, login, tenant, place)
    return described(answer.access_token)


def _about(place: Place, transport: Transport, login: Login) -> tuple[str, str]:
    """What tokens are asked for, and of which tenant."""
    wanted = login.user_tenant or login.tenant
    if place.resource:
        return place.resource, wanted or ANY_TENANT
    from outofband.client.meeting import config

    about = config(transport)
    return about.resource, wanted or about.tenant_id


def _device(run: Run, authority: Any, resource: str, login: Login) -> Token:
    from outofband.client import device

    try:
        code = device.begin(authority, resource)
        shown = min(code.expires_in, DEVICE_SECONDS)
        if run.as_json:
            # Whoever reads JSON still has to see where to go.
            print(
                here(_invitation(code.verification_uri, code.user_code, shown)), file=sys.stderr, flush=True
            )
        else:
            run.note(_invitation(code.verification_uri, code.user_code, shown))
        answer = device.wait(authority, msgspec.structs.replace(code, expires_in=shown))
    except Fault as fault:
        detail = str(fault.fields.get("detail", ""))
        if fault.code in ("SignInRefused", "SignInDeclined", "DeviceCodeExpired"):
            raise _device_failed(fault, authority.base, detail, login) from fault
        raise
    return described(answer.access_token)


def _invitation(address: str, code: str, seconds: float) -> Words:
    return say("device-code", address=address, code=code, minutes=f"{seconds / 60:.0f}")


def _device_failed(fault: Fault, base: str, detail: str, login: Login) -> AzcmFault:
    made = failing.as_azcm(fault, "AZCM0041")
    tenant = login.user_tenant or login.tenant or ANY_TENANT
    facts = [say("authority", address=base), say("tenant", tenant=tenant)]
    if number := _AADSTS.search(detail):
        facts.append(verbatim(f"AADSTS{number[1]}"))
    made.evidence = (*made.evidence, *facts)
    return made


def _secret(run: Run, login: Login) -> dict[str, str]:
    secret = login.secret or ""
    if secret:
        run.warn(say("secret-in-sight", flag="--service-principal-secret-file"))
    elif login.secret_file is not None:
        secret = read_secret(login.secret_file, "--service-principal-secret-file")
    elif interactive() and not run.as_json:
        secret = getpass.getpass(here(say("secret-prompt"))).strip()
    if not secret:
        missing = say("either", one="--service-principal-secret", other="--service-principal-secret-file")
        raise AzcmFault("AZCM0016", missing=missing)
    run.hide(secret)
    return {"client_secret": secret}


def read_secret(file: Path, flag: str) -> str:
    """The first line of a file; `-` is standard input. Raises AzcmFault AZCM0023."""
    try:
        if str(file) == "-":
            text = sys.stdin.readline(MAX_SECRET)
        else:
            with file.open("rb") as opened:
                text = opened.read(MAX_SECRET).decode()
    except (OSError, UnicodeDecodeError) as error:
        detail = failing.system(error, file) if isinstance(error, OSError) else say("file-no-text", file=file)
        raise AzcmFault("AZCM0023", argument=flag, detail=detail) from error
    if not (secret := text.strip()) or "\n" in secret:
        raise AzcmFault("AZCM0023", argument=flag, detail=say("file-one-line", file=file))
    return secret


def _assertion(login: Login, place: Place, tenant: str) -> dict[str, str]:
    from outofband.client.assertion import ASSERTION_TYPE, CertificateUnusable, assertion

    assert login.principal
    assert login.certificate is not None
    try:
        signed = assertion(
            login.certificate.read_bytes(), login.principal, f"{place.login}/{tenant}/oauth2/v2.0/token"
        )
    except (OSError, CertificateUnusable) as error:
        why = error.why if isinstance(error, CertificateUnusable) else failing.system(error)
        where = say("of-file", file=login.certificate, why=why)
        raise AzcmFault("AZCM0023", argument="--service-principal-cert", detail=where) from error
    return {"client_assertion": signed, "client_assertion_type": ASSERTION_TYPE}


def _refused(answer: Refusal, login: Login, tenant: str, place: Place) -> AzcmFault:
    """A refusal of the token authority, told by its number."""
    found = _AADSTS.search(answer.error_description)
    number = int(found[1]) if found else 0
    evidence = [
        say("authority", address=place.login),
        say("tenant", tenant=tenant),
        say("application", id=login.principal),
        verbatim(f"AADSTS{number}" if number else answer.error),
    ]
    remedy: list[Words] = []
    match number:
        case n if n == _WRONG_SECRET:
            remedy.append(say("use-secrets-value"))
        case n if n == _ENDED_SECRET:
            remedy.append(say("make-new-secret"))
        case n if n == _NO_APPLICATION:
            remedy += [say("compare-client-id"), say("application-of-another-tenant", flag="--tenant-id")]
            if login.principal and login.principal.lower() == tenant.lower():
                both = {"one": "--service-principal-id", "other": "--tenant-id"}
                evidence.append(say("same-id-twice", **both))
        case n if n == _NO_TENANT:
            remedy.append(say("compare-tenant", flag="--tenant-id"))
    return AzcmFault(
        "AZCM0041", detail=verbatim(answer.words), evidence=tuple(evidence), remedy=tuple(remedy), sole=True
    )


def _given(run: Run, login: Login) -> Token:
    text = login.token or ""
    if login.token:
        run.hide(login.token)
        run.warn(say("token-in-sight", flag="--access-token-file"))
    else:
        assert login.token_file is not None
        text = read_secret(login.token_file, "--access-token-file")
        run.hide(text)
    return _checked(text.removeprefix("Bearer ").strip())


def _checked(text: str) -> Token:
    """What a token that was given says of itself. Raises AzcmFault AZCM0012."""
    claims = read_claims(text)
    if claims is None:
        raise AzcmFault("AZCM0012", detail=say("token-no-token"))
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires <= clock.wall():
        ended = clock.wall() - float(expires)
        raise AzcmFault("AZCM0012", detail=say("token-expired", seconds=f"{ended:.0f}"))
    return msgspec.structs.replace(described(text), given=True)


def described(text: str) -> Token:
    """A token with what stands in it. Its signature is for whoever it is for to check."""
    claims = read_claims(text) or {}

    def said(*names: str) -> str:
        return next((str(claims[name]) for name in names if claims.get(name)), "")

    return Token(
        text=text,
        tenant=said("tid"),
        who=said("upn", "unique_name", "preferred_username", "app_displayname", "appid", "azp"),
        object_id=said("oid"),
    )


def read_claims(text: str) -> dict[str, Any] | None:
    parts = text.split(".")
    if len(parts) != 3:
        return None
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        found = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _azcli(run: Run, place: Place, login: Login) -> Token:
    """The token of whoever is signed in to Azure's command line. Raises AzcmFault."""
    program = shutil.which("az")
    if program is None:
        raise AzcmFault("AZCM0101Execution", detail=say("no-az", flag="--use-azcli"))
    words = [
        program,
        "account",
        "get-access-token",
        "--output",
        "json",
        "--resource",
        place.resource or place.arm,
    ]
    if login.user_tenant or login.tenant:
        words += ["--tenant", str(login.user_tenant or login.tenant)]
    run.log("debug", "running az account get-access-token")
    done = _run(words, subprocess.run)
    if done.returncode != 0:
        said = " ".join(done.stderr.replace("ERROR: ", "").split())[:500]
        raise AzcmFault(
            "AZCM0041",
            detail=say("az-said", said=said or say("exit-code", code=done.returncode)),
            evidence=(say("program", program=program),),
            remedy=(say("az-login-as-this-user"),),
        )
    try:
        return _checked(str(msgspec.json.decode(done.stdout)["accessToken"]))
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise AzcmFault("AZCM0101Execution", detail=say("printed-no-token", program=program)) from error


def _run(words: list[str], call: Callable[..., Any]) -> subprocess.CompletedProcess[str]:
    try:
        done: subprocess.CompletedProcess[str] = call(
            words, capture_output=True, text=True, timeout=AZ_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AzcmFault("AZCM0101Execution", detail=verbatim(f"{words[0]}: {error}")) from error
    return done
