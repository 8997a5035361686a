"""A whole round of everything that has to do with secrets at a running house, each with its failures.

Every secret that is used, given or made on the way becomes a canary of `hunt`, every address that a client
asks for is kept in `urls`. Nothing is imitated: people use the account pages, programs the OAuth2 endpoints.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.identity import totp
from outofband.identity.assertions import ASSERTION_TYPE
from outofband.identity.clients import CLI, PORTAL
from outofband.identity.device_grant import DEVICE_GRANT
from outofband.net import tls
from outofband.wire.managed_identity import APP_PATH, ARC_PATH
from outofband.wire.storage import shared_key
from outofband.wire.storage.asked import Asked, written_date
from tests.peers.forms import Forms
from tests.peers.house import House, until
from tests.support.actors import HostKey
from tests.support.hunt import Hunt, Place
from tests.unit.identity.test_assertions import Signer

ARM = "2024-11-01"
STORAGE = "2023-05-01"
BLOB = "2021-12-02"


def made_up(kind: str) -> str:
    """A secret with everything in it that is written otherwise in a URL, in JSON or in HTML."""
    return f"{kind} +/%&='<ä> {secrets.token_urlsafe(12)}"


class Browser(Forms):
    """Remembers every address, and whose cookies it was given."""

    def __init__(self, rounds: Rounds) -> None:
        super().__init__(rounds.base, rounds.context)
        self._rounds = rounds
        self._http.event_hooks["request"] = [rounds.noted]
        self._http.event_hooks["response"] = [self._cookies]

    def _cookies(self, answer: httpx.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if value.strip('"'):
                self._rounds.hunt.add(f"cookie {name}", value)

    @property
    def address(self) -> str:
        return self._address

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]+)"', self.page)
        assert found is not None, self.page
        return found[1]


class Rounds:
    def __init__(self, house: House, hunt: Hunt) -> None:
        self.house, self.hunt = house, hunt
        self.state = StateDir(house.root)
        self.profile = house.profile()
        self.base = self.profile["arm"]
        self.tenant = self.profile["tenantId"]
        self.context = tls.client_context(self.state.trust)
        self.urls: list[Place] = []
        self.http = httpx.Client(
            base_url=self.base,
            verify=self.context,
            trust_env=False,
            timeout=120.0,
            event_hooks={"request": [self.noted]},
        )
        self.group = f"/subscriptions/{self.profile['subscriptionId']}/resourceGroups/demo"
        self.vm = f"{self.group}/providers/Microsoft.Compute/virtualMachines/demo"
        secret = (house.root / "client" / "secret").read_text().strip()
        self.owner = self._token(client_id=self.profile["clientId"], client_secret=secret)

    def noted(self, request: httpx.Request) -> None:
        self.urls.append(Place("url", request.url.path, str(request.url).encode()))

    def close(self) -> None:
        self.http.close()

    # --- asking

    def form(self, expect: int = 200, *, path: str = "token", **fields: str) -> dict[str, Any]:
        answer = self.http.post(f"/{self.tenant}/oauth2/v2.0/{path}", data=fields)
        assert answer.status_code == expect, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        for name in ("access_token", "refresh_token", "id_token", "device_code"):
            if name in found:
                self.hunt.add(name, found[name], *_KEPT_BY_OOB.get(name, ()))
        return found

    def _token(self, expect: int = 200, **fields: str) -> str:
        more = {"grant_type": "client_credentials", "scope": f"{self.base}/.default"}
        return str(self.form(expect, **more, **fields).get("access_token", ""))

    def arm(
        self, method: str, path: str, body: Any = None, *, version: str = ARM, expect: int | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.owner}"}
        params = {"api-version": version} if version else None
        answer = self.http.request(method, path, json=body, headers=headers, params=params)
        assert answer.is_success if expect is None else answer.status_code == expect, answer.text
        where = answer.headers.get("azure-asyncoperation") or answer.headers.get("location")
        if answer.status_code in (201, 202) and where and "operation" in where.lower():
            return self.follow(where)
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def follow(self, where: str) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            answer = self.http.get(where, headers={"Authorization": f"Bearer {self.owner}"})
            if answer.status_code == 202:
                return None
            found: dict[str, Any] = answer.json() if answer.content else {"status": "Succeeded"}
            return None if found.get("status") == "InProgress" else found

        found: dict[str, Any] = until("the operation ends", over, 120)
        return found

    # --- people

    def people(self) -> None:
        """The first administrator signs in by every way there is, and is refused by each."""
        password, wrong = made_up("password"), made_up("wrong password")
        self.hunt.add("first password", self.house.first_password)
        self.hunt.add("password", password)
        self.hunt.add("wrong password", wrong)
        with Browser(self) as browser:
            verifier, address = self._portal()
            browser.open(address)
            browser.press("Sign in", name="admin", password=wrong)
            browser.press("Sign in", name="admin", password=self.house.first_password)
            browser.press("Change password", current=self.house.first_password, new=password, again=password)
            self._redeemed(browser, verifier)
            self._second_factor(browser)
        for otp, recovery in ((True, False), (False, True)):
            with Browser(self) as browser:
                verifier, address = self._portal()
                browser.open(address)
                browser.press("Sign in", name="admin", password=password)
                if otp:
                    browser.press("Continue", otp="000000")
                    # Each step counts once, and the one of setting up is used.
                    late = clock.now() + timedelta(seconds=30)
                    browser.press("Continue", otp=totp.code_at(self._app, late))
                if recovery:
                    browser.press("Use the recovery code", otp="aaaa-bbbb-cccc-dddd")
                    browser.press("Use the recovery code", otp=self._recovery)
                self._redeemed(browser, verifier)
                self._device(browser)
        self._mistaken(password)

    def _portal(self, **changes: str) -> tuple[str, str]:
        verifier = secrets.token_urlsafe(48)
        self.hunt.add("code_verifier", verifier)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "client_id": PORTAL.id,
            "response_type": "code",
            "response_mode": "query",
            "redirect_uri": f"{self.base}/portal/",
            "scope": f"{self.base}/.default openid profile offline_access",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "state": "s",
        } | changes
        return verifier, str(httpx.URL(f"/{self.tenant}/oauth2/v2.0/authorize", params=query))

    def _redeemed(self, browser: Browser, verifier: str) -> None:
        """The code that the browser came back with: wrong at first, then right, refreshed, then once more."""
        code = dict(parse_qsl(urlsplit(browser.address).query))["code"]
        self.hunt.add("authorization code", code, "/portal")
        fields = {
            "grant_type": "authorization_code",
            "client_id": PORTAL.id,
            "code": code,
            "redirect_uri": f"{self.base}/portal/",
        }
        got = self.form(**fields, code_verifier=verifier)
        self.form(400, **fields, code_verifier=secrets.token_urlsafe(48))
        # That was its second use: the session is over, and so is its refresh token.
        renew = {"grant_type": "refresh_token", "client_id": PORTAL.id}
        self.form(400, **renew, refresh_token=got["refresh_token"])
        verifier, address = self._portal(prompt="none")
        browser.open(address)
        code = dict(parse_qsl(urlsplit(browser.address).query))["code"]
        self.hunt.add("authorization code", code, "/portal")
        got = self.form(**(fields | {"code": code}), code_verifier=verifier)
        got = self.form(**renew, refresh_token=got["refresh_token"])
        mine = {"Authorization": f"Bearer {got['access_token']}"}
        assert self.http.get("/account/api/sessions", headers=mine).status_code == 200
        self.form(path="revoke", client_id=PORTAL.id, token=got["refresh_token"])
        assert self.http.get("/account/api/sessions", headers=mine).status_code == 401

    def _second_factor(self, browser: Browser) -> None:
        browser.open("/account/factors/add")
        shown = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', browser.page)
        assert shown, browser.page
        self._app = base64.b32decode(shown[1].replace(" ", ""))
        self.hunt.add("TOTP seed", self._app)
        self.hunt.add("TOTP seed as text", shown[1].replace(" ", ""))
        browser.press("Set up the app", otp=totp.code_at(self._app, clock.now()))
        codes = re.findall(r"<code>([a-z0-9-]{10,})</code>", browser.page)
        assert len(codes) >= 10, browser.page
        for code in codes:
            self.hunt.add("recovery code", code)
            self.hunt.add("recovery code without dashes", code.replace("-", ""))
        self._recovery = codes[0]
        browser.press("I have them")

    def _device(self, browser: Browser) -> None:
        scope = f"{self.base}/.default openid offline_access"
        begun = self.form(path="devicecode", client_id=CLI.id, scope=scope)
        self.hunt.add("user code", begun["user_code"])
        poll = {"grant_type": DEVICE_GRANT, "client_id": CLI.id, "device_code": begun["device_code"]}
        self.form(400, **poll)
        browser.open("/device")
        browser.press("Continue", code=begun["user_code"])
        browser.press("Allow")
        until("the poll is let in", lambda: self._polled(poll), 30)
        self.form(400, **poll)

    def _polled(self, poll: dict[str, str]) -> bool:
        answer = self.http.post(f"/{self.tenant}/oauth2/v2.0/token", data=poll)
        if answer.status_code != 200:
            assert answer.json()["error"] in ("authorization_pending", "slow_down"), answer.text
            clock.pause(1.0)
            return False
        for name in ("access_token", "refresh_token"):
            self.hunt.add(f"{name} of a device", answer.json()[name])
        return True

    def _stranger(self) -> httpx.Client:
        """Whose requests are not noted."""
        return httpx.Client(base_url=self.base, verify=self.context, trust_env=False, timeout=60)

    def _mistaken(self, password: str) -> None:
        """Programs that put a secret where none belongs: they are refused, and nobody writes it down. The
        addresses are theirs, not ours, so that they are not among `urls`.
        """
        token = self._token(
            client_id=self.profile["clientId"],
            client_secret=(self.house.root / "client" / "secret").read_text().strip(),
        )
        with self._stranger() as http:
            version = {"api-version": ARM}
            query = {"access_token": token, "password": password, **version}
            assert http.get(self.group, params=query).status_code == 401
            assert http.get(f"{self.group}/{token}", params=version).status_code == 401
            bearer = {"Authorization": f"Bearer {token[:-8]}AAAAAAAA"}
            self.hunt.add("spoilt token", bearer["Authorization"][7:])
            assert http.get(self.group, params=version, headers=bearer).status_code == 401
            asked = http.get("/account", params={"name": "admin", "password": password})
            assert password not in asked.text
            typed = {"grant_type": "password", "client_id": CLI.id, "username": "admin", "password": password}
            assert http.post(f"/{self.tenant}/oauth2/v2.0/token", data=typed).status_code == 400

    # --- the directory

    def programs(self) -> None:
        """A user with a chosen password, a program with a secret and a certificate; right and wrong."""
        chosen = made_up("chosen password")
        self.hunt.add("chosen password", chosen)
        profile = {"password": chosen, "forceChangePasswordNextSignIn": False}
        user = {"displayName": "Zoe", "mailNickname": "zoe", "userPrincipalName": "zoe@outofband.local"}
        body = user | {"accountEnabled": True, "passwordProfile": profile}
        made = self.arm("POST", "/v1.0/users", body, version="")
        reset = self.arm("PATCH", f"/v1.0/users/{made['id']}", {"passwordProfile": {}}, version="")
        self.hunt.add("password that was made", reset["passwordProfile"]["password"])
        shown = self.house.json("identity", "user", "add", "yan")
        self.hunt.add("password that oob shows", shown["passwordProfile"]["password"])
        application = self.arm("POST", "/v1.0/applications", {"displayName": "robot"}, version="")
        self.arm("POST", "/v1.0/servicePrincipals", {"appId": application["appId"]}, version="")
        where = f"/v1.0/applications/{application['id']}"
        added = self.arm("POST", f"{where}/addPassword", {"passwordCredential": {}}, version="")
        secret, wrong = added["secretText"], secrets.token_urlsafe(32)
        self.hunt.add("client secret", secret)
        self.hunt.add("wrong client secret", wrong)
        who = {"client_id": application["appId"]}
        self._token(**who, client_secret=secret)
        self._token(401, **who, client_secret=wrong)
        basic = base64.b64encode(f"{application['appId']}:{secret}".encode()).decode()
        self.hunt.add("basic", basic)
        form = {"grant_type": "client_credentials", "scope": f"{self.base}/.default"}
        answer = self.http.post(
            f"/{self.tenant}/oauth2/v2.0/token", data=form, headers={"Authorization": f"Basic {basic}"}
        )
        assert answer.status_code == 200, answer.text
        self._certificates(where, who["client_id"])
        self._provider()
        # A secret that a person types into a field that is shown to others.
        refused = self.arm(
            "POST", "/v1.0/applications", {"displayName": f"a\n{made_up('x')}"}, version="", expect=400
        )
        assert refused["error"]["code"]

    def _provider(self) -> None:
        """A provider of others, with a secret and then another; nobody answers at its address."""
        first, second = secrets.token_urlsafe(32), f"provider +/%&='<> {secrets.token_urlsafe(12)}"
        self.hunt.add("provider secret", first)
        self.hunt.add("provider secret", second)
        body = {"name": "Nobody", "issuer": "https://localhost:1", "clientId": "x", "clientSecret": first}
        made = self.arm("POST", "/directory/identityProviders", body | {"enabled": False}, version="")
        where = f"/directory/identityProviders/{made['id']}"
        self.arm("PATCH", where, {"clientSecret": second}, version="")
        bearer = {"Authorization": f"Bearer {self.owner}"}
        assert not self.http.post(f"{where}/test", headers=bearer).is_success

    def _certificates(self, where: str, client: str) -> None:
        signers = [
            Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048), now=clock.now())
            for _ in range(2)
        ]
        body = {"keyCredentials": [{"key": signers[0].der}]}
        self.arm("PATCH", where, body, version="")
        for signer, expect in zip(signers, (200, 401), strict=True):
            assert isinstance(signer.private, rsa.RSAPrivateKey)
            pem = signer.private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            self.hunt.add("certificate's private key", pem)
            self.hunt.add("certificate's private number", _number(signer.private.private_numbers().d))
            now = int(clock.wall())
            claims = {"aud": f"{self.base}/{self.tenant}/oauth2/v2.0/token", "iss": client, "sub": client}
            claims |= {"jti": str(uuid.uuid4()), "nbf": now, "exp": now + 600}  # type: ignore[dict-item]
            assertion = jwt.encode(
                {"alg": "RS256", "x5c": [signer.der]}, claims, RSAKey.import_key(pem), algorithms=["RS256"]
            )
            self.hunt.add("client assertion", assertion)
            self._token(
                expect, client_id=client, client_assertion=assertion, client_assertion_type=ASSERTION_TYPE
            )

    # --- hosts

    def hosts(self) -> None:
        """Another host enrols, its token is shown twice; this host's own identity is asked for."""
        wanted = {"subscription": self.profile["subscriptionId"], "resourceGroup": "demo"}
        token = self.arm("POST", "/fleet/tokens", wanted, version="")["token"]
        self.hunt.add("enrolment token", token)
        for key, expect in ((HostKey(), 200), (HostKey(), 401)):
            enrolment = key.enrolment(token, f"h{uuid.uuid4().hex[:8]}")
            answer = self.http.post("/fleet/enroll", content=msgspec.json.encode(enrolment))
            assert answer.status_code == expect or not answer.is_success, answer.text
        agent = self.state.agent
        self.hunt.add("agent key", (agent / "agent.key").read_bytes(), "agent/agent.key")
        header = (agent / "identity-header").read_text().strip()
        self.hunt.add("identity header", header, "agent/identity-header")
        port = next(
            int(line.partition("=")[2])
            for line in (agent / "agent.toml").read_text().splitlines()
            if re.match(r"port = ", line)
        )
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            trust_env=False,
            timeout=60,
            event_hooks={"request": [self.noted]},
        ) as http:
            asked = {"api-version": "2019-08-01", "resource": self.base}
            for given, expect in ((header, 200), (secrets.token_urlsafe(32), 401)):
                answer = http.get(APP_PATH, params=asked, headers={"X-IDENTITY-HEADER": given})
                assert answer.status_code == expect or not answer.is_success, answer.text
                if answer.is_success:
                    self.hunt.add("token of a machine", answer.json()["access_token"])
            asked["api-version"] = "2020-06-01"
            answer = http.get(ARC_PATH, params=asked, headers={"Metadata": "true"})
            file = Path(answer.headers["www-authenticate"].partition("realm=")[2])
            proof = file.read_text()
            self.hunt.add("key file", proof)
            more = {"Metadata": "true", "Authorization": f"Basic {proof}"}
            answer = http.get(ARC_PATH, params=asked, headers=more)
            assert answer.status_code == 200, answer.text

    # --- consoles, scripts, blobs

    def console(self) -> None:
        """A ticket is taken; the console is used by `oob`, which gets one of its own."""
        port = f"{self.vm}/providers/Microsoft.SerialConsole/serialPorts/0/connect"
        answer = self.arm("POST", port, {}, version="2018-05-01")
        self.hunt.add("console ticket", answer["outofband"]["ticket"])

    def script(self, running: Any) -> None:
        """What is protected of a run command, of an extension and of an account, also while it runs: then
        `running` is called.
        """
        parameter = made_up("parameter")
        self.hunt.add("protected parameter", parameter)
        properties = {
            "source": {"script": "echo $word | wc -c; sleep ${wait:-0}; exit ${code:-0}"},
            "parameters": [{"name": "wait", "value": "4"}],
            "protectedParameters": [{"name": "word", "value": parameter}],
        }
        path = f"{self.vm}/runCommands/first"
        begun = self._begin(path, properties)
        until("the script runs", lambda: self._state(path) == "Running", 60)
        running()
        assert self.follow(begun)["status"] == "Succeeded"
        properties["parameters"] = [{"name": "code", "value": "3"}]
        assert self.follow(self._begin(path, properties))["status"] == "Succeeded"
        setting = f"extension{secrets.token_urlsafe(16)}"
        self.hunt.add("protected setting", setting)
        custom = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript"}
        for command, status in ((f"true {setting}", "Succeeded"), (f"false {setting}", "Failed")):
            properties = custom | {
                "typeHandlerVersion": "2.1",
                "settings": {},
                "protectedSettings": {"commandToExecute": command},
            }
            assert self.follow(self._begin(f"{self.vm}/extensions/custom", properties))["status"] == status
        password = f"Account-{secrets.token_urlsafe(12)}"
        self.hunt.add("password of an account in a guest", password)
        properties = {
            "publisher": "Microsoft.OSTCExtensions",
            "type": "VMAccessForLinux",
            "typeHandlerVersion": "1.5",
            "settings": {},
            "protectedSettings": {"username": "bob", "password": password},
        }
        done = self.follow(self._begin(f"{self.vm}/extensions/enablevmaccess", properties))
        assert done["status"] == "Succeeded", done

    def _begin(self, path: str, properties: dict[str, Any]) -> str:
        answer = self.http.put(
            path,
            json={"location": "local", "properties": properties},
            params={"api-version": ARM},
            headers={"Authorization": f"Bearer {self.owner}"},
        )
        assert answer.is_success, answer.text
        return str(answer.headers["azure-asyncoperation"])

    def _state(self, path: str) -> str:
        found = self.http.get(
            path,
            params={"api-version": ARM, "$expand": "instanceView"},
            headers={"Authorization": f"Bearer {self.owner}"},
        ).json()
        return str(found["properties"]["instanceView"].get("executionState"))

    def guest_answers(self) -> None:
        """The agent in the guest answers some seconds after the VM runs."""

        def answers() -> bool:
            answer = self.http.post(
                f"{self.vm}/runCommand",
                json={"commandId": "RunShellScript", "script": ["true"]},
                params={"api-version": ARM},
                headers={"Authorization": f"Bearer {self.owner}"},
            )
            if answer.status_code != 202:
                return False
            return self.follow(answer.headers["azure-asyncoperation"])["status"] == "Succeeded"

        until("the guest's agent answers", answers, 180)

    def blobs(self) -> None:
        """A blob is written with the account's key and read with signatures; each wrong once."""
        name = f"s{uuid.uuid4().hex[:12]}"
        account = f"{self.group}/providers/Microsoft.Storage/storageAccounts/{name}"
        body = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": "local", "properties": {}}
        self.arm("PUT", account, body, version=STORAGE)
        keys = self.arm("POST", f"{account}/listKeys", version=STORAGE)["keys"]
        for each in keys:
            self.hunt.add("storage account key", each["value"])
            self.hunt.add("storage account key, raw", base64.b64decode(each["value"]))
        key = keys[0]["value"]
        assert self._signed(name, key, "PUT", "box?restype=container") == 201
        assert self._signed(name, key, "PUT", "box/a", b"one") == 201
        wrong = base64.b64encode(secrets.token_bytes(64)).decode()
        self.hunt.add("wrong storage account key", wrong)
        assert self._signed(name, wrong, "PUT", "box/b", b"one") == 403
        for until_, expect in (("2099-01-01T00:00:00Z", 200), ("2001-01-01T00:00:00Z", 403)):
            body = {
                "signedServices": "b",
                "signedResourceTypes": "o",
                "signedPermission": "r",
                "signedExpiry": until_,
            }
            token = self.arm("POST", f"{account}/listAccountSas", body, version=STORAGE)["accountSasToken"]
            signature = dict(parse_qsl(token))["sig"]
            self.hunt.add("signature of a SAS", signature)
            for text, told in ((token, expect), (token.replace("sp=r", "sp=rw"), 403)):
                # The signature is in the address: that is what a SAS is. It is nobody's log's business.
                with self._stranger() as http:
                    assert http.get(f"/blob/{name}/box/a?{text}").status_code == told
        regenerated = self.arm("POST", f"{account}/regenerateKey", {"keyName": "key1"}, version=STORAGE)
        self.hunt.add("storage account key", regenerated["keys"][0]["value"])

    def _signed(self, account: str, key: str, method: str, path: str, content: bytes = b"") -> int:
        headers = {"x-ms-version": BLOB, "x-ms-date": written_date(clock.now())}
        headers |= {"x-ms-blob-type": "BlockBlob", "content-length": str(len(content))}
        where = urlsplit(f"/blob/{account}/{path}")
        request = self.http.build_request(method, where.geturl(), content=content, headers=headers)
        asked = Asked(
            method=method,
            path=where.path,
            query=tuple(parse_qsl(where.query, keep_blank_values=True)),
            headers=dict(request.headers),
        )
        claim = shared_key.Claim(lite=False, account=account, signature="")
        signature = shared_key.signature(next(shared_key.texts(asked, claim)), base64.b64decode(key))
        self.hunt.add("signature of a request", signature)
        request.headers["authorization"] = f"SharedKey {account}:{signature}"
        return self.http.send(request).status_code

    def activity(self) -> str:
        """What the activity log shows of all of it."""
        scope = f"/subscriptions/{self.profile['subscriptionId']}/providers/Microsoft.Insights/eventtypes"
        since = (clock.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = self.http.get(
            f"{scope}/management/values",
            params={"api-version": "2015-04-01", "$filter": f"eventTimestamp ge '{since}'"},
            headers={"Authorization": f"Bearer {self.owner}"},
        )
        assert answer.status_code == 200, answer.text
        return answer.text


_KEPT_BY_OOB: dict[str, tuple[str, ...]] = {}
"""Tokens of these rounds are in no file at all: they are not `oob`'s."""


def _number(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
