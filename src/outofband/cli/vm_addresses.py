"""The addresses of a VM, collected from its network interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient

VERSION = "2024-05-01"
MAX_ASKED = 16
"""Interfaces and public addresses that are looked up for one VM."""


def of(client: ArmClient, machine: dict[str, Any]) -> list[dict[str, str]]:
    """`private` and `public` of each configuration; what may not be read, or is gone, is left out."""
    profile = machine["properties"].get("networkProfile") or {}
    found = []
    for each in (profile.get("networkInterfaces") or [])[:MAX_ASKED]:
        nic = _get(client, str(each.get("id", "")))
        for one in ((nic.get("properties") or {}).get("ipConfigurations") or [])[:MAX_ASKED]:
            properties = one.get("properties") or {}
            public = str((properties.get("publicIPAddress") or {}).get("id", ""))
            address = (_get(client, public).get("properties") or {}).get("ipAddress") if public else None
            told = {"private": str(properties.get("privateIPAddress") or ""), "public": str(address or "")}
            if any(told.values()):
                found.append(told)
    return found


def words(addresses: list[dict[str, str]]) -> str:
    """`10.0.0.4, 203.0.113.2 (public)`."""
    private = [each["private"] for each in addresses if each["private"]]
    public = [f"{each['public']} (public)" for each in addresses if each["public"]]
    return ", ".join(private + public)


def _get(client: ArmClient, path: str) -> dict[str, Any]:
    if not path.startswith("/subscriptions/"):
        return {}
    try:
        found: dict[str, Any] = client.get(path, version=VERSION)
    except Fault:
        return {}
    return found
