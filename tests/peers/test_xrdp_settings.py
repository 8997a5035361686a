"""What the step reads in xrdp.ini, held to what a real xrdp makes of the same file."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from outofband.net.remote.look import look
from outofband.wire.remote import Protocol
from outofband.wire.steps.linux_xrdp import XRDP
from tests.peers import remote_servers as servers

TLS = "security_layer=tls"
GOOD = "ssl_protocols=TLSv1.2, TLSv1.3"
# Lines of [Globals]; whether a client gets in; what is told as the fault, and the security layer.
SETTINGS = [
    (("security_layer=negotiate", GOOD), True, "", "negotiate"),
    (("security_layer=rdp", GOOD), True, "", "rdp"),
    (("Security_Layer = TLS", GOOD), True, "", "tls"),
    (("security_layer=Hybrid", GOOD), True, "", "hybrid"),
    (("security_layer=none", GOOD), True, "", "none"),
    (("security_layer=tls ; the safe one", GOOD), True, "", "tls"),
    (("security_layer=rdp # old", "security_layer=tls", GOOD), True, "", "tls"),
    (("security_layer=$NOWHERE", GOOD), True, "", ""),
    ((GOOD,), True, "", "rdp"),
    ((TLS,), True, "", "tls"),
    ((TLS, "ssl_protocols=TLSv1.1 , TLSv1.2"), True, "", "tls"),
    ((TLS, "ssl_protocols=TLSv9"), False, "ssl_protocols=TLSv9", "tls"),
    (("security_layer=none", "ssl_protocols=TLSv9"), False, "ssl_protocols=TLSv9", "none"),
    ((TLS, "ssl_protocols=tlsv1.2"), False, "ssl_protocols=tlsv1.2", "tls"),
    ((TLS, "ssl_protocols="), False, "ssl_protocols=", "tls"),
    (("security_layer=RDP", "ssl_protocols=TLSv9"), True, "", "rdp"),
    (("ssl_protocols=TLSv9",), True, "", "rdp"),
    ((TLS, GOOD, "tls_ciphers=HIGH"), True, "", "tls"),
    ((TLS, GOOD, "tls_ciphers=nonsense"), False, "tls_ciphers=nonsense", "tls"),
    ((TLS, GOOD, "[Other]", "ssl_protocols=TLSv9", "security_layer=rdp"), True, "", "tls"),
]


@pytest.mark.parametrize(("lines", "works", "fault", "layer"), SETTINGS)
def test_both_read_the_same(
    tmp_path: Path, lines: tuple[str, ...], works: bool, fault: str, layer: str
) -> None:
    port = servers.free_port()
    cert, key = servers.certificate(tmp_path)
    ini = tmp_path / "xrdp.ini"
    own = (f"port=tcp://127.0.0.1:{port}", f"certificate={cert}", f"key_file={key}")
    after = ("[Logging]", f"LogFile={tmp_path}/xrdp.txt", "LogLevel=INFO", "[Xorg]", "lib=libxup.so")
    ini.write_text("\n".join(("[Globals]", *own, *lines, *after)) + "\n")
    assert read(ini, "xrdp_fault") == fault
    assert read(ini, "xrdp_layer") == layer
    assert read(ini, "xrdp_says port").endswith(f":{port}")
    with servers.running(["xrdp", "-n", "-c", str(ini)], tmp_path, port):
        seen = asyncio.run(look("127.0.0.1", Protocol.RDP, port=port))
    assert seen.works is works, seen.problem
    assert ("RdpWeakSecurity" in {each.code for each in seen.warnings}) is (layer == "rdp")
    if not works:
        assert seen.problem is not None and seen.problem.code == "RdpTlsFailed"


def test_a_certificate_that_is_no_whole_path_is_the_usual_one(tmp_path: Path) -> None:
    ini = tmp_path / "xrdp.ini"
    for said, used in (("certificate=", "/etc/xrdp/cert.pem"), ("certificate=a.pem", "/etc/xrdp/cert.pem")):
        ini.write_text(f"[globals]\n{said}\n")
        assert read(ini, "xrdp_certificate") == used
    ini.write_text("[Globals]\ncertificate = /srv/a.pem # ours\n")
    assert read(ini, "xrdp_certificate") == "/srv/a.pem"
    assert read(ini, "xrdp_key") == "/etc/xrdp/key.pem"


def read(ini: Path, function: str) -> str:
    has = 'has() { command -v "$1" >/dev/null 2>&1; }\n'
    script = f"{has}{XRDP}\nxrdp_ini={ini}\n{function} || :\n"
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.rstrip(
        "\n"
    )
