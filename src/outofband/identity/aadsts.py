"""The numbers that Entra's clients, and people who search for them, know refusals by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

AADSTS: Mapping[str, int] = MappingProxyType(
    {
        # An unknown name is 50034 there; here it is told like a wrong password, with one number for both.
        "WrongCredentials": 50126,
        "WrongPassword": 50126,
        "AccountLocked": 50053,
        "AccountDisabled": 50057,
        "TooManyTries": 50196,
        "WrongTenant": 50020,
        "UnknownApplication": 700016,
        "RedirectMismatch": 50011,
        "TenantUnknown": 90002,
        "SignInRequestInvalid": 9002313,
        "DeviceCodeUnknown": 70018,
        "DeviceCodeOver": 70019,
        "MfaRequired": 50076,
        "WrongCode": 500121,
        "PasskeyRefused": 500121,
        "PasskeyCopied": 500121,
    }
)
"""By the code of the Fault; those without a number are ours alone."""

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        16000: "A silent sign-in could not do without the person. Sign in interactively.",
        50011: "The redirect address is not one of this client, or not the one the code was asked with.",
        50020: "The account is of another tenant. Sign in to its own, or with another account.",
        50027: "The client assertion is no JWT, or lacks aud, iss, sub, exp or jti.",
        50053: "The account is locked for 15 minutes after too many wrong passwords.",
        50055: "The password was given by somebody else and has to be changed at an interactive sign-in.",
        50057: "The account is switched off. Whoever manages the users can switch it on.",
        50058: "Nobody is signed in in this browser.",
        50059: "A program names its tenant in the address: its id or domain, not common or organizations.",
        50076: "The tenant requires a second factor. Sign in interactively.",
        500121: "The second factor was wrong, or was refused.",
        50126: "The user name or the password is wrong.",
        50173: "The sign-in has ended: signed out, another password, or a refresh token used twice. Sign in.",
        50196: "Too many failed tries from here. Wait as long as Retry-After says.",
        54005: "The code was used before; what had come of it has ended. Sign in again.",
        65004: "The person said no.",
        70003: "The grant_type is none that is supported here.",
        70008: "The authorization code is older than a minute.",
        70011: "The scope names no resource of this control plane, or more than one.",
        70016: "Nobody has answered the device code yet, or it is asked for too often.",
        70018: "The device code is unknown, or of another client.",
        70019: "The device code is older than 15 minutes.",
        500011: "The resource in scope is none of this control plane's addresses.",
        501481: "The code_verifier does not fit the code_challenge.",
        700016: "No program of this tenant has this client_id: mistyped, of another tenant, or deleted.",
        700021: "iss and sub of the client assertion have to be the client_id.",
        700023: "aud of the client assertion has to be the token endpoint or the issuer of the tenant.",
        700024: "The client assertion is not valid yet, any more, or for too long. Compare the clocks.",
        700025: "This client is public: it has no secret and no certificate.",
        700027: "The client assertion is not signed with a certificate that is registered for the program.",
        700054: "Only response_type=code is supported.",
        700082: "The refresh token has expired. Sign in again.",
        900144: "A parameter is missing in the request.",
        1000502: "The certificate of the program is not valid yet or has ended. Register another one.",
        1002012: "The scope of a program is one resource and /.default.",
        7000112: "The program is switched off.",
        7000215: "The client secret is wrong: the value is needed, not its id.",
        7000218: "A client_secret or a client_assertion is missing.",
        7000222: "The client secret has ended. Make another one.",
        9002313: "The request, the code or the refresh token is malformed or unknown.",
        90002: "There is no such tenant.",
    }
)
"""What each number means here, for `error_uri`. A test holds it together with `oauth.Refusals`."""
