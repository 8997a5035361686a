"""The store as one value: a database with a repository for each noun."""

from __future__ import annotations

from outofband.store import wrapping
from outofband.store.activity import Activity
from outofband.store.agents import Agents
from outofband.store.applications import Applications
from outofband.store.assertions import ClientAssertions
from outofband.store.assignments import Assignments
from outofband.store.audit import Audit
from outofband.store.blobs import Blobs
from outofband.store.blobs_accounts import StorageAccounts
from outofband.store.blobs_containers import Containers
from outofband.store.blobs_objects import BlobObjects
from outofband.store.codes import AuthorizationCodes
from outofband.store.console_settings import ConsoleSettings
from outofband.store.custodians import Custodians
from outofband.store.device_codes import DeviceCodes
from outofband.store.directory import Directory
from outofband.store.engine import NODE, Database
from outofband.store.enrolment import EnrolmentTokens
from outofband.store.external_identities import ExternalIdentities, ExternalMemberships
from outofband.store.external_sign_ins import ExternalSignIns
from outofband.store.factors import Factors
from outofband.store.findings import Findings
from outofband.store.groups import Groups
from outofband.store.identity_providers import IdentityProviders
from outofband.store.keyring import Keyring
from outofband.store.locks import Locks
from outofband.store.master_keys import KeySource
from outofband.store.network import Network
from outofband.store.notify import Bell
from outofband.store.operations import Operations
from outofband.store.outbox import Outbox
from outofband.store.people import People
from outofband.store.principals import Principals
from outofband.store.recovery_codes import RecoveryCodes
from outofband.store.refresh_tokens import RefreshTokens
from outofband.store.registrations import Registrations
from outofband.store.rescues import Rescues
from outofband.store.resources import Resources
from outofband.store.role_definitions import RoleDefinitions
from outofband.store.sessions import Sessions
from outofband.store.sign_in_failures import SignInFailures
from outofband.store.sign_in_policies import SignInPolicies
from outofband.store.sign_in_steps import SignInSteps
from outofband.store.sign_ins import SignIns
from outofband.store.vault import UNWRAPPED, Vault, open_vault
from outofband.store.webhooks import Webhooks
from outofband.store.withheld import Withheld


class Store:
    """Repositories hold no state: everything is in the unit of work they are given.

    `vault` encrypts and opens what rows keep of secrets; only who opened the store with master keys has one.
    """

    def __init__(self, db: Database, vault: Vault | None = None) -> None:
        self.db = db
        self._vault = vault
        self.read = db.read
        self.write = db.write
        self.transact = db.transact
        self.bell: Bell = db.bell
        self.directory = Directory()
        self.applications = Applications()
        self.principals = Principals()
        self.groups = Groups()
        self.custodians = Custodians()
        self.people = People()
        self.sign_in_failures = SignInFailures()
        self.sign_ins = SignIns()
        self.sign_in_steps = SignInSteps()
        self.sign_in_policies = SignInPolicies()
        self.factors = Factors()
        self.recovery_codes = RecoveryCodes()
        self.identity_providers = IdentityProviders()
        self.external_identities = ExternalIdentities()
        self.external_memberships = ExternalMemberships()
        self.external_sign_ins = ExternalSignIns()
        self.client_assertions = ClientAssertions()
        self.codes = AuthorizationCodes()
        self.refresh_tokens = RefreshTokens()
        self.device_codes = DeviceCodes()
        self.keyring = Keyring()
        self.assignments = Assignments()
        self.role_definitions = RoleDefinitions()
        self.resources = Resources()
        self.operations = Operations()
        self.locks = Locks()
        self.registrations = Registrations()
        self.storage_accounts = StorageAccounts()
        self.containers = Containers()
        self.blobs = Blobs()
        self.blob_objects = BlobObjects()
        self.audit = Audit()
        self.activity = Activity(self.audit)
        self.agents = Agents()
        self.enrolment = EnrolmentTokens()
        self.outbox = Outbox()
        self.withheld = Withheld()
        self.sessions = Sessions()
        self.console_settings = ConsoleSettings()
        self.network = Network()
        self.findings = Findings()
        self.webhooks = Webhooks()
        self.rescues = Rescues()

    @property
    def has_vault(self) -> bool:
        return self._vault is not None

    @property
    def vault(self) -> Vault:
        if self._vault is None:
            raise LookupError("this store was opened without master keys")
        return self._vault

    @classmethod
    async def open(cls, url: str, keys: KeySource | None = None, *, node: str = NODE) -> Store:
        """As `Database.open`; then every secret is brought under the first of the master keys, those that an
        earlier version left in clear among them. Without `keys` the store has no vault.

        Raises Fault VaultKeyMissing, VaultKeyWrong, VaultKeyInvalid or VaultKeyFixed too.
        """
        db = await Database.open(url, node)
        try:
            if keys is None:
                return cls(db)
            vault = await _vault(db, keys)
            await wrapping.wrap_all(db, vault)
            return cls(db, vault)
        except BaseException:
            await db.close()
            raise

    @classmethod
    async def beside(cls, url: str, keys: KeySource | None = None, *, node: str = NODE) -> Store:
        """As `Database.beside`, with a vault when there are master keys to open it with."""
        db = await Database.beside(url, node)
        try:
            return cls(db, await _vault(db, keys) if keys is not None else None)
        except BaseException:
            await db.close()
            raise

    async def close(self) -> None:
        await self.db.close()


async def _vault(db: Database, keys: KeySource) -> Vault:
    async with db.read() as tx:
        found = await wrapping.names(tx)
    return open_vault(keys, found.keys(), found.total() - found[UNWRAPPED])
