"""`oob login` and `oob logout`: in whose name the verbs of this machine work."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.steps import Steps
from outofband.core import clock
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.account import Account
    from outofband.client.authority import DeviceCode
    from outofband.client.device import SignedIn
    from outofband.client.meeting import Ask, Config
    from outofband.client.profile import Profile
    from outofband.core.paths import StateDir


@click.command(epilog="Examples:  oob login oob.example   ·   oob login oob.example:9443 --ca outofband.pem")
@click.argument("address", required=False)
@click.option(
    "--ca", type=click.Path(dir_okay=False, path_type=Path), help="File with the authorities to trust, PEM."
)
@click.option("--fingerprint", metavar="HEX", help="SHA-256 of the authority, as `oob trust` shows it there.")
@click.option("--tenant", help="Id or domain of the tenant.  [default: the control plane's own]")
@click.option("--no-browser", is_flag=True, help="Show the page's address only; open no browser.")
@options.common
def login(
    address: str | None,
    ca: Path | None,
    fingerprint: str | None,
    tenant: str | None,
    no_browser: bool,
    state: StateDir,
    output: str,
) -> None:
    """Sign in to the control plane at ADDRESS (HOST, HOST:PORT or https://HOST:PORT) as a person.

    Shows a page and a code: open the page on any device, type the code, sign in. From then on every verb here
    works in your name, until `oob logout`. Without ADDRESS: where you are signed in, else this host.

    The first time at an address you are asked to compare a fingerprint; --fingerprint and --ca answer that.
    """
    from outofband.client import device, meeting
    from outofband.client.account import Account
    from outofband.client.authority import Authority
    from outofband.client.transport import Transport
    from outofband.net.tls import client_context

    if ca and fingerprint:
        raise click.UsageError("--ca and --fingerprint both say whom to trust; give one of them")
    account = Account(state)
    base = meeting.base_of(address) if address else _usual_address(state)
    if ca:
        trust = meeting.authorities_in(ca)
    elif fingerprint:
        trust = meeting.learn_authorities(base, meeting.fingerprint_of(fingerprint))
    else:
        trust = _known_authorities(state, base) or meeting.learn_authorities(base, ask=_asking(base))
    trace = show.trace if show.voice.verbose else None
    with Transport(base, client_context(trust), trace=trace) as transport:
        about = meeting.config(transport)
        authority = Authority(transport, tenant or about.tenant_id)
        code = device.begin(authority, about.resource)
        _present(code, with_browser=not no_browser)
        with Steps(quiet=output == "json").progress("waiting until you have signed in there"):
            signed_in = device.wait(authority, code)
    _end_before(account)
    _keep(account, base, about, signed_in, trust)
    with options.sign_in(state) as client:
        profile = client.profile
    show.emit(_facts(profile), output, lambda _: _welcome(state, profile))


@click.command(epilog="Example:  oob logout")
@options.common
def logout(state: StateDir, output: str) -> None:
    """End the sign-in of `oob login`, on the control plane and here.

    On a control plane's own host the verbs then work as its local client again.
    """
    from outofband.client.account import Account

    account = Account(state)
    name = _end_before(account)
    if name is None:
        raise Fault("NotSignedIn")
    show.emit({"signedOut": name}, output, lambda _: show.line(f"{name} is signed out."))


def _usual_address(state: StateDir) -> str:
    from outofband.client.profile import load_profile

    try:
        return load_profile(state).arm
    except Fault as fault:
        if fault.code == "StateNotFound":
            raise click.UsageError(
                "which control plane? Give its ADDRESS, for example oob.example"
            ) from fault
        raise


def _known_authorities(state: StateDir, base: str) -> str | None:
    """Of a control plane that this state directory trusts already."""
    from outofband.client import meeting
    from outofband.client.profile import local_profile, person_profile

    known: list[Profile | None] = [person_profile(state)]
    if state.profile.exists():
        known.append(local_profile(state))
    for profile in known:
        if profile is not None and profile.arm == base:
            return meeting.authorities_in(profile.ca_file)
    return None


def _asking(base: str) -> Ask:
    def ask(fingerprint: str) -> bool:
        if not show.interactive():
            return False
        show.say(f"{base} is not known here yet. The fingerprint (SHA-256) of its authority is\n")
        show.say(f"  {fingerprint}\n")
        show.say("Compare it with what `oob trust` shows on the control plane's own host.")
        return click.confirm("Are they the same?", err=True)

    return ask


def _present(code: DeviceCode, *, with_browser: bool) -> None:
    """On standard error, whatever -q and -o say: without it nobody could sign in."""
    show.say("To sign in, open this page in a browser on any device:\n")
    show.say(f"  {show.plain(code.verification_uri)}\n")
    show.say(f"and type this code (good for {code.expires_in / 60:.0f} minutes; Ctrl-C gives up):\n")
    show.say(f"  {click.style(show.plain(code.user_code), bold=True)}\n")
    if with_browser and show.interactive():
        _open_browser(code.verification_uri)


def _open_browser(address: str) -> None:
    """With the desktop's own opener only: a text browser would take this very terminal."""
    if not address.startswith("https://"):
        return
    desktop = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    # On the far end of an ssh session the desktop is somebody else's.
    if opener and desktop and not os.environ.get("SSH_CONNECTION"):
        nothing = subprocess.DEVNULL
        with contextlib.suppress(OSError):
            subprocess.Popen(
                [opener, address], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
            )


def _end_before(account: Account) -> str | None:
    """End the sign-in that is kept here; whose it was, None when there was none."""
    from outofband.client.credentials import Person

    try:
        profile = account.profile
    except Fault as fault:
        # What cannot be read cannot be ended there; here it must not be in the way.
        show.say(show.plain(show.words_for(fault).message))
        with account.locked():
            account.remove()
        return "whoever it was"
    if profile is None:
        return None
    try:
        Person(profile, account).end()
    except Fault as fault:
        words = show.words_for(fault).message
        show.say(
            f"{profile.name} is signed out here, but {profile.arm} could not be told: {show.plain(words)}"
        )
        show.say("There it ends by itself, or at once when the password is changed.")
    return profile.name


def _keep(account: Account, base: str, about: Config, signed_in: SignedIn, trust: str) -> None:
    from outofband.client.authority import CLIENT_ID
    from outofband.client.profile import PersonProfile

    who = signed_in.who
    profile = PersonProfile(
        arm=base,
        gateway=next(iter(about.gateways), ""),
        ca_file=account.trust,
        tenant_id=who.tid,
        subscription_id="",
        resource_group="",
        client_id=CLIENT_ID,
        resource=about.resource,
        object_id=who.oid,
        name=who.preferred_username,
        display_name=who.name,
    )
    with account.locked():
        account.keep(profile, trust, signed_in.refresh_token)
        account.access_token(profile).put(signed_in.access_token, clock.wall() + signed_in.expires_in)


def _facts(profile: Profile) -> dict[str, str]:
    return {
        "signedIn": profile.who,
        "arm": profile.arm,
        "gateway": profile.gateway,
        "tenantId": profile.tenant_id,
        "subscriptionId": profile.subscription_id,
        "resourceGroup": profile.resource_group,
    }


def _welcome(state: StateDir, profile: Profile) -> None:
    show.line(f"Signed in as {profile.who} at {profile.arm}.")
    if not profile.subscription_id:
        show.note("You have no role there yet: ask an Owner for one, for example Reader.")
    elif profile.resource_group:
        show.note(f"Verbs mean resource group {profile.resource_group} unless -g names another one.")
    if state.profile.exists():
        show.note("This host has a client of its own, which its verbs use again after `oob logout`.")
