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
    }
)
"""By the code of the Fault; those without a number are ours alone."""
