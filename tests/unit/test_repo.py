"""The shape of the repository: promises that no linter checks and that erode silently."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from ast import get_docstring, parse
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SKIPPED_FOLDERS = {".git", ".venv", ".node", "__pycache__", "node_modules", "dist", "results", "bin"}
BUILT_PORTAL = ROOT / "src" / "outofband" / "http" / "web"
MOST_LINES = 800
LOCK_LINE = re.compile(r"#|    #|    --hash=sha256:[0-9a-f]{64}( \\)?$|[a-z0-9-]+==\S+( ; .+)? \\$")
LOCKS = {"run": ["server"], "dev": ["server", "dev"]}

# Written as patterns so that this file does not contain what it forbids.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.~-])/(?:work|root|home/[a-z]+|Users)/[\w.]"),
    "a package registry's host": re.compile(
        r"p[y]pi\.org|p[y]thonhosted\.org|registry\.n[p]mjs|d[e]b\.debian\.org|p[r]oxy\.golang"
    ),
}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git would commit; without git (an unpacked archive), every file that is not built."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listed = subprocess.run(
            [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z", "-c", "-o", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        paths = (ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name)
        return tuple(path for path in paths if path.is_file())
    return tuple(_walk(ROOT))


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and entry.name not in SKIPPED_FOLDERS and entry != BUILT_PORTAL:
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


@cache
def texts() -> dict[str, str]:
    """Tracked text files by their path from the root."""
    found: dict[str, str] = {}
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            found[path.relative_to(ROOT).as_posix()] = data.decode("utf-8", "replace")
    return found


def test_nothing_names_a_machine_or_a_registry() -> None:
    hits = [
        f"{name}:{number}: {what}: {line.strip()[:80]}"
        for name, text in texts().items()
        for what, pattern in FORBIDDEN.items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not hits, "\n".join(hits)


def test_no_source_file_grows_out_of_sight() -> None:
    grown = {
        name: lines
        for name, text in texts().items()
        if name.endswith((".py", ".sh", ".ts", ".tsx", ".c")) and (lines := text.count("\n")) > MOST_LINES
    }
    assert not grown, f"split these: {grown}"


def test_every_source_folder_says_what_lives_there() -> None:
    folders = {path.parent for path in (ROOT / "src" / "outofband").rglob("*.py")}
    silent = []
    for folder in sorted(folders):
        init = folder / "__init__.py"
        if not init.is_file() or not get_docstring(parse(init.read_text())):
            silent.append(folder.relative_to(ROOT).as_posix())
    assert not silent, f"no __init__.py with a docstring in: {silent}"


def test_scripts_are_sound_and_can_be_run() -> None:
    for path in sorted((ROOT / "scripts").glob("*.sh")):
        first = path.read_text().splitlines()[0]
        assert os.access(path, os.X_OK) == first.startswith("#!"), f"{path.name}: mode or first line"
        checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_ci_runs_the_command_that_the_makefile_offers() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec make test")


def test_every_verb_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    explained = set(re.findall(r"^([a-z][a-z-]*):.*## \S", makefile, re.M))
    phony = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.M))
    assert targets == explained == phony
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for verb in targets:
        assert re.search(rf"^  make {verb} ", shown, re.M), f"make help does not show {verb}"


# --- the locks


def _locked(name: str) -> dict[str, Version]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.M)
    return {canonicalize_name(package): Version(version) for package, version in pins}


@pytest.mark.parametrize("name", [*LOCKS, "node"])
def test_a_lock_pins_by_hash_and_names_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    for line in text.splitlines():
        assert LOCK_LINE.match(line), line
    for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]:
        assert "--hash=sha256:" in entry, f"no hash: {entry.splitlines()[0]}"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = list(project["project"]["dependencies"]) + list(project["build-system"]["requires"])
    for extra in LOCKS[name]:
        asked += project["project"]["optional-dependencies"][extra]
    pins = _locked(name)
    for wanted in map(Requirement, asked):
        version = pins.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted} is not in requirements/{name}.txt: run `make lock`"
        assert wanted.specifier.contains(version), f"{version} does not fit {wanted}: run `make lock`"


def test_the_development_lock_extends_the_other() -> None:
    run, dev = _locked("run"), _locked("dev")
    assert run.items() <= dev.items()


@pytest.mark.parametrize("folder", ["web", "tests/oidc"])
def test_a_lock_of_npm_pins_by_hash_and_names_no_address(folder: str) -> None:
    """npm leaves the addresses out with `omit-lockfile-registry-resolved`, which .npmrc sets."""
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages
    assert [
        path for path, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")
    ] == []
    assert [path for path, entry in packages.items() if "resolved" in entry] == []


def test_a_wheel_holds_the_built_portal_which_git_ignores(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "requirements").mkdir()
    shutil.copy(ROOT / "requirements" / "run.txt", tmp_path / "requirements")
    web = tmp_path / BUILT_PORTAL.relative_to(ROOT)
    for file in (web / "assets" / "index-1a2b.js", web / "index.html", web.parent / "web.new" / "index.html"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "src" / "outofband" / "__init__.py").touch()
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").iterdir()
    names = zipfile.ZipFile(wheel).namelist()
    assert {"outofband/http/web/index.html", "outofband/http/web/assets/index-1a2b.js"} <= set(names)
    assert not [name for name in names if "web.new" in name]
    assert "outofband/net/run.txt" in names  # what the agent's package names for other Pythons


# --- the prose


def test_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    titles = re.findall(r"^## (.+)$", text, re.M)
    assert titles[0] == "[Unreleased]"
    for title in titles[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", title), title
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
    }  # fmt: skip


def test_decisions_are_numbered_complete_and_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text()
    numbers = [path.name[:4] for path in records]
    # Numbers are given out before records are written: there may be gaps, but no number twice.
    assert len(set(numbers)) == len(numbers)
    for path in records:
        text = path.read_text()
        title = re.match(r"# (\d+)\. (.+)\n", text)
        assert title, f"{path.name}: the title is '# number. decision'"
        assert int(title[1]) == int(path.name[:4])
        assert re.findall(r"^## (.+)$", text, re.M)[:3] == ["Context", "Decision", "Consequences"], path.name
        assert re.search(r"^Status: (accepted|superseded by \d{4})", text, re.M), f"{path.name}: no status"
        assert f"[{title[2]}]({path.name})" in index, f"{path.name} is not in the index under its title"


def test_links_between_documents_lead_somewhere() -> None:
    dead = []
    for name, text in texts().items():
        if not name.endswith(".md"):
            continue
        prose = re.sub(r"```.*?```", "", text, flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            if not (ROOT / name).parent.joinpath(target.split("#")[0]).exists():
                dead.append(f"{name}: {target}")
    assert not dead, "\n".join(dead)


def test_tests_that_documents_name_are_there() -> None:
    """`unit/net/test_x.py::test_y` in a document is its evidence."""
    gone = []
    for name, text in texts().items():
        if not name.endswith(".md"):
            continue
        for path, test in re.findall(
            r"\b((?:unit|property|peers|nodes|web|soak)/[\w/]+\.py)(?:::(\w+))?", text
        ):
            file = ROOT / "tests" / path
            if not file.is_file() or (test and not re.search(rf"def {test}\b", file.read_text())):
                gone.append(f"{name}: {path}::{test}")
    assert not gone, "\n".join(gone)
