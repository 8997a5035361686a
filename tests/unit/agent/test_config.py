"""agent.toml: what it offers, what it forbids, and that a mistake in it is never passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outofband.agent.config import DEFAULT, HostConfig, Image, add_image, config_path, load
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire.machine import Verb


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(Fault) as caught:
        load(path)
    assert caught.value.code == "AgentConfigInvalid"
    assert caught.value.fields["path"] == str(path)
    return str(caught.value.fields["detail"])


def test_first_use_writes_a_commented_file_that_changes_nothing(tmp_path: Path) -> None:
    path = config_path(StateDir(tmp_path / "state"))
    assert load(path) == HostConfig()
    assert path.read_text() == DEFAULT
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_commented_setting_of_the_default_file_is_a_true_setting(tmp_path: Path) -> None:
    """Taking the comment signs off must give a file that loads: the default may not lie about its words."""
    settings = []
    for line in DEFAULT.splitlines():
        bare = line.removeprefix("# ")
        looks_set = " = " in bare or (bare.startswith("[") and bare.endswith("]"))
        settings.append(bare if looks_set else "")
    config = load(write(tmp_path / "agent.toml", "\n".join(settings)))
    assert config.images.keys() == {"rescue", "debian"}
    assert config.programs["shell"].command == ["/bin/login"]
    assert config.sockets["router"].path == "/run/router/console.sock"
    assert config.policy.allow == tuple(Verb)


def test_an_unknown_word_is_an_error(tmp_path: Path) -> None:
    assert "monitr" in refusal(write(tmp_path / "a.toml", "[policy]\nmonitr = true\n"))
    assert "policies" in refusal(write(tmp_path / "b.toml", "[policies]\nmonitor = true\n"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[policy]\nallow = ['vm.start', 'vm.destroy']\n", "vm.destroy"),
        ("[policy]\nmonitor = 'yes'\n", "bool"),
        ("[qemu]\naccelerator = 'xen'\n", "xen"),
        ("[limits]\nring_mib = 0\n", ">= 1"),
        ("[programs.x]\ncommand = []\n", "length >= 1"),
        ("[images.x]\ncmdline = 'quiet'\n", "neither a kernel nor a disk"),
        ("[images.x]\ndisk = 'd.qcow2'\ninitrd = 'i'\n", "no kernel"),
        ("[images.x]\ndisk = 'd.vmdk'\nformat = 'vmdk'\n", "vmdk"),
        ("[images.'../x']\nkernel = 'k'\n", "no usable name"),
        ("[images\n", "line 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_reason(tmp_path: Path, text: str, word: str) -> None:
    assert word in refusal(write(tmp_path / "agent.toml", text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_bytes(b"[images.x]\nkernel = '\xff'\n")
    assert "utf-8" in refusal(path)


def test_a_file_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.mkdir()
    assert refusal(path) == os.strerror(21)


def test_relative_paths_start_in_the_folder_of_the_file(tmp_path: Path) -> None:
    text = "[images.x]\nkernel = '../k'\ndisk = '/srv/d.img'\n[sockets.s]\npath = 'run/s'\n"
    config = load(write(tmp_path / "agent.toml", text))
    assert config.images["x"].kernel == str(tmp_path / "../k")
    assert config.images["x"].disk == "/srv/d.img"
    assert config.sockets["s"].path == str(tmp_path / "run/s")


def test_a_name_the_host_does_not_have_is_answered_with_those_it_has(tmp_path: Path) -> None:
    text = "[images.b]\nkernel = '/k'\n[images.a]\nkernel = '/k'\n"
    config = load(write(tmp_path / "agent.toml", text))
    with pytest.raises(Fault) as caught:
        config.image("/etc/shadow", "host1")
    fields = {"host": "host1", "kind": "image", "name": "/etc/shadow", "known": "a, b"}
    assert (caught.value.code, caught.value.fields) == ("ImageNotFound", fields)
    with pytest.raises(Fault, match="ImageNotFound"):
        config.program("sh", "host1")
    with pytest.raises(Fault, match="ImageNotFound"):
        config.socket(None, "host1")


def test_policy_lists_what_is_allowed_and_monitor_mode_takes_more_away(tmp_path: Path) -> None:
    few = load(write(tmp_path / "few.toml", "[policy]\nallow = ['vm.start', 'vm.nmi']\n"))
    assert [verb for verb in Verb if few.allows(verb)] == [Verb.START, Verb.NMI]
    watch = load(write(tmp_path / "watch.toml", "[policy]\nmonitor = true\n"))
    reaching = {Verb.NMI, Verb.SYSRQ, Verb.CTRL_ALT_DEL}
    reaching |= {Verb.RUN, Verb.RUN_CANCEL, Verb.SET_PASSWORD}
    assert {verb for verb in Verb if not watch.allows(verb)} == reaching


def test_an_image_is_added_once_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    image = Image(kernel='/srv/"é"\\k', initrd="/srv/i", cmdline="console=ttyS0")
    assert add_image(path, "demo", image)
    assert path.read_text().startswith(DEFAULT.rstrip("\n"))
    assert load(path).images == {"demo": image}
    before = path.read_bytes()
    assert not add_image(path, "demo", Image(kernel="/other"))
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_image_is_not_added_to_a_broken_file_nor_under_a_wild_name(tmp_path: Path) -> None:
    broken = write(tmp_path / "broken.toml", "[polic\n")
    with pytest.raises(Fault, match="AgentConfigInvalid"):
        add_image(broken, "demo", Image(kernel="/k"))
    assert broken.read_text() == "[polic\n"
    with pytest.raises(Fault, match="AgentConfigInvalid"):
        add_image(tmp_path / "agent.toml", 'x"]\n[policy', Image(kernel="/k"))
