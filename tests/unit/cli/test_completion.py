"""Tab: the scripts of the shells, sourced in the shells that are here."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.core import clock
from tests.support.wait import promised
from tests.unit.client.far import Far

pytestmark = [pytest.mark.anyio, pytest.mark.peers]
HERE = Path(sys.executable).parent
BASH = """
eval "$(oob completion bash)"
COMP_WORDS=({words})
COMP_CWORD={at}
_oob_completion oob
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = """
oob completion fish | source
complete -C '{line}'
"""
ZSH = """
autoload -U compinit; compinit -u
eval "$(oob completion zsh)"
(( ${{+functions[_oob_completion]}} )) && echo there
"""


async def shell(program: str, script: str, far: Far) -> list[str]:
    env = {
        **os.environ,
        "OOB_STATE": str(far.folder / "state"),
        "PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}",
    }
    child = await asyncio.create_subprocess_exec(
        program, "-c", script, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(child.communicate(), 120)
    assert (child.returncode, err) == (0, b"")
    return out.decode().split()


async def bash(far: Far, *words: str) -> list[str]:
    quoted = " ".join(f"'{word}'" for word in words)
    return await shell("bash", BASH.format(words=quoted, at=len(words) - 1), far)


@pytest.fixture
async def served(far: Far) -> AsyncIterator[Far]:
    async def machines(request: Request) -> Response:
        return JSONResponse({"value": [{"name": "demo"}, {"name": "Database"}, {"name": "web"}]})

    far.answers.append(machines)
    yield far


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
async def test_bash_completes_verbs_options_and_codes(far: Far) -> None:
    assert await bash(far, "oob", "s") == ["status", "serve", "serial", "sim"]
    assert await bash(far, "oob", "vm", "st") == ["start", "stop"]
    assert "--observe" in await bash(far, "oob", "console", "--o")
    assert await bash(far, "oob", "explain", "agentoff") == ["AgentOffline"]
    assert await bash(far, "oob", "completion", "f") == ["fish"]
    assert far.asked == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
async def test_bash_completes_names_of_vms_from_the_server(served: Far) -> None:
    assert await bash(served, "oob", "console", "d") == ["demo", "Database"]
    [(_, path, _)] = served.asked
    assert path == "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines"


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
async def test_the_group_on_the_line_is_the_one_that_is_asked(served: Far) -> None:
    assert await bash(served, "oob", "vm", "stop", "-g", "other", "w") == ["web"]
    assert "/resourceGroups/other/" in served.asked[0][1]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
async def test_a_server_that_hangs_or_is_gone_does_not_keep_the_shell(far: Far) -> None:
    release = asyncio.Event()

    async def hang(request: Request) -> Response:
        await release.wait()
        return JSONResponse({})

    far.answers.append(hang)
    began = clock.monotonic()
    assert await bash(far, "oob", "console", "d") == []
    assert clock.monotonic() - began < promised(6)
    release.set()
    far.save(far.folder / "state")
    (far.folder / "state" / "client" / "profile.json").write_text("{")
    assert await bash(far, "oob", "console", "d") == []


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
async def test_fish_completes(served: Far) -> None:
    assert set(await shell("fish", FISH.format(line="oob console d"), served)) == {"demo", "Database"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
async def test_zsh_takes_the_script(far: Far) -> None:
    assert await shell("zsh", ZSH.format(), far) == ["there"]


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
async def test_each_script_names_the_command(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    from outofband.cli import main

    assert main.run(["completion", kind]) == 0
    script = capfd.readouterr().out
    assert f"_OOB_COMPLETE={kind}_complete" in script
    assert main.run(["completion", kind, "-o", "json"]) == 0
    assert script.strip()[:40] in capfd.readouterr().out.encode().decode("unicode_escape")
