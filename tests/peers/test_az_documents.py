"""docs/howto/azure-cli.md, line by line as a person copies it."""

from __future__ import annotations

from tests.peers.az import Clients
from tests.peers.az_documents import blocks, with_names
from tests.peers.house import House


def test_the_lines_about_the_command_line_work(house: House) -> None:
    profile = house.profile()
    azure = Clients(house)
    try:
        for name in ("AZURE_CONFIG_DIR", "REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE"):
            del azure.env[name]
        real = {
            "APP_ID": profile["clientId"],
            "SECRET_FILE": profile["clientSecretFile"],
            "TENANT_ID": profile["tenantId"],
        }
        said = azure.bash(with_names("".join(blocks("azure-cli.md", "bash")), real))
        assert "Outofband" in said.out
        assert not list((azure.root / ".azure-oob").glob("outofband*")), "the last line undoes the first"
    finally:
        azure.close()
