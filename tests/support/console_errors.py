"""The reference page of everything that can keep a person from a console, made of the catalogue.

`python -m tests.support.console_errors` writes it; a test fails when the catalogue has moved on.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

from outofband.catalogue import Entry, entry
from outofband.core.locale import DEFAULT

FILE = Path(__file__).parents[2] / "docs" / "reference" / "console-errors.md"

AZURE = {
    "BootDiagnosticsDisabled": (
        "Azure Serial Console requires boot diagnostics to be enabled",
        "a console is opened, or is open, while `bootDiagnostics.enabled` of the VM is false",
    ),
    "InstanceNotLatestModel": (
        "the same, at an instance of a scale set that lacks the latest model",
        "boot diagnostics are off at the instance, and on in its scale set's model",
    ),
    "BootDiagnosticsUnreadable": (
        "Unable to retrieve boot diagnostics settings for VMNAME",
        "a console is opened, and the VM's `diagnosticsProfile` is not in its form",
    ),
    "VmNotRunning": (
        "Azure Serial Console requires a virtual machine to be running; "
        "The VM is in a stopped deallocated state",
        "a console is opened while the host reports the VM as stopped, or it is deallocated",
    ),
    "VmProvisioning": (
        "Provisioning for this VM has not yet succeeded",
        "a console is opened before the host has made the VM",
    ),
    "ConsoleDisabledForSubscription": (
        "Azure Serial Console is not enabled for this subscription",
        "a console is opened, or is open, while `consoleServices/default` is disabled",
    ),
    "SerialPortDisabled": (
        "(Azure has the switch and no text)",
        "a console is opened, or is open, while the state of `serialPorts/0` is `disabled`",
    ),
    "AuthorizationFailed": (
        "You do not have the required permissions to use this VM with the serial console",
        "a console is opened by somebody without a role that contains the action",
    ),
    "ClassicDeploymentModel": (
        "(prerequisite: the Resource Manager deployment model)",
        "a request names a resource of a `Microsoft.Classic...` namespace",
    ),
    "BootDiagnosticsAccountNotFound": (
        "The storage account used for boot diagnostics on this VM could not be found",
        "a console is opened, and no account of the tenant has the name in `storageUri`",
    ),
    "BootDiagnosticsForbidden": (
        "A 'Forbidden' response was encountered when accessing this VM's boot diagnostic storage account",
        "a console is opened, and the Blob service answers the control plane with 403 at this account",
    ),
    "BootDiagnosticsUriInvalid": (
        "The serial console connection to the VM encountered an error: 'Bad Request' (400)",
        "a console is opened, and `storageUri` is not the `https://` address of an account",
    ),
    "BootDiagnosticsWriteDenied": (
        "You do not have the required permissions to write to the boot diagnostics storage account",
        "a console is opened by somebody who may type, but neither list the account's keys nor write blobs",
    ),
    "BootDiagnosticsAccountUndetermined": (
        "Unable to determine the resource group for the boot diagnostics storage account",
        "a console is opened by somebody who may type, and may not read the account",
    ),
    "BootDiagnosticsHierarchical": (
        "Serial console does not work with a storage account using Azure Data Lake Storage Gen2 with "
        "hierarchical namespaces",
        "a console is opened, and the Blob service says `x-ms-is-hns-enabled: true` of the account",
    ),
    "BootDiagnosticsStorageBusy": (
        "(Azure has no text)",
        "a console is opened, and the Blob service fails or does not answer within 5 s",
    ),
    "ConsoleUnreachable": (
        "Web socket is closed or could not be opened",
        "`oob` or the portal has a ticket, and no WebSocket opens at the listener, or it is cut at once",
    ),
}
"""Azure's name of the row, and when it is met here."""
MORE = ("MfaRequired", "ControlPlaneUnreachable", "VmNotPlaced", "NotATerminal")
AREAS = ("console", "gateway")
_HEAD = """\
# Errors of consoles

Made from the catalogue by `python -m tests.support.console_errors`; do not edit. The same texts are in
the API's error bodies (`additionalInfo`), in `oob`, in the portal and in `oob explain CODE`, in English,
French and Dutch: `Accept-Language` chooses in the API, `--lang`, `OOB_LANG`, `LC_ALL` or `LANG` in `oob`;
the globe in the portal, which follows the browser at first. Codes are the same in all languages.

Most of these are over soon: where **retry** says yes, `oob console` and the portal try again by
themselves, say so, and show the error when a few attempts in a row have failed.

Managed storage keeps nobody from a console. With a storage account of your own (`az vm boot-diagnostics
enable --storage`), whoever opens a console has to be able to use it, as in Azure, and the control plane
tries it each time: it reads what the account is, makes the VM's container and writes and deletes a blob.
For who may only watch nothing is written there: it is only read.
`oob serial policy --diagnostics-storage warn` opens the console of such a VM all the same and shows the
error as a warning.

The control plane reaches accounts from its own address, or from 127.0.0.1 when it is known by a name. An
account's firewall may name that.
"""


def text() -> str:
    """The whole page."""
    blocks = [_HEAD, "## The rows of Azure's tables\n"]
    blocks += [_block(code, *AZURE[code]) for code in AZURE]
    blocks.append("## Others\n")
    rest = [code for area in AREAS for code in _codes(area) if code not in AZURE]
    blocks += [_block(code, None, None) for code in (*rest, *MORE)]
    return "\n".join(blocks)


def _codes(area: str) -> list[str]:
    file = resources.files("outofband.catalogue").joinpath(DEFAULT, f"{area}.toml")
    return list(tomllib.loads(file.read_text("utf-8")))


def _block(code: str, azure: str | None, when: str | None) -> str:
    found: Entry = entry(code)
    lines = [f"### {code}", "", f"**{found.title}**", "", _open(found.message), ""]
    rows = [
        ("Azure's row", azure or ""),
        ("when", when or ""),
        ("cause", _open(found.cause)),
        ("remedy", "<br>".join(_open(step) for step in found.remedy)),
        ("button in the portal", found.action or ""),
        ("retry", "yes" if found.retry else "no"),
        ("HTTP status, exit code", f"{found.status}, {found.exit}"),
    ]
    lines += ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows if value), ""]
    return "\n".join(lines)


def _open(template: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), template).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(text())
