"""One run as `oob rescue` follows it: begun or taken up, shown, asked about, and looked at from here."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import uuid
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import output as show
from outofband.cli import rescue_words as words
from outofband.core import clock
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.wire.remote import Protocol

POLL_SECONDS = 1.0
_WANTED = ("protocol", "step", "dryRun")


def rescues_of(vm: str) -> str:
    return f"{vm}/{words.KIND}"


class Course:
    """`wanted`: properties of the run that is begun, where none is under way; `name`: what the person
    connects to, where that is not simply the VM's address.
    """

    def __init__(
        self, client: ArmClient, vm: str, wanted: dict[str, Any], *, name: str | None = None, quiet: bool
    ) -> None:
        self._client = client
        self._where = rescues_of(vm)
        self._wanted = wanted
        self._name = name
        self._quiet = quiet
        self._shown = 0
        self._asked: set[int] = set()
        self._warned = False

    def to_the_end(self, *, yes: bool) -> dict[str, Any]:
        """The run at its end, with what this computer's own network sees. Raises Fault."""
        told = self._begun()
        while told["outcome"] is None:
            if told["state"] == "asking":
                told = self._settle("POST", f"{self._path}/answer", self._word(told["question"], yes))
            else:
                clock.pause(POLL_SECONDS)
                told = self._read()
        return self._with_own_look(told)

    def proven(self, told: dict[str, Any]) -> bool:
        own, named = told["probe"]["client"], told["probe"].get("named")
        works = told["probe"]["works"] and own is not None and own["works"]
        astray = any(each["code"] in words.ASTRAY for each in told["findings"])
        if told.get("provenFrom") == "client":
            return not astray
        return bool(works and (named is None or (named["works"] and not astray)))

    def _begun(self) -> dict[str, Any]:
        found = self._client.list(self._where, version=words.VERSION)
        running = next((each for each in found if each["properties"]["outcome"] is None), None)
        if running is None:
            self._path = f"{self._where}/run-{uuid.uuid4().hex[:12]}"
            return self._settle("PUT", self._path, {"properties": self._wanted})
        told: dict[str, Any] = running["properties"]
        self._path = running["id"]
        for name in _WANTED:
            # A run that does things is not what somebody takes up who wants to look, or one step.
            if name in self._wanted and self._wanted[name] != told.get(name):
                vm = self._where.partition("/providers/Outofband")[0].rpartition("/")[2]
                raise Fault("RescueRunning", vm=vm, run=running["name"])
        if not self._quiet:
            show.say(show.local_times(f"Goes on with the run of {told['createdBy']} from {told['created']}."))
        return self._read()

    def _settle(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Have it done, and show meanwhile what becomes of it."""
        send = self._client.put if method == "PUT" else self._client.post

        def progress(status: str, seconds: float) -> None:
            with contextlib.suppress(Fault):
                self._read()

        try:
            send(path, body, version=words.VERSION, progress=progress)
        except Fault as fault:
            # A run that failed tells more of itself than its operation, and a long one goes on.
            with contextlib.suppress(Fault):
                told = self._read()
                if told["outcome"] is not None or fault.code == "OperationSlow":
                    return told
            raise
        return self._read()

    def _read(self) -> dict[str, Any]:
        told: dict[str, Any] = self._client.get(self._path, version=words.VERSION)["properties"]
        self._told = told
        self._tell(told)
        return told

    def _tell(self, told: dict[str, Any]) -> None:
        if self._quiet:
            return
        if not self._warned:
            words.rights(told["rights"])
            self._warned = True
        over = [each for each in told["steps"] if each["state"] == "over"]
        for each in over[self._shown :]:
            if each["number"] not in self._asked:
                words.seen(each)
            words.done(each)
        self._shown = max(self._shown, len(over))

    def _word(self, question: dict[str, Any], yes: bool) -> dict[str, Any]:
        word: dict[str, Any] = {"step": question["step"], "agree": False}
        if not self._quiet and question["step"] not in self._asked:
            self._asked.add(question["step"])
            words.seen(self._told["steps"][question["step"] - 1])
        asks = " ".join(each["text"] for each in question["asks"])
        asked = show.plain(f"{question['step']}. {question['title']}. {asks}")
        if question["password"]:
            return {**word, **self._password(asked, yes)}
        if yes or (show.interactive() and click.confirm(asked, err=True)):
            return {**word, "agree": True}
        if not show.interactive():
            show.say(f"{asked} It is left out: nobody can be asked. --yes agrees.")
        return word

    def _password(self, asked: str, yes: bool) -> dict[str, Any]:
        given: dict[str, Any] = {
            name: self._wanted[name] for name in ("user", "protected") if name in self._wanted
        }
        agreed = (yes and given) or (show.interactive() and click.confirm(asked, err=True))
        if not agreed or given:
            # What was tried and refused is what the account is to have.
            return {"agree": True, **given} if agreed else {}
        user = click.prompt("User", err=True)
        given = {"user": user, "protected": {"password": getpass.getpass("New password: ")}}
        self._wanted |= given
        return {"agree": True, **given}

    def _with_own_look(self, told: dict[str, Any]) -> dict[str, Any]:
        """The run with what this computer's network sees of the same port, and what follows from that."""
        from outofband.wire.remote import Protocol

        protocol, port = Protocol(told["protocol"]), int(told["port"])
        seen = {}
        if told["address"]:
            seen["probe"] = self._look(told["address"], protocol, port)
        if self._name is not None:
            seen["named"] = self._look(self._name, protocol, port)
        if not seen:
            return told
        self._client.post(f"{self._path}/tell", seen, version=words.VERSION)
        return self._read()

    def _look(self, host: str, protocol: Protocol, port: int) -> Any:
        import msgspec

        from outofband.net.remote.look import look
        from outofband.wire.rdp.credssp import User

        # As deep as the other looks: or one that ends sooner would seem to get further.
        password = self._wanted.get("protected", {}).get("password")
        user = User(self._wanted["user"], password) if password else None
        session = bool(self._wanted.get("session"))
        looking = look(host, protocol, port=port, user=user, locale=show.voice.locale, session=session)
        return msgspec.to_builtins(asyncio.run(looking))
