"""The scripts on machines that lack something: each machine is a PATH that holds only what is named."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASICS = [
    "bash",
    "cat",
    "cut",
    "dirname",
    "env",
    "find",
    "flock",
    "grep",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "sed",
    "sha256sum",
]
BASICS += ["sh", "sort", "tail", "xargs"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an environment: the scripts and what they read."""
    place = tmp_path / "checkout"
    for folder in ("scripts", "requirements"):
        shutil.copytree(ROOT / folder, place / folder)
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs: the ones every Debian has, and a suitable Python."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in BASICS:
        found = shutil.which(name)
        assert found, f"this machine lacks {name}"
        (programs / name).symlink_to(found)
    (programs / "python3").symlink_to(sys.executable)
    return programs


def bootstrap(checkout: Path, *words: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", checkout / "scripts" / "bootstrap.sh", *words],
        env={"PATH": str(path), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.fixture
def installed(checkout: Path, machine: Path) -> Path:
    """The checkout with its environment; its stamp comes from the script's own function."""
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    shutil.copy(machine / "cat", programs / "oob")
    stamps = checkout / ".venv" / ".outofband"
    stamps.mkdir()
    stamp = subprocess.run(
        ["bash", "-c", "source scripts/lib.sh; source scripts/venv.sh; stamp_of dev"],
        cwd=checkout,
        env={"PATH": str(machine)},
        capture_output=True,
        check=True,
    ).stdout
    (stamps / "dev").write_bytes(stamp)
    return checkout


def test_plan_names_what_is_missing_and_changes_nothing(checkout: Path, machine: Path) -> None:
    before = sorted(checkout.rglob("*"))
    planned = bootstrap(checkout, "--plan", "check", path=machine)
    assert planned.returncode == 3
    assert "would install with apt" not in planned.stdout
    assert "would install into .venv: requirements/dev.txt" in planned.stdout
    assert sorted(checkout.rglob("*")) == before


def test_a_machine_without_qemu_gets_it_for_up_but_not_for_check(checkout: Path, machine: Path) -> None:
    assert "qemu-system-x86" in bootstrap(checkout, "--plan", "run", path=machine).stdout
    assert "qemu-system-x86" not in bootstrap(checkout, "--plan", "check", path=machine).stdout


def test_a_named_python_that_does_not_exist_is_not_replaced_by_another(checkout: Path, machine: Path) -> None:
    done = subprocess.run(
        ["bash", checkout / "scripts" / "bootstrap.sh", "--plan", "check"],
        env={"PATH": str(machine), "OOB_PYTHON": "/nowhere/python3"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "would install with apt: python3 python3-venv" in done.stdout


def test_without_apt_the_missing_packages_are_named(checkout: Path, machine: Path) -> None:
    done = bootstrap(checkout, "run", path=machine)
    assert done.returncode == 1
    assert "error: not on this machine: qemu-system-x86" in done.stderr


@pytest.mark.parametrize("words", [(), ("everything",), ("--plan",), ("run", "test")])
def test_wrong_usage_shows_the_usage(checkout: Path, machine: Path, words: tuple[str, ...]) -> None:
    done = bootstrap(checkout, *words, path=machine)
    assert done.returncode == 2
    assert "scripts/bootstrap.sh [--plan] PURPOSE" in done.stderr


def test_an_environment_is_current_until_its_lock_changes(installed: Path, machine: Path) -> None:
    assert bootstrap(installed, "--plan", "check", path=machine).returncode == 0
    lock = installed / "requirements" / "dev.txt"
    lock.write_text(lock.read_text() + "# changed\n")
    assert "requirements/dev.txt" in bootstrap(installed, "--plan", "check", path=machine).stdout


def apart(checkout: Path, *words: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", checkout / "scripts" / "apart.sh", *words],
        env={"PATH": str(path), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_programs_of_others_get_an_environment_apart(checkout: Path, machine: Path) -> None:
    planned = apart(checkout, "--plan", "az", path=machine)
    assert planned.returncode == 3
    assert "would install into .az: requirements/az.txt" in planned.stdout
    assert not (checkout / ".az").exists()
    assert "into .az:" in bootstrap(checkout, "--plan", "test", path=machine).stdout
    assert "into .moto:" in bootstrap(checkout, "--plan", "bench", path=machine).stdout
    assert "into .az:" not in bootstrap(checkout, "--plan", "check", path=machine).stdout


@pytest.mark.parametrize("words", [(), ("--plan",), ("run",), ("../az",), ("az", "moto")])
def test_an_environment_apart_is_one_of_two(checkout: Path, machine: Path, words: tuple[str, ...]) -> None:
    done = apart(checkout, *words, path=machine)
    assert done.returncode == 2
    assert "scripts/apart.sh [--plan] NAME" in done.stderr


def test_clean_refuses_while_something_runs_from_the_environment(checkout: Path, machine: Path) -> None:
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    command = [str(programs / "python"), "-c", "input()"]
    clean = ["bash", str(checkout / "scripts" / "clean.sh")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        refused = subprocess.run(clean, capture_output=True, text=True, check=False, timeout=30)
        running.communicate(b"\n")
    assert refused.returncode == 1
    assert f"process {running.pid}" in refused.stderr
    assert programs.exists()

    done = subprocess.run(clean, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert not programs.exists()
    assert (checkout / "scripts").exists()


# --- the portal: the real npm builds a portal without any package, so no network is needed

BUILT = Path("src") / "outofband" / "http" / "web"
BUILDER = """
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const target = process.argv[process.argv.indexOf("--outDir") + 1];
const text = readFileSync("source.txt", "utf8");
mkdirSync(target, { recursive: true });
writeFileSync(`${target}/index.html`, text);
if (text === "broken") throw new Error("the source is broken");
"""


@pytest.fixture
def portal(installed: Path) -> Path:
    """The checkout with a tiny portal whose build copies one file."""
    web = installed / "web"
    web.mkdir()
    package = {"name": "tiny", "version": "1.0.0"}
    scripts = {"build": "node build.js"}
    (web / "package.json").write_text(json.dumps(package | {"scripts": scripts}))
    lock = package | {"lockfileVersion": 3, "requires": True, "packages": {"": package}}
    (web / "package-lock.json").write_text(json.dumps(lock))
    (web / "build.js").write_text(BUILDER)
    (web / "source.txt").write_text("first")
    (installed / BUILT).parent.mkdir(parents=True)
    return installed


@pytest.fixture
def with_node(machine: Path) -> Path:
    """The machine with the Node.js and npm that this checkout uses."""
    found = 'source scripts/lib.sh; source scripts/node.sh; find_node; command -v node; echo "${npm[-1]}"'
    told = subprocess.run(["bash", "-c", found], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    node, npm = told.splitlines()
    (machine / "node").symlink_to(node)
    program = Path(shutil.which(npm) or npm).resolve()
    (machine / "npm").write_text(f'#!/bin/sh\nexec node "{program}" "$@"\n')
    (machine / "npm").chmod(0o755)
    (machine / "qemu-system-x86_64").symlink_to(node)  # only looked for
    return machine


def test_a_machine_without_node_gets_it_from_the_lock(portal: Path, machine: Path) -> None:
    planned = bootstrap(portal, "--plan", "check", path=machine)
    assert planned.returncode == 3
    assert "would install into .node: requirements/node.txt" in planned.stdout
    assert "would build the portal" in planned.stdout


def test_an_old_node_is_not_taken(portal: Path, with_node: Path) -> None:
    assert "into .node" not in bootstrap(portal, "--plan", "check", path=with_node).stdout
    (with_node / "node").unlink()
    (with_node / "node").write_text("#!/bin/sh\nexit 1\n")
    (with_node / "node").chmod(0o755)
    assert "into .node" in bootstrap(portal, "--plan", "check", path=with_node).stdout


def test_the_portal_is_built_once_and_again_when_a_source_changes(portal: Path, with_node: Path) -> None:
    page = portal / BUILT / "index.html"
    first = bootstrap(portal, "check", path=with_node)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "==> Building the portal" in first.stdout
    assert page.read_text() == "first"

    built = page.stat().st_ino
    again = bootstrap(portal, "check", path=with_node)
    assert (again.stdout, again.stderr) == ("", "")
    assert page.stat().st_ino == built

    (portal / "web" / "source.txt").write_text("second")
    assert (
        bootstrap(portal, "--plan", "run", path=with_node).stdout == f"would build the portal into {BUILT}\n"
    )
    assert bootstrap(portal, "check", path=with_node).returncode == 0
    assert page.read_text() == "second"
    assert sorted(path.name for path in page.parent.parent.iterdir()) == ["web"]


def test_what_is_built_needs_neither_node_nor_packages_to_run(portal: Path, with_node: Path) -> None:
    assert bootstrap(portal, "check", path=with_node).returncode == 0
    shutil.rmtree(portal / "web" / "node_modules")
    (with_node / "node").unlink()
    assert "portal" not in bootstrap(portal, "--plan", "run", path=with_node).stdout
    assert "into web/node_modules" in bootstrap(portal, "--plan", "check", path=with_node).stdout


def test_a_failed_build_leaves_the_portal_that_was_there(portal: Path, with_node: Path) -> None:
    assert bootstrap(portal, "check", path=with_node).returncode == 0
    (portal / "web" / "source.txt").write_text("broken")
    failed = bootstrap(portal, "check", path=with_node)
    assert failed.returncode == 1
    assert "the source is broken" in failed.stderr
    assert "error: the portal could not be built from web/." in failed.stderr
    assert (portal / BUILT / "index.html").read_text() == "first"
    assert "would build the portal" in bootstrap(portal, "--plan", "run", path=with_node).stdout


def test_a_lock_that_does_not_fit_is_named(portal: Path, with_node: Path) -> None:
    package = portal / "web" / "package.json"
    needs = {"dependencies": {"beside": "file:beside"}}
    package.write_text(json.dumps(json.loads(package.read_text()) | needs))
    (portal / "web" / "beside").mkdir()
    (portal / "web" / "beside" / "package.json").write_text('{"name": "beside", "version": "1.0.0"}')
    failed = bootstrap(portal, "check", path=with_node)
    assert failed.returncode == 1
    assert "error: web/package-lock.json does not fit web/package.json." in failed.stderr


def test_without_a_registry_the_text_says_how_to_go_on(portal: Path, with_node: Path) -> None:
    web = portal / "web"
    entry = {"version": "1.0.0", "integrity": "sha512-" + "A" * 86 + "=="}
    lock = json.loads((web / "package-lock.json").read_text())
    needs = {"dependencies": {"far": "1.0.0"}}
    lock["packages"] = {"": lock["packages"][""] | needs, "node_modules/far": entry}
    (web / "package-lock.json").write_text(json.dumps(lock))
    wanted = json.loads((web / "package.json").read_text())
    (web / "package.json").write_text(json.dumps(wanted | needs))
    (web / ".npmrc").write_text("registry=http://127.0.0.1:9/\n")
    failed = bootstrap(portal, "check", path=with_node)
    assert failed.returncode == 1
    assert "error: npm could not reach its package registry" in failed.stderr
    assert "OOB_PORTAL=no make up" in failed.stderr
    assert not (portal / BUILT).exists()


def test_up_can_go_without_the_portal(portal: Path, with_node: Path) -> None:
    done = subprocess.run(
        ["bash", portal / "scripts" / "bootstrap.sh", "--plan", "run"],
        env={"PATH": str(with_node), "OOB_PORTAL": "no"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "portal" not in done.stdout
