"""Commands to agents: a row first, then the link. It survives the death of either side (decision D5).

Questions, which change nothing, go straight to the link and are kept nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.fleet.links import Link
from outofband.net.backoff import Backoff
from outofband.store.outbox import Command as Row
from outofband.store.outbox import command_topic, outbox_topic
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.link import Command, Result
from outofband.wire.machine import PROTECTED

log = structlog.get_logger(__name__)

MAX_QUESTIONS = 1000
"""Questions of this node that wait for their answer."""
REREAD_SECONDS = 10.0
"""How long a command waits at most whose ring was lost."""


class Order(msgspec.Struct, frozen=True):
    """Form of the `args` column."""

    args: dict[str, Any]
    epoch: int = 0


class Commands:
    """Puts commands into the outbox, feeds links from it, waits for answers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bell = store.bell
        self._asked: dict[str, tuple[Link, asyncio.Future[Result | None]]] = {}

    async def ask(self, link: Link, question: Command, seconds: float) -> Result | None:
        """Put a question on an open link; None when there was no answer in time, or the link ended.

        Raises Fault TooManyRequests.
        """
        if len(self._asked) >= MAX_QUESTIONS:
            raise Fault("TooManyRequests", seconds=5)
        answer: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._asked[question.key] = link, answer
        try:
            link.send(question)
            async with asyncio.timeout(seconds):
                return await answer
        except (TimeoutError, ProtocolError):
            return None
        finally:
            del self._asked[question.key]

    def lost(self, link: Link) -> None:
        """The link is over: nobody answers what was asked through it."""
        for through, answer in self._asked.values():
            if through is link and not answer.done():
                answer.set_result(None)

    async def answer_of(self, key: str) -> Result | None:
        """The result of a command that was answered before, by this process or an earlier one."""
        async with self._store.read() as tx:
            return _result(await self._store.outbox.get(tx, key))

    async def put(
        self, agent: str, verb: str, vm: str, args: dict[str, Any], *, key: str, epoch: int, seconds: float
    ) -> Row:
        """Queue a command; one that waits already gets the later end. What is protected of it is sealed, and
        goes when it is answered. Raises Fault AgentQueueFull.
        """
        return await self._store.transact(
            lambda tx: self.within(tx, agent, verb, vm, args, key=key, epoch=epoch, seconds=seconds)
        )

    async def within(
        self,
        tx: Tx,
        agent: str,
        verb: str,
        vm: str,
        args: dict[str, Any],
        *,
        key: str,
        epoch: int,
        seconds: float,
    ) -> Row:
        """As `put`, in a unit of work of others: it is sent when that was kept."""
        now, outbox = clock.now(), self._store.outbox
        deadline = now + timedelta(seconds=seconds)
        order = msgspec.to_builtins(Order({k: v for k, v in args.items() if k != PROTECTED}, epoch))
        there = await outbox.get(tx, key)
        row = there or await outbox.put(
            tx, key=key, agent_id=agent, verb=verb, now=now, deadline=deadline, vm=vm, args=order
        )
        if there is None and (protected := args.get(PROTECTED)):
            await self._store.withheld.put(tx, self._store.vault, key, protected, now)
        await outbox.extend(tx, key, deadline)
        return row

    async def again(self, link: Link, row: Row) -> None:
        """Send a command whose row a link has passed over."""
        async with self._store.read() as tx:
            withheld = await self._withheld(tx, [row.key])
        send(link, row, withheld.get(row.key))

    async def _withheld(self, tx: Tx, keys: list[str]) -> dict[str, dict[str, Any]]:
        if not keys or not self._store.has_vault:
            return {}
        return await self._store.withheld.of(tx, self._store.vault, keys)

    async def wait(self, key: str, seconds: float) -> Result | None:
        """The answer to a command, or None when there was none in time.

        Raises Fault HostGone when it went with its agent.
        """
        until = clock.monotonic() + seconds
        with self._bell.listen(command_topic(key)) as ear:
            while True:
                async with self._store.read() as tx:
                    row = await self._store.outbox.get(tx, key)
                if row is None:
                    raise Fault("HostGone")
                if (result := _result(row)) is not None:
                    return result
                if (left := until - clock.monotonic()) <= 0:
                    return None
                await ear.wait(left)

    async def answered(self, link: Link, result: Result) -> None:
        """Keep what an agent answered. Only the agent that was asked can answer."""
        through, answer = self._asked.get(result.key, (None, None))
        if through is link and answer is not None:
            if not answer.done():
                answer.set_result(result)
            return
        agent = link.agent or ""
        row = msgspec.to_builtins(result)

        async def work(tx: Tx) -> bool:
            return await self._store.outbox.answer(tx, result.key, agent, row, clock.now())

        if not await self._store.transact(work):
            log.info("command.answer_ignored", agent=agent, key=result.key)

    async def forget(self, key: str) -> None:
        """Keep nothing of a question that had to go through the outbox: what a guest printed, most often."""
        try:
            async with self._store.write() as tx:
                await self._store.outbox.empty(tx, key, clock.now())
        except Fault as fault:
            # It goes with all that is old.
            log.warning("question.kept", code=fault.code)

    async def feed(self, link: Link) -> None:
        """Companion of a link: sends what is open, then what is put in later, until it is cancelled."""
        await link.opened.wait()
        assert link.agent is not None
        backoff = Backoff(first=0.1, limit=5.0)
        with self._bell.listen(outbox_topic(link.agent)) as ear:
            while True:
                try:
                    await self._send_open(link, link.agent)
                    backoff.reset()
                except Fault as fault:
                    log.warning("outbox.unread", agent=link.agent, code=fault.code)
                    await asyncio.sleep(backoff.next())
                    continue
                await ear.called()

    async def sweep(self, links: Iterable[Link]) -> None:
        """Look for all links at once whether a command waits whose ring was lost, and ring again.

        Each link reading for itself would be a hundred queries a second for a thousand idle agents.
        """
        async with self._store.read() as tx:
            waiting = await self._store.outbox.waiting(tx, clock.now())
        if not waiting:
            return
        for link in links:
            if link.agent is not None and waiting.get(link.agent, 0) > link.sent_up_to:
                self._bell.ring_here(outbox_topic(link.agent))

    async def _send_open(self, link: Link, agent: str) -> None:
        async with self._store.read() as tx:
            rows = await self._store.outbox.open(tx, agent, clock.now(), after=link.sent_up_to)
            withheld = await self._withheld(tx, [row.key for row in rows])
        for row in rows:
            if not link.is_open:
                return
            send(link, row, withheld.get(row.key))
            link.sent_up_to = row.sequence
        if rows:
            async with self._store.write() as tx:
                await self._store.outbox.sent(tx, [row.key for row in rows], clock.now())


def send(link: Link, row: Row, protected: dict[str, Any] | None = None) -> None:
    """Put a command on a link. Sending one twice does no harm: the agent's journal answers the second."""
    order = msgspec.convert(row.args, Order)
    args = order.args if protected is None else order.args | {PROTECTED: protected}
    link.send(Command(row.key, row.verb, row.vm or "", args, order.epoch))


def _result(row: Row | None) -> Result | None:
    if row is None or row.answered is None:
        return None
    # Untagged dicts come back from the row: the tag is not part of the columns.
    return msgspec.convert({"type": "result", **row.result}, Result)
