"""A server brought to a control plane by its onboarding script, under the fixed names, and taken away.

Run by test_onboarding in namespaces of its own: mounts (so that /etc, /opt and /var/opt are this program's to
change), processes (so that all of it ends with it) and network (so that port 40342 is free). It fails by
AssertionError.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.peers.az import APART, PYTHON
from tests.peers.house import OOB, until
from tests.support.ports import lasting_ports

OVERLAID = ("etc", "opt", "var/opt", "usr/local/bin", "root/.azure")
STATE, BIN = Path("/var/opt/azcmagent"), Path("/opt/azcmagent/bin")
ROLE = "Azure Connected Machine Onboarding"
REMOVING_ROLE = "Azure Connected Machine Resource Administrator"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IDENTITY = {
    "IDENTITY_ENDPOINT": "http://localhost:40342/metadata/identity/oauth2/token",
    "IMDS_ENDPOINT": "http://localhost:40342",
}

ASK = """
import sys, urllib.error, urllib.request

def ask(**more):
    return urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Metadata": "true"} | more))

try:
    ask()
except urllib.error.HTTPError as refused:
    path = refused.headers["WWW-Authenticate"].partition("=")[2]
print(len(ask(Authorization="Basic " + open(path).read()).read()))
"""
"""What a program does for a token, with nothing but Python."""
CREDENTIAL = """
import sys
from azure.identity import ManagedIdentityCredential
print(ManagedIdentityCredential().get_token(sys.argv[1]).token)
"""


class Server:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.plane = root / "plane"
        self.env = {"PATH": SYSTEM_PATH, "HOME": "/root", "LANG": "C.UTF-8"}
        self.script = root / "connect-server.sh"
        self.secret = ""
        self.secrets: list[str] = []

    def isolate(self) -> None:
        """From here on what this program changes is nobody else's."""
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        upper = self.root / "upper"
        upper.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "upper", upper], check=True)
        for name in OVERLAID:
            if not Path("/", name).is_dir():
                continue
            for kind in ("u", "w"):
                (upper / f"{name}.{kind}").mkdir(parents=True)
            layers = f"lowerdir=/{name},upperdir={upper}/{name}.u,workdir={upper}/{name}.w"
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, f"/{name}"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "run", "/run"], check=True)
        for old in (STATE, BIN.parent):
            # Another test's, or of this machine itself: out of sight.
            shutil.rmtree(old, ignore_errors=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def changed(self) -> set[str]:
        """Files that are there now and were not, or differ, in what was overlaid and in /run."""
        upper = self.root / "upper"
        found = {
            f"/{path.relative_to(upper)}".replace(".u/", "/", 1)
            for name in OVERLAID
            for path in (upper / f"{name}.u").rglob("*")
            if not path.is_dir()
        }
        return found | {str(path) for path in Path("/run").rglob("*") if not path.is_dir()}

    def run(
        self, *words: str | Path, expect: int | None = 0, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(each) for each in words],
            env=self.env | more.pop("env", {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            **more,
        )
        assert expect is None or done.returncode == expect, f"{words}: {done}\n{self.logs()}"
        return done

    def oob(self, *words: str) -> Any:
        """A verb of the control plane's owner, as a person there has it."""
        done = subprocess.run(
            [*OOB, *words, "-o", "json", "--state", str(self.plane)],
            env=os.environ | {"PATH": f"{APART / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def azcmagent(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run("azcmagent", *words, expect=expect)

    def logs(self) -> str:
        files = [*sorted((STATE / "log").glob("*.log")), self.root / "serve.log"]
        return "\n".join(f"--- {each}\n{each.read_text()[-3000:]}" for each in files if each.exists())


def _serve(server: Server) -> None:
    arm, consoles = map(str, lasting_ports(2))
    with (server.root / "serve.log").open("w") as log:
        command = [*OOB, "serve", "--port", arm, "--console-port", consoles, "--state", str(server.plane)]
        subprocess.Popen(command, stdout=log, stderr=log)
    until(
        "the control plane is ready", lambda: (server.plane / "run/control.json").exists() and _asked(server)
    )


def _asked(server: Server) -> bool:
    try:
        server.oob("agent", "script")
    except AssertionError:
        return False
    return True


def _another_makers_agent(server: Server) -> None:
    """Left alone, by the script and by the verb; nothing was changed."""
    other = BIN / "azcmagent"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"\x7fELF another")
    before = server.changed()
    refused = server.run("sh", server.script, expect=1)
    assert "ForeignAgent" in refused.stderr
    assert server.changed() == before
    other.unlink()
    other.parent.rmdir()
    other.parent.parent.rmdir()


def _wrong_ways(server: Server) -> None:
    before = server.changed()
    text = server.script.read_text()
    wrong = server.root / "wrong.sh"
    for name, status, code in (
        ("FINGERPRINT", 26, "ControlPlaneNotTrusted"),
        ("PACKAGE_SHA256", 26, "PackageChanged"),
    ):
        lines = [f"{name}={'0' * 64}" if each.startswith(f"{name}=") else each for each in text.splitlines()]
        wrong.write_text("\n".join(lines) + "\n")
        assert code in server.run("sh", wrong, expect=status).stderr
    nobody = server.run("setpriv", "--reuid=65534", "--clear-groups", "sh", server.script, expect=18)
    assert "AZCM0018" in nobody.stderr
    assert "Would install" in server.run("sh", server.script, "--dry-run").stdout
    assert server.changed() == before


def _connect(server: Server, arguments: list[str | Path]) -> None:
    said = server.run("sh", server.script, *arguments)
    shown = json.loads(server.azcmagent("show", "-j").stdout)
    assert shown["status"] == "Connected", (shown, said)
    assert server.secret not in said.stdout + said.stderr + server.logs()
    for each in ("himds", "himds-helper"):
        assert Path(BIN / each).exists()
    users = {name: user for user, name in _processes()}
    assert users["outofband.agent.himds"] == "himds"
    assert users["outofband.agent.helper.root"] == "root"
    for path in STATE.rglob("*"):
        assert path.owner() == "himds" or path.parent.name == "log", path
    assert oct((STATE / "agent").stat().st_mode)[-3:] == "700"
    assert oct((STATE / "tokens").stat().st_mode)[-3:] == "750"


def _processes() -> list[tuple[str, str]]:
    """User and module of each program that Python runs by a module's name."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        words = (folder / "cmdline").read_text().split("\0")
        if "-m" in words:
            found.append((folder.owner(), words[words.index("-m") + 1]))
    return found


def _tokens(server: Server) -> None:
    """Unmodified clients, at the fixed port and folder; and who may not."""
    server.run("useradd", "--system", "--groups", "himds", "member")
    server.run("useradd", "--system", "stranger")
    url = f"{IDENTITY['IDENTITY_ENDPOINT']}?api-version=2020-06-01&resource={_arm(server)}"
    for user, expect in (("member", 0), ("stranger", 1)):
        words = (
            "setpriv",
            f"--reuid={user}",
            "--init-groups",
            f"--regid={user}",
            "/usr/bin/python3",
            "-c",
            ASK,
            url,
        )
        said = server.run(*words, expect=expect)
        assert (int(said.stdout) > 100) if expect == 0 else "PermissionError" in said.stderr
    token = server.run(PYTHON, "-c", CREDENTIAL, f"{_arm(server)}/.default", env=IDENTITY).stdout.strip()
    assert token.count(".") == 2
    setup = server.oob("az", "setup", "--config-dir", str(server.root / "az"))
    env = setup["environment"] | IDENTITY | {"AZURE_CORE_COLLECT_TELEMETRY": "no"}
    [account] = json.loads(
        server.run(
            APART / "bin/az", "login", "--identity", "--allow-no-subscriptions", "-o", "json", env=env
        ).stdout
    )
    assert account["user"]["assignedIdentityInfo"] == "MSI"


def _logins(server: Server) -> None:
    """himds gets a login of root on a terminal of its own where root's policy says so, and else none."""
    [python] = Path("/opt/azcmagent").glob("venv-*/bin/python")
    spawn = "import pty, sys; pty.spawn([sys.argv[1], '-I', '-m', 'outofband.agent.helper.login'])"

    def login(user: str) -> str:
        words = (
            "setpriv",
            f"--reuid={user}",
            "--init-groups",
            f"--regid={user}",
            "/usr/bin/python3",
            "-c",
            spawn,
        )
        return server.run(*words, python, expect=None).stdout

    assert "HelperLoginForbidden" in login("himds")
    policy = Path("/etc/outofband/policy.toml")
    policy.write_text(
        "[console]\nemergency_shell = true\ncommand = ['/bin/sh', '-c', 'echo user $(id -u) on $(tty)']\n"
    )
    assert "user 0 on /dev/pts/" in login("himds")
    assert "user 0" not in login("member")  # in the group, but not the agent
    policy.unlink()


def _arm(server: Server) -> str:
    found: dict[str, str] = json.loads((server.plane / "client/profile.json").read_bytes())
    return found["arm"]


def _again(server: Server, arguments: list[str | Path]) -> None:
    """What is installed is upgraded in place, and goes on being connected; connecting twice is refused."""
    before = (STATE / "agent/identity.json").read_bytes()
    server.run("sh", server.script, "--install-only")
    assert "AZCM0067" in (said := server.run("sh", server.script, *arguments, expect=67)).stderr + said.stdout
    until(
        "it is linked again",
        lambda: json.loads(server.azcmagent("show", "-j").stdout)["status"] == "Connected",
    )
    assert (STATE / "agent/identity.json").read_bytes() == before


def _kept(server: Server) -> None:
    """himds that is killed comes back."""
    [himds] = [
        path
        for path in Path("/proc").glob("[0-9]*")
        if b"outofband.agent.himds" in (path / "cmdline").read_bytes()
    ]
    os.kill(int(himds.name), 9)
    until("himds is back", lambda: not himds.exists() and _answers())


def _answers() -> bool:
    try:
        with urllib.request.urlopen("http://localhost:40342/metadata/instance?api-version=2021-02-01"):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _away(server: Server, before: set[str], tenant: str) -> None:
    """Disconnected by somebody with the right to, which the onboarding role has not; then removed."""
    made = server.oob("identity", "client", "add", "remover", "--role", REMOVING_ROLE)
    secret = server.root / "secret"
    secret.touch(0o600)
    secret.write_text(made["secret"])
    sign_in = ["--tenant-id", tenant, "--service-principal-secret-file", str(secret)]
    refused = server.run(BIN / "oob", "agent", "uninstall", "--yes", "--purge", expect=None)
    assert refused.returncode and "AgentStillConnected" in refused.stderr
    server.azcmagent("disconnect", *sign_in, "--service-principal-id", made["clientId"])
    assert json.loads(server.azcmagent("show", "-j").stdout)["status"] != "Connected"
    server.run(BIN / "oob", "agent", "uninstall", "--yes", "--purge")
    accounts = {
        f"/etc/{name}{end}"
        for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
        for end in ("", "-")
    }
    left = server.changed() - before - accounts - {"/etc/.pwd.lock"}
    assert not left, left
    assert "himds" not in Path("/etc/passwd").read_text()
    assert not Path("/opt/azcmagent").exists() and not STATE.exists()
    assert [each for each in _processes() if "outofband.agent" in each[1]] == []


def main() -> None:
    server = Server(Path(sys.argv[1]))
    server.isolate()
    _serve(server)
    made = server.oob("identity", "client", "add", "onboarding", "--role", ROLE)
    server.secret = made["secret"]
    principal = made["clientId"]
    script = server.oob(
        "agent",
        "script",
        "--many",
        "--service-principal-id",
        principal,
        "--name",
        "web-1",
        "--tag",
        "Site=A b",
    )
    server.script.write_text(script["script"])
    file = server.root / "environment"
    file.write_text(f"SERVICE_PRINCIPAL_SECRET='{server.secret}'\n")
    file.chmod(0o600)
    profile = json.loads((server.plane / "client/profile.json").read_bytes())
    before = server.changed()
    _another_makers_agent(server)
    _wrong_ways(server)
    arguments: list[str | Path] = ["--environment-file", file]
    _connect(server, arguments)
    machine = server.oob("vm", "list")
    assert isinstance(machine, list)
    _kept(server)
    _tokens(server)
    _logins(server)
    _again(server, arguments)
    _away(server, before, profile["tenantId"])
    print("all of it")


if __name__ == "__main__":
    main()
