"""What `azcmagent` says of its own doing, in the languages of core.locale: its steps, and what it left begun.

A step is known by its English name, in the log and in JSON too; only what people see is translated.
"""

from __future__ import annotations

from outofband.core.locale import DEFAULT, LOCALES

_STEPS: dict[str, tuple[str, str]] = {
    "ask the agent": ("interroger l'agent", "de agent vragen"),
    "make the key": ("créer la clé", "de sleutel maken"),
    "make the resource": ("créer la ressource", "de resource maken"),
    "claim the resource": ("réclamer la ressource", "de resource opeisen"),
    "wait for the link": ("attendre la liaison", "op de verbinding wachten"),
    "forget the connection": ("oublier la connexion", "de verbinding vergeten"),
    "delete the resource": ("supprimer la ressource", "de resource verwijderen"),
    "replace the key": ("remplacer la clé", "de sleutel vervangen"),
    "look at the subscription": ("regarder l'abonnement", "naar het abonnement kijken"),
    "look at the rights": ("regarder les droits", "naar de rechten kijken"),
    "look at the provider": ("regarder le fournisseur", "naar de provider kijken"),
    "look at the name": ("regarder le nom", "naar de naam kijken"),
    "asking the agent": ("interroger l'agent", "de agent vragen"),
}
_WITH: dict[str, tuple[str, str]] = {
    "sign in at ": ("se connecter à ", "aanmelden bij "),
    "reach ": ("atteindre ", "bereiken: "),
}
"""Beginnings of steps that name an address."""
_AT = ('It was at the step "{step}".', "C'était à l'étape « {step} ».", "Het was bij de stap '{step}'.")
_NOTHING = ("Nothing was begun.", "Rien n'était commencé.", "Er was niets begonnen.")
_ENDED = (
    "The program was told to end (SIGTERM).",
    "On a dit au programme de finir (SIGTERM).",
    "Het programma moest stoppen (SIGTERM).",
)
_BEGUN = {
    "connect": (
        "This server is half-connected as {id}: the same command again goes on.",
        "Ce serveur est à moitié connecté comme {id} : la même commande continue.",
        "Deze server is half verbonden als {id}: hetzelfde commando gaat verder.",
    ),
    "disconnect": (
        "This server is half-disconnected from {id}: the same command again goes on.",
        "Ce serveur est à moitié déconnecté de {id} : la même commande continue.",
        "Deze server is half losgemaakt van {id}: hetzelfde commando gaat verder.",
    ),
}


def step(name: str, locale: str = DEFAULT) -> str:
    """What a step is called; one that has no words keeps its name."""
    at = LOCALES.index(locale)
    if at == 0:
        return name
    if name in _STEPS:
        return _STEPS[name][at - 1]
    for beginning, told in _WITH.items():
        if name.startswith(beginning):
            return told[at - 1] + name.removeprefix(beginning)
    return name


def known() -> tuple[set[str], set[str]]:
    """Names of steps that have words, and beginnings of such names."""
    return set(_STEPS), set(_WITH)


def begun(what: str, resource: str, locale: str = DEFAULT) -> str:
    """What `connect` or `disconnect` left halfway."""
    return _BEGUN[what][LOCALES.index(locale)].format(id=resource)


def interrupted(at: str, left: str, locale: str = DEFAULT, *, told_to_end: bool = False) -> str:
    """Where somebody ended the program: at a step or before the first one, and what is left by that."""
    number = LOCALES.index(locale)
    where = _AT[number].format(step=step(at, locale)) if at else _NOTHING[number]
    return " ".join(part for part in (_ENDED[number] if told_to_end else "", where, left) if part)
