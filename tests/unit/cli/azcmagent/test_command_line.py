"""The command line of `azcmagent`: every refusal that needs nobody else, by its code, in three languages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import outofband
from outofband.agent import clouds, settings
from outofband.agent.state import HostKey, key_path, next_key_path
from outofband.cli.azcmagent import logs, main
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.wire import azcm

TARGET = ("-g", "g", "-l", "local", "-s", "sub")
GUID = "2f7f2821-aae2-4e75-a7e7-64fa05a206a7"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateDir:
    for name in ("OOB_LANG", "LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    found = StateDir(tmp_path / "state")
    monkeypatch.setenv("OOB_STATE", str(found.root))
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def run(state: StateDir, capfd: pytest.CaptureFixture[str]) -> Run:
    def one(*words: str) -> tuple[int, str, str]:
        code = main.run(list(words))
        said = capfd.readouterr()
        return code, said.out, said.err

    return one


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), "AZCM0016", "--subscription-id, --resource-group, --location"),
        (("-g", "g", "-s", "s"), "AZCM0016", "--location"),
        ((*TARGET, "--tags", "A=b c"), "AZCM0013", "b c"),
        ((*TARGET, "--cloud", "AzureGermany"), "AZCM0014", "AzureCloud"),
        ((*TARGET, "--correlation-id", "1234"), "AZCM0015", "1234"),
        ((*TARGET, "-n", "web_"), "AZCM0017", "web_"),
        ((*TARGET, "-n", "-web"), "AZCM0017", "-web"),
        ((*TARGET, "-n", "w.b"), "AZCM0017", "w.b"),
        ((*TARGET, "-n", "w" * 55), "AZCM0017", "www"),
        (("-g", "bad group", "-l", "l", "-s", "s"), "AZCM0023", "bad group"),
        ((*TARGET, "-i", GUID, "-p", "s3cret-word"), "AZCM0016", "--tenant-id"),
        ((*TARGET, "-p", "s3cret-word", "-t", "t"), "AZCM0016", "--service-principal-id"),
        ((*TARGET, "-i", "me", "-p", "s3cret-word", "-t", "t"), "AZCM0023", "GUID"),
        ((*TARGET, "--use-azcli", "--access-token", "abc"), "AZCM0027", "--use-azcli"),
        ((*TARGET, "--use-azcli", "-i", GUID), "AZCM0027", "--service-principal-id"),
        ((*TARGET, "--service-principal-cert-thumbprint", "AB"), "AZCM0003", "Windows"),
        ((*TARGET, "--private-link-scope", "/x"), "AZCM0003", "--private-link-scope"),
        ((*TARGET, "--gateway-id", "/x"), "AZCM0003", "--gateway-id"),
        ((*TARGET, "--identity-key-store", "tpm"), "AZCM0028", "TPM"),
        ((*TARGET, "--identity-key-store", "disk"), "AZCM0023", "--identity-key-store"),
        ((*TARGET,), "AZCM0006", "--cloud"),
        ((*TARGET, "--cloud", "AzureCloud"), "AZCM0061", "admin.sock"),
        ((*TARGET, "--nonsense"), "AZCM0101", "--nonsense"),
    ],
)
def test_what_connect_refuses(run: Run, words: tuple[str, ...], code: str, says: str) -> None:
    number = azcm.exit_code(code)
    exit_code, out, _ = run("connect", *words, "-j")
    error = json.loads(out)["error"]
    assert (exit_code, error["code"], error["exitCode"]) == (number, code, number)
    assert says in error["message"]
    assert error["remedy"]
    assert "s3cret-word" not in out
    messages = set()
    for language, first in (("en", "error"), ("fr", "erreur"), ("nl", "fout")):
        exit_code, out, err = run("connect", *words, "--lang", language)
        assert exit_code == number
        assert out.startswith(f"{first} ({code}) ") and says in out
        messages.add(out.partition(":")[0])
        assert "Traceback" not in err
    assert len(messages) == 3


def test_what_others_refuse(run: Run) -> None:
    for words, number in (
        (("extension", "remove", "-n", "X/Y"), 72),
        (("extension", "remove"), 16),
        (("extension", "remove", "-n", "x", "-a"), 27),
        (("show", "nonsense"), 23),
        (("config", "get", "nonsense"), 23),
        (("config", "set", "config.mode", "sometimes"), 23),
        (("config", "set", "proxy.bypass", "Arc", "-a", "-r"), 27),
        (("disconnect", "-f", "--use-azcli"), 27),
        (("disconnect",), 61),
        (("genkey",), 61),
        (("rekey",), 61),
        (("nonsense",), 101),
        (("completion", "tcsh"), 23),
        (("config", "get"), 16),
        (("help", "nonsense"), 101),
        (("logs", "-o", "/nonexistent/x.zip"), 106),
    ):
        code, out, _ = run(*words, "-j")
        assert (code, json.loads(out)["error"]["exitCode"]) == (number, number), (words, out)


def test_where_failures_are_told(run: Run) -> None:
    code, out, err = run("genkey")
    assert (code, err) == (61, "") and "AZCM0061" in out
    code, out, err = run("genkey", "--log-stderr")
    assert (code, out) == (61, "") and "AZCM0061" in err
    code, out, err = run("genkey", "--log-stderr", "-j")
    assert (code, out) == (61, "") and json.loads(err)["error"]["code"] == "AZCM0061"
    code, out, err = run("genkey", "-v")
    assert re.match(r'time="[^"]+Z" level=info msg="azcmagent genkey"', out)


def test_a_file_of_flags(run: Run, tmp_path: Path) -> None:
    """The command line wins; what is no flag, no mapping or no file is AZCM0019."""
    file = tmp_path / "flags.yaml"
    file.write_text(
        "resource-group: g\nlocation: local\nsubscription-id: sub\nresource-name: bad_\ntags:\n  A: b c\n"
    )
    assert run("connect", "--config", str(file))[0] == 17
    assert run("connect", "--config", str(file), "-n", "good")[0] == 6
    assert run("connect", "-n", "good", "--cloud", "AzureCloud", "--config", str(file))[0] == 61
    made = tmp_path / "flags.json"
    made.write_text(
        json.dumps({"json": True, "resource_group": "g", "location": "l", "subscription-id": "s"})
    )
    code, out, _ = run("connect", "--config", str(made))
    assert code == json.loads(out)["error"]["exitCode"] == 6
    for text, says in (
        ("- a", "no mapping"),
        ("nonsense: 1", "no such flag"),
        ("resource-group: [a, b]", "one value"),
        ("dry-run: maybe", "true or false"),
        ("a: b: c", "mapping values"),
        ("x: !!python/object/apply:os.system ['id']", "could not determine"),
        ("\x00", ""),
    ):
        file.write_text(text)
        code, out, _ = run("connect", "--config", str(file))
        assert code == 19 and says in out, (text, out)
    file.write_text("")
    assert run("connect", "--config", str(file))[0] == 16
    for place in ("/nonexistent.yaml", str(tmp_path)):
        code, out, _ = run("connect", "--config", place, "-j")
        assert code in (19, 23), out


def test_settings(run: Run, state: StateDir) -> None:
    code, out, _ = run("config", "list")
    assert code == 0 and out.splitlines()[0] == "Local Configuration Settings"
    assert f"  {'incomingconnections.enabled (preview)':<40}: true" in out.splitlines()
    assert f"  {'extensions.agent.cpulimit':<40}: 5" in out.splitlines()
    code, out, _ = run("config", "set", "proxy.url", "http://user:s3cret-word@proxy:3128", "-v")
    assert code == 0 and "Config property proxy.url set to value http://" in out
    assert "INFO    Updating service configuration: Azure Arc Proxy" in out
    assert "s3cret-word" not in out + (state.log / "azcmagent.log").read_text()
    assert settings.load(state).get("proxy.url") == "http://user:s3cret-word@proxy:3128"
    for typed in ("user:s3cret-word@proxy:3128", "http://user:s3cret-w/rd@proxy:3128"):
        code, out, err = run("config", "set", "proxy.url", typed, "-v")
        assert code == 23 and "s3cret" not in out + err + (state.log / "azcmagent.log").read_text()
    assert run("config", "set", "proxy.bypass", "arc,ARM")[1].splitlines()[0].endswith("[Arc,ARM]")
    assert run("config", "set", "proxy.bypass", "AAD", "--add", "-j")[0] == 0
    assert json.loads(run("config", "set", "proxy.bypass", "ARM", "-r", "-j")[1])["value"] == ["Arc", "AAD"]
    assert json.loads(run("config", "get", "proxy.bypass", "-j")[1]) == {"proxy.bypass": ["Arc", "AAD"]}
    run("config", "clear", "proxy.bypass")
    assert run("config", "get", "proxy.bypass")[1] == "[]\n"
    assert "no such part" in run("config", "set", "extensions.allowlist", "A/B")[1]
    run("config", "set", "config.mode", "monitor")
    code, out, _ = run("config", "set", "extensions.blocklist", "A/B", "-j")
    assert code == 69 and "monitor" in json.loads(out)["error"]["message"]
    (state.agent / "localconfig.json").write_text("{")
    assert run("config", "list")[0] == 70
    told = json.loads(run("config", "info", "config.mode", "-j")[1])["settings"]["config.mode"]
    assert (told["values"], told["default"], told["effect"]) == (["full", "monitor"], "full", True)


def test_shown_without_an_agent(run: Run, state: StateDir) -> None:
    clouds.save(state, clouds.Cloud(name="Lab", arm="https://lab", login="https://lab"))
    code, out, _ = run("show")
    assert code == 0
    for line in out.splitlines():
        assert re.match(r"^.{40}:", line) or line == "Dependent Service Status", line
    assert f"{'Agent Status':<40}: Disconnected" in out
    assert f"{'  Agent Service (himds)':<40}: stopped" in out
    found = json.loads(run("show", "-j")[1])
    assert (found["status"], found["cloud"], found["agentErrorCode"]) == ("Disconnected", "Lab", "AZCM0061")
    assert json.loads(run("show", "LASTHEARTBEAT", "agent version", "-j")[1]).keys() == {
        "lastHeartbeat",
        "agentVersion",
    }
    (state.agent / "halfway.json").write_text(
        json.dumps({"operation": "connect", "machine": "/subscriptions/s/resourceGroups/g/x/y/m/web1",
                    "since": "2026-11-28T03:00:00.5Z", "correlation": GUID})
    )  # fmt: skip
    half = json.loads(run("show", "-j")[1])
    assert (half["status"], half["resourceName"], half["correlationId"]) == ("Half-connected", "web1", GUID)
    assert "2026-11-28T03:00:00Z" in half["halfway"] and "--force-local-only" in half["halfway"]


def test_an_archive_of_nothing_yet(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("logs", "-j")
    assert code == 0
    name = Path(json.loads(out)["file"]).name
    assert re.fullmatch(r"azcmagent-\d{8}T\d{6}Z-.+\.zip", name)
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert set(archive.namelist()) == {"logs/azcmagent.log", "show.json", "manifest.json"}


def test_an_archive_takes_what_a_log_is_and_not_where_a_link_leads(state: StateDir, tmp_path: Path) -> None:
    """Also where the link or the pipe has taken a log's place since the folder was listed."""
    state.log.mkdir(parents=True)
    (tmp_path / "shadow").write_text("root:hash")
    (state.log / "link.log").symlink_to(tmp_path / "shadow")
    os.mkfifo(state.log / "pipe.log")
    (state.log / "himds.log").write_text("a line")
    texts = {name: logs._text(state.log / name) for name in ("link.log", "pipe.log", "himds.log")}
    assert texts["himds.log"] == "a line"
    assert "hash" not in texts["link.log"] and texts["pipe.log"].endswith("it is no file\n")


def test_every_private_file_is_searched_for_what_an_archive_must_not_have(state: StateDir) -> None:
    keys = key_path(state), next_key_path(state)
    for path in keys:
        HostKey.make().save(path)
    write_private(state.agent / "identity-header", "a-long-lived-header")
    found = set(logs.secrets(state))
    assert "a-long-lived-header" in found
    assert {path.read_text().splitlines()[1] for path in keys} <= found


def test_who_only_looks_leaves_nothing_behind(run: Run, state: StateDir) -> None:
    for words in (("version",), ("show",), ("config", "list"), ("extension", "list"), ("completion", "bash")):
        assert run(*words)[0] == 0
    assert not state.root.exists()


def test_the_log_cannot_be_written(run: Run, state: StateDir) -> None:
    state.root.mkdir(mode=0o700)
    state.log.write_text("no folder")
    code, out, _ = run("genkey", "-j")
    assert code == 5 and str(state.log) in json.loads(out)["error"]["message"]
    assert run("genkey", "--log-stderr")[0] == 61
    assert run("show", "status")[0] == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    code, out, _ = run("completion", shell)
    assert code == 0 and "_AZCMAGENT_COMPLETE" in out
    asked = {"COMP_WORDS": "azcmagent con", "COMP_CWORD": "con" if shell == "fish" else "1"}
    command = [sys.executable, "-m", "outofband.cli.azcmagent"]
    env = os.environ | asked | {"_AZCMAGENT_COMPLETE": f"{shell}_complete"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert not done.stderr
    assert {"connect", "config"} <= set(re.findall(r"[a-z]+", done.stdout)), done


def test_every_verb_has_help_an_example_and_the_common_flags(run: Run) -> None:
    common = {"--config", "--json", "--log-stderr", "--no-color", "--verbose", "--lang", "--state"}
    for name in main.VERBS:
        command: Any = main.load(name)
        each = [command] if not hasattr(command, "commands") else list(command.commands.values())
        for verb in each:
            assert verb.help, name
            assert verb.epilog, name
            flags = {flag for parameter in verb.params for flag in parameter.opts}
            assert name == "help" or common <= flags, name
    code, out, _ = run("help", "config", "set")
    assert code == 0 and "Usage: azcmagent config set" in out
    assert run("--help")[1] == run("-h")[1]
    assert run("version")[1].startswith("azcmagent version ")
    assert json.loads(run("license", "-j")[1]) == {"license": "Apache-2.0"}


def test_no_host_name(state: StateDir) -> None:
    """In a namespace of its own, whose host has none (AZCM0102)."""
    if os.geteuid() != 0:
        pytest.skip("only root can make such a namespace")
    for name, says in (("(none)", "(none)"), ("under_", "under_")):
        script = (
            "import os, socket, sys; os.unshare(os.CLONE_NEWUTS) if hasattr(os, 'unshare') else None; "
            f"socket.sethostname({name!r}); from outofband.cli.azcmagent.main import run; "
            f"sys.exit(run(['connect', *{TARGET!r}, '-j']))"
        )
        done = subprocess.run(
            ["unshare", "--uts", sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 102, done
        assert says in json.loads(done.stdout)["error"]["message"]


def test_what_the_system_does_not_say(state: StateDir) -> None:
    """Where its files cannot be read (AZCM0104): a folder lies on one of them in a namespace of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can make such a namespace")
    clouds.save(state, clouds.Cloud(name="Lab", arm="https://lab", login="https://lab"))
    words = " ".join([sys.executable, "-m", "outofband.cli.azcmagent", "connect", *TARGET, "-j"])
    state.log.mkdir(parents=True, exist_ok=True)
    lines = f"mkdir {state.root}/d && mount --bind {state.root}/d /proc/sys/kernel && {words}"
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", lines], capture_output=True, text=True, check=False
    )
    assert done.returncode == 104, done
    assert "/proc/sys/kernel/osrelease" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize(
    ("part", "words"), [("cli/azcmagent/logs.py", ("logs",)), ("agent/local.py", ("genkey",))]
)
def test_an_installation_with_a_part_missing(tmp_path: Path, part: str, words: tuple[str, ...]) -> None:
    """As after a half-done upgrade: nobody foresaw it (AZCM0001), and it is told as any other failure."""
    copy = tmp_path / "lib"
    shutil.copytree(
        Path(outofband.__path__[0]),
        copy / "outofband",
        ignore=shutil.ignore_patterns("__pycache__", "static"),
    )
    (copy / "outofband" / part).unlink()
    env = os.environ | {"PYTHONPATH": str(copy), "OOB_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-m", "outofband.cli.azcmagent", *words, "--lang", "fr"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert done.stdout.startswith("erreur (AZCM0001) Un problème est survenu"), done
    assert part.removesuffix(".py").rpartition("/")[2] in done.stdout and "Traceback" not in done.stderr
