"""The wiring: every part of a control plane, made in order, in one struct. No container, no globals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.access.roles import OWNER
from outofband.audit.log import AuditLog
from outofband.consoles.gateway import Gateway
from outofband.consoles.limits import Limits
from outofband.consoles.listener import Listener
from outofband.consoles.sessions import Sessions
from outofband.core import clock
from outofband.diagnostics.findings import Findings
from outofband.diagnostics.following import Following
from outofband.diagnostics.measures import Measures
from outofband.diagnostics.places import Places
from outofband.diagnostics.retention import Retention
from outofband.diagnostics.webhooks import Webhooks
from outofband.fleet.fleet import Fleet
from outofband.identity.agent_certificates import certify
from outofband.identity.authority import Authority
from outofband.identity.directory import Directory
from outofband.identity.keys import Keys, KeyUse
from outofband.identity.owners import Owners
from outofband.identity.passwords import Passwords
from outofband.net.forwarded import Proxies
from outofband.providers.compute.fencing import Fencing
from outofband.providers.compute.shape import MACHINES
from outofband.providers.declare import declare
from outofband.providers.network.house import House
from outofband.providers.network.telling import Telling
from outofband.providers.rescues.hands import Requests
from outofband.resources.kernel import Kernel
from outofband.resources.limits import Limits as RequestLimits
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.resources.registry import Registry
from outofband.resources.runner import Runner
from outofband.server.certificates import Certificates
from outofband.server.rights import ConsoleRights
from outofband.server.settings import Settings
from outofband.server.watched import watched
from outofband.storage.service import Storage
from outofband.store.store import Store


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one node is made of. Has what `http.services.Services` asks for."""

    settings: Settings
    store: Store
    keys: Keys
    certificates: Certificates
    authority: Authority
    authorizer: Authorizer
    directory: Directory
    fleet: Fleet
    gateway: Gateway
    sessions: Sessions
    listener: Listener
    registry: Registry
    kernel: Kernel
    runner: Runner
    storage: Storage
    webhooks: Webhooks
    measures: Measures
    audit: AuditLog
    retention: Retention
    following: Following
    networks: Telling
    fencing: Fencing
    unready: Callable[[], str | None]


def wire(
    settings: Settings,
    store: Store,
    certificates: Certificates,
    storage: Storage,
    *,
    unready: Callable[[], str | None],
    limits: Limits | None = None,
    first_password: Path | None = None,
    audit_memory: Path | None = None,
) -> Services:
    """Make the parts; nothing is started yet, and the signing keys have to be there (`Keys.ensure`).

    `first_password` is the file that goes when its password is changed, `audit_memory` the one in which the
    audit log's last signed word is kept beside the database.
    """
    node = settings.node_name
    keys = Keys(store, max_age=timedelta(days=settings.signing_key_days))
    authorizer = Authorizer(store)
    fleet = Fleet(
        store,
        node=node,
        arm=settings.arm,
        trust=certificates.trust,
        fingerprint=certificates.fingerprint,
        grant_keys=lambda: keys.public(KeyUse.GRANT, clock.now()),
        certify=lambda *about: certify(certificates.pki, *about),
        location=DEFAULT_LOCATION,
    )
    places = Places(store, storage, watched)
    retention = Retention(store, places, watched, days=settings.diagnostics_days)
    fleet.incoming.on_places, fleet.incoming.on_stored = places.hand_out, retention.stored
    webhooks = Webhooks(store, settings.webhook_reach)
    findings = Findings(store, watched, webhooks)
    fleet.incoming.on_found = findings.take
    authority = Authority(
        store,
        keys,
        base=settings.arm,
        audiences=settings.audiences,
        passwords=Passwords(refused=settings.refused_passwords()),
        first_password=first_password,
    )
    gateway = Gateway(
        url=settings.gateway,
        names=settings.gateway_names,
        arm=settings.arm,
        arm_names=settings.arm_names,
    )
    sessions = Sessions(store, fleet, keys, ConsoleRights(store), node=node, gateway=gateway, limits=limits)
    requests = Requests(store, authorizer)
    registry = declare(
        store, authorizer, fleet, sessions, storage, places, webhooks, settings.public_pool, requests
    )
    requests.kernel = kernel = Kernel(store, authorizer, registry, RequestLimits(settings.allowances))
    return Services(
        settings=settings,
        store=store,
        keys=keys,
        certificates=certificates,
        authority=authority,
        authorizer=authorizer,
        directory=Directory(store, authority.passwords, Owners(store, OWNER)),
        fleet=fleet,
        gateway=gateway,
        sessions=sessions,
        listener=Listener(sessions, limits, proxies=Proxies(settings.trusted_proxies)),
        registry=registry,
        kernel=kernel,
        runner=Runner(store, registry, node),
        storage=storage,
        webhooks=webhooks,
        measures=Measures(store, watched, findings, webhooks),
        audit=AuditLog(store, settings.activity_days, audit_memory),
        retention=retention,
        following=Following(store, fleet, places, watched, MACHINES),
        networks=Telling(House(store, authorizer, settings.public_pool), fleet),
        fencing=Fencing(store, fleet),
        unready=unready,
    )
