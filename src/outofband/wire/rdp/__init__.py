"""Remote Desktop as far as a probe needs it, without IO: frames, negotiation, CredSSP, licence, error info.

`x224` opens a connection and says which security it is to have, `credssp` signs in on top of TLS, `mcs` goes
on to where a server tells of its licence and why it ends a session, `licensing` asks for a licence, `errors`
names the numbers, `probe` walks through all of it and keeps what was seen, `verdict` says what that means.

Sources: [MS-RDPBCGR], [MS-CSSP], [MS-NLMP], [MS-RDPELE], ITU-T T.123, X.224, T.125.
"""
