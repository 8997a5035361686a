"""A service of the guest that does not serve: stopped, masked, at another port, with an ended certificate; or
another one in its place.
"""

from __future__ import annotations

from outofband.wire.remote import Protocol
from tests.lab.fault import Answers, Fault, guest, warned

END = "20200101000000Z"
CERTIFICATE = f"""
cd /etc/xrdp && rm -f cert.pem key.pem
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=tgt01 -days 1 -keyout key.pem -out own.pem 2>/dev/null
mkdir -p /tmp/ca && cd /tmp/ca && : >index && echo 01 >serial
printf '%s\\n' '[ca]' default_ca=d '[d]' database=index serial=serial new_certs_dir=. default_md=sha256 \\
    policy=p '[p]' commonName=supplied >c
openssl req -new -key /etc/xrdp/key.pem -subj /CN=tgt01 -out r.pem
openssl ca -batch -selfsign -config c -keyfile /etc/xrdp/key.pem -in r.pem -out /etc/xrdp/cert.pem -notext \\
    -startdate 20190101000000Z -enddate {END} 2>/dev/null
chown xrdp /etc/xrdp/key.pem && chmod 600 /etc/xrdp/key.pem
systemctl restart xrdp
"""
REDIRECT = """
nft add table ip lab
nft add chain ip lab in '{ type nat hook prerouting priority dstnat; }'
nft add rule ip lab in tcp dport 3389 redirect to :22
"""
HOLDER = """
systemctl stop xrdp
cat >/run/holder.pl <<'END'
use IO::Socket::INET;
my $held = IO::Socket::INET->new(LocalPort => 3389, Listen => 9, ReuseAddr => 1) or die;
1 while $held->accept;
END
systemd-run --quiet --unit holder perl /run/holder.pl
for second in 1 2 3 4 5 6 7 8 9; do ss -Hltn | grep -q ':3389 ' && exit; sleep 1; done
exit 1
"""


def stopped(protocol: Protocol, unit: str) -> Fault:
    return Fault(
        name=f"{unit} stopped",
        protocol=protocol,
        inject=guest(f"systemctl stop {unit}"),
        causes=frozenset({"GuestServiceStopped"}),
    )


def masked(protocol: Protocol, unit: str) -> Fault:
    return Fault(
        name=f"{unit} masked",
        protocol=protocol,
        inject=guest(f"systemctl mask --now {unit}"),
        causes=frozenset({"GuestServiceMasked"}),
    )


FAULTS = [
    stopped(Protocol.SSH, "ssh"),
    stopped(Protocol.RDP, "xrdp"),
    masked(Protocol.SSH, "ssh"),
    masked(Protocol.RDP, "xrdp"),
    Fault(
        name="ssh at another port",
        protocol=Protocol.SSH,
        inject=guest("sed -i 's/^#*Port .*/Port 2022/' /etc/ssh/sshd_config; systemctl restart ssh"),
        causes=frozenset({"GuestPortChanged"}),
    ),
    Fault(
        name="xrdp at another port",
        inject=guest("sed -i '0,/^port=/s/^port=.*/port=3390/' /etc/xrdp/xrdp.ini; systemctl restart xrdp"),
        causes=frozenset({"GuestPortChanged"}),
    ),
    # xrdp is well and listens, and SSH gets what is meant for it. No step takes a redirect away.
    Fault(
        name="another server at the port",
        inject=guest(REDIRECT),
        causes=frozenset({"RdpNotSpoken"}),
        mendable=False,
        answers=Answers(yes=False),
    ),
    Fault(
        name="port of xrdp held by another program",
        inject=guest(HOLDER),
        causes=frozenset({"GuestPortTaken"}),
        mendable=False,
        answers=Answers(yes=False),
    ),
    # Somebody gets in past a warning, so a rescue ends at once; its remedy is the step alone.
    Fault(
        name="xrdp certificate ended",
        inject=guest(CERTIFICATE),
        causes=frozenset({"GuestCertificateEnded"}),
        broken=warned("RdpCertificateEnded"),
        warns=True,
        step=1,
    ),
]
