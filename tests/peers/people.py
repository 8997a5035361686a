"""More principals for a test house. There is no API for them yet: they go into the store while it is shut."""

from __future__ import annotations

import json
import subprocess
import sys

from outofband.core.secrets import write_private
from tests.peers.house import House


class Person:
    """Somebody with an own client profile: `state` is what `oob --state` takes."""

    def __init__(self, house: House, name: str, known: dict[str, str]) -> None:
        self.name = name
        self.object_id = known["object"]
        self.state = house.root.parent / f"{house.root.name}-{name}"
        profile = house.profile() | {
            "clientId": known["client"],
            "clientSecretFile": str(self.state / "secret"),
        }
        for folder in (self.state, self.state / "client"):
            folder.mkdir(mode=0o700)
        write_private(self.state / "secret", known["secret"])
        write_private(self.state / "client" / "profile.json", json.dumps(profile))


def move_in(
    house: House, people: dict[str, str], dashed: tuple[str, ...] = ()
) -> tuple[dict[str, Person], str]:
    """Add people (name to role GUID on the subscription, "" for none); and a token that has expired.

    The secrets of those in `dashed` begin with a dash.
    """
    profile = house.profile()
    house.oob("down")
    wanted = {
        "database": str(house.root / "control" / "control.db"),
        "tenant": profile["tenantId"],
        "scope": f"/subscriptions/{profile['subscriptionId']}",
        "arm": profile["arm"],
        "client": profile["clientId"],
        "people": people,
        "dashed": dashed,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.townhall"],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    house.up()
    return {name: Person(house, name, known) for name, known in made["people"].items()}, made["expired"]
