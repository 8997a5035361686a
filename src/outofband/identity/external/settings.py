"""What an administrator says of a provider beside name, issuer and client: read, checked, kept as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from outofband.core.errors import Fault
from outofband.net.fetch import is_https, trusting
from outofband.net.trust import MAX_TRUST_LENGTH

MAX_NAME = 64
MAX_TEXT = 512
"""Characters of an issuer, a client id, the name of a claim or a group."""
MAX_SECRET = 1024
MAX_LISTED = 200
"""Groups that are mapped, and domains or groups that are let in."""
MAX_SCOPES = 20
FIRST_SCOPES = ("openid", "profile", "email")
NAME_CLAIM = "preferred_username"
_T = TypeVar("_T")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,62})\.)*[a-z0-9][a-z0-9-]{0,62}")
_FACTOR = re.compile(r"(amr|acr)=[\x21-\x7e]{1,256}")


class Mapped(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Who is in `external` there is in `group` here."""

    external: str
    group: str
    """Object id of a group of the tenant."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As the JSON API and the store have it; every field has its default."""

    scopes: tuple[str, ...] = FIRST_SCOPES
    name_claim: str = NAME_CLAIM
    """What a user is called that is made at its first sign-in."""
    groups_claim: str | None = None
    """Where the groups are; None: the provider tells none."""
    group_map: tuple[Mapped, ...] = ()
    create_users: bool = False
    """At their first sign-in; without it they are linked by themselves or invited before."""
    allowed_groups: tuple[str, ...] = ()
    """Who is in one of these there, or with none here: everybody."""
    allowed_domains: tuple[str, ...] = ()
    """Whose verified e-mail address is in one of these."""
    second_factor: tuple[str, ...] = ()
    """`amr=WORD` or `acr=WORD`: what in an id token counts as a second factor here. Nothing: none does."""
    ca: str | None = None
    """PEM of the authorities that the provider is trusted by, in place of the system's."""


def read(kept: dict[str, object]) -> Settings:
    return msgspec.convert(kept, Settings)


def check(settings: Settings) -> Settings:
    """The same in its one form. Raises Fault InvalidParameter."""
    scopes = tuple(dict.fromkeys(("openid", *settings.scopes)))
    if len(scopes) > MAX_SCOPES or not all(_SCOPE.fullmatch(each) for each in scopes):
        raise wrong("scopes", f"there are at most {MAX_SCOPES}, without spaces and quotes")
    if settings.ca is not None:
        try:
            if len(settings.ca) > MAX_TRUST_LENGTH:
                raise ValueError("too long")
            trusting(settings.ca)
        except ValueError as error:
            raise wrong("ca", "it is no certificate of an authority in PEM form") from error
    if (settings.group_map or settings.allowed_groups) and settings.groups_claim is None:
        raise wrong("groupsClaim", "without it nobody's groups are known, and they are asked for here")
    domains = tuple(each.lower().removeprefix("@") for each in settings.allowed_domains)
    if not all(_DOMAIN.fullmatch(each) for each in _few("allowedDomains", domains)):
        raise wrong("allowedDomains", "each is a domain such as example.org")
    if not all(_FACTOR.fullmatch(each) for each in _few("secondFactor", settings.second_factor)):
        raise wrong("secondFactor", "each is amr=WORD or acr=WORD")
    pairs = dict.fromkeys(
        (_line("groupMap", each.external), each.group.lower()) for each in settings.group_map
    )
    return msgspec.structs.replace(
        settings,
        scopes=scopes,
        name_claim=_line("nameClaim", settings.name_claim),
        groups_claim=_line("groupsClaim", settings.groups_claim) if settings.groups_claim else None,
        group_map=tuple(Mapped(external=name, group=group) for name, group in _few("groupMap", list(pairs))),
        allowed_groups=tuple(
            _line("allowedGroups", each) for each in _few("allowedGroups", settings.allowed_groups)
        ),
        allowed_domains=domains,
    )


def check_name(name: str) -> str:
    """Raises Fault InvalidParameter."""
    text = " ".join(name.split())
    if not text or len(text) > MAX_NAME or not text.isprintable() or "/" in text:
        raise wrong("name", f"it has 1 to {MAX_NAME} printable characters and no slash")
    return text


def check_issuer(issuer: str) -> str:
    """Raises Fault InvalidParameter."""
    if len(issuer) > MAX_TEXT or not is_https(issuer) or "?" in issuer or "#" in issuer:
        raise wrong("issuer", "it is an address that begins with https://, without ? and #")
    return issuer


def check_client(client_id: str) -> str:
    """Raises Fault InvalidParameter."""
    return _line("clientId", client_id)


def check_secret(secret: str) -> str:
    """Raises Fault InvalidParameter."""
    if not secret or len(secret) > MAX_SECRET or not secret.isprintable() or not secret.isascii():
        raise wrong("clientSecret", f"it has 1 to {MAX_SECRET} printable ASCII characters")
    return secret


def wrong(target: str, detail: str) -> Fault:
    return Fault("InvalidParameter", target=target, detail=detail)


def _line(target: str, text: str) -> str:
    line = text.strip()
    if not line or len(line) > MAX_TEXT or not line.isprintable():
        raise wrong(target, f"it has 1 to {MAX_TEXT} printable characters")
    return line


def _few(target: str, given: Sequence[_T]) -> Sequence[_T]:
    if len(given) > MAX_LISTED:
        raise wrong(target, f"there are at most {MAX_LISTED}")
    return given
