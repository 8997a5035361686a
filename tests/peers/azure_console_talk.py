"""Runs in the environment .az: what a version of the extension `serial-console` does, message by message.

The extension itself is on no package index. This does with the same libraries (websocket-client, requests,
azure-mgmt-serialconsole) what its sources do: its first line says where, who, and which version; each
further line is a deed. What a person would see, and what comes of deeds, is told in lines of JSON.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import uuid
from typing import Any

import requests
import websocket
from azure.mgmt.serialconsole import MicrosoftSerialConsoleClient
from sdk_talks import GROUP, Place

lock = threading.Lock()


def tell(**what: Any) -> None:
    with lock:
        print(json.dumps(what), flush=True)


class Extension:
    """One `az serial-console` of a version: `0.1.6`, `0.1.8` or `1.0`."""

    def __init__(self, place: Place, version: str, parent: tuple[str, str]) -> None:
        self.place, self.version, self.parent = place, version, parent
        self.first = True
        self.tries = 0
        self.app: Any = None
        self.token = ""
        self.url = ""

    def load(self) -> None:
        client = self.place.client(MicrosoftSerialConsoleClient)
        self.token = self.place.credential.get_token(f"{self.place.arm}/.default").token
        kind, parent = self.parent
        opened = client.serial_ports.connect(GROUP, "Microsoft.Compute", kind, parent, "0")
        self.url = opened.connection_string

    @property
    def address(self) -> str:
        if self.version == "1.0":
            return self.url
        return f"{self.url}?authorization={self.token}{'&new=1' if self.version == '0.1.8' else ''}"

    def connect(self) -> None:
        """The console: everything after the greeting is printed."""

        def on_open(app: Any) -> None:
            if self.version == "0.1.8":
                app.send(self.token)

        def on_message(app: Any, message: str | bytes) -> None:
            kind = type(message).__name__
            text = message if isinstance(message, str) else message.decode("utf-8")
            if self.first:
                self.first = False
                if self.version != "0.1.6":
                    app.send(self.token)
                    tell(hidden=text, kind=kind)
                    return
            tell(text=text, kind=kind)

        self.load()
        self.app = websocket.WebSocketApp(
            self.address, on_open=on_open, on_message=on_message, on_close=self.closed, on_error=self.failed
        )
        threading.Thread(
            target=self.app.run_forever, kwargs={"skip_utf8_validation": True}, daemon=True
        ).start()

    def closed(self, _: Any, code: int | None, reason: str | None) -> None:
        tell(closed=[code, reason])

    def failed(self, _: Any, error: Exception) -> None:
        tell(error=f"{type(error).__name__}: {error}")

    def type(self, keys: str) -> None:
        """A character at a time, as bytes, which the library sends as text."""
        for key in keys:
            self.app.send(key.encode() if ord(key) < 128 else key)

    def admin(self, command: str, **parameters: str) -> bool:
        url = self.url.replace("wss", "https").replace("ws", "http")
        url = url.replace("/client", "/adminCommand/" + command)
        headers = {
            "accept": "application/json",
            "authorization": "Bearer " + self.token,
            "accept-language": "en",
            "content-type": "application/json",
        }
        data = {"command": command, "requestId": str(uuid.uuid4()), "commandParameters": parameters}
        answer = requests.post(url, headers=headers, data=json.dumps(data), timeout=60)
        tell(status=answer.status_code, body=answer.json())
        return answer.status_code == 200

    def send_admin(self, command: str, **parameters: str) -> None:
        """`az serial-console send ...`: at each message one try, two at most."""

        def on_message(app: Any, _: str | bytes) -> None:
            if self.version == "1.0" and self.tries == 0:
                app.send(self.token)
            self.tries += 1
            if self.admin(command, **parameters):
                tell(said="sent")
                app.close()
            elif self.tries >= 2:
                tell(said="failed")
                app.close()

        self.load()
        websocket.WebSocketApp(self.address, on_message=on_message).run_forever()
        tell(over=True, tries=self.tries)

    def hold(self) -> None:
        """A terminal that is stopped: the socket is open and nothing is read."""
        self.load()
        self.app = websocket.create_connection(self.address)
        self.app.send(self.token)
        tell(held=True)

    def raw(self, opcode: int, payload: str) -> None:
        """Any frame: `payload` in hexadecimal digits."""
        self.app.send(bytes.fromhex(payload), opcode)

    def again(self, token: str | None = None) -> None:
        """A second socket with the same address, perhaps with a token of one's own."""
        self.token = token or self.token
        try:
            other = websocket.create_connection(self.address)
            other.send(self.token)
            while True:
                opcode, data = other.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    tell(again=[int.from_bytes(data[:2], "big"), data[2:].decode()])
                    return
        except (OSError, ssl.SSLError, websocket.WebSocketException) as error:
            tell(again=[0, str(error)])


def resolve(names: dict[str, str]) -> None:
    """As a line in /etc/hosts would."""
    real = socket.getaddrinfo

    def found(host: Any, *more: Any, **named: Any) -> Any:
        return real(names.get(str(host).lower(), host), *more, **named)

    socket.getaddrinfo = found


if __name__ == "__main__":
    about = json.loads(sys.stdin.readline())
    resolve(about.pop("names", {}))
    version, parent = about.pop("version"), tuple(about.pop("parent"))
    extension = Extension(Place(**about), version, parent)
    for line in sys.stdin:
        deed, *words = json.loads(line)
        if deed in ("admin", "send_admin"):
            getattr(extension, deed)(words[0], **words[1])
        elif deed == "quit":
            extension.app.close()
        else:
            getattr(extension, deed)(*words)
