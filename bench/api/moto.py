"""moto's server as EC2: DescribeInstances, over plain HTTP, with neither authentication nor rights."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

from bench.api.line import Line, Place, request
from bench.processes import Child, wait_until
from bench.system import Place as Room
from bench.system import free_port

PYTHON = Path(__file__).resolve().parents[2] / ".moto" / "bin" / "python"
"""Made by `scripts/apart.sh moto`."""
READY_SECONDS = 60.0
BATCH = 1000
"""Machines made by one request."""
_IMAGE = "ami-12c6146b"
_HEADERS = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "User-Agent": "Boto3/1.40 md/Botocore#1.40 ua/2.1 os/linux lang/python#3.11 cfg/retry-mode#legacy",
    "X-Amz-Date": "20260101T000000Z",
    # It reads the service and the region from here, and checks nothing.
    "Authorization": "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/ec2/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=" + "0" * 64,
    "amz-sdk-request": "attempt=1",
}
_RESERVATION = re.compile(rb"<instanceId>(i-[0-9a-f]+)</instanceId>")


class Moto:
    name = "moto"
    stated = "plain HTTP, no authentication, no rights; everything in memory"

    def __init__(self, room: Room, python: Path = PYTHON) -> None:
        self._room, self._python = room, python
        self._folder = room.folder("moto")
        self._server: Child | None = None
        self._port = 0
        self._ids: list[str] = []

    def start(self, machines: int) -> None:
        self._port = free_port()
        command = [str(self._python), "-m", "moto.server", "-p", str(self._port)]
        self._server = Child(command, cpu=self._room.system_cpu, log=self._folder / "moto.log")
        wait_until(self._answers, READY_SECONDS, "moto", self._server)
        self._ids = []
        while (missing := machines - len(self._ids)) > 0:
            number = min(missing, BATCH)
            made = self._call(
                f"Action=RunInstances&ImageId={_IMAGE}&InstanceType=t3.micro&MinCount={number}&MaxCount={number}"
            )
            self._ids += [each.decode() for each in _RESERVATION.findall(made)]

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    @property
    def place(self) -> Place:
        return Place("127.0.0.1", self._port)

    @property
    def pids(self) -> list[int]:
        assert self._server is not None
        return self._server.tree()

    async def one(self, line: Line, number: int) -> int:
        return len(_RESERVATION.findall(await line.ask(self._describe(f"&InstanceId.1={self._ids[number]}"))))

    async def all(self, line: Line) -> int:
        return len(_RESERVATION.findall(await line.ask(self._describe())))

    def check(self) -> None:
        """Raises RuntimeError when the answer is not what it is taken for."""
        tree = ElementTree.fromstring(self._call("Action=DescribeInstances&Version=2016-11-15"))
        if not tree.tag.endswith("DescribeInstancesResponse"):
            raise RuntimeError(f"moto answered with {tree.tag}")

    def _describe(self, more: str = "") -> bytes:
        headers = {"Host": f"127.0.0.1:{self._port}", **_HEADERS}
        return request("POST", "/", headers, f"Action=DescribeInstances&Version=2016-11-15{more}")

    def _call(self, body: str) -> bytes:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/", data=f"{body}&Version=2016-11-15".encode(), headers=_HEADERS
        )
        with urllib.request.urlopen(asked, timeout=READY_SECONDS) as answer:
            found: bytes = answer.read()
            return found

    def _answers(self) -> bool:
        try:
            self.check()
        except OSError:
            return False
        return True
