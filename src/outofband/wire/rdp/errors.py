"""Names of the numbers with which a server says why: CredSSP's status, a licence's error, a session's end.

NTSTATUS from [MS-ERREF] 2.3, licence errors from [MS-RDPBCGR] 2.2.1.12.1.3, error info from 2.2.5.1.1.
"""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """NTSTATUS and SSPI codes, as unsigned 32 bits."""

    NO_SUCH_USER = 0xC0000064
    WRONG_PASSWORD = 0xC000006A
    LOGON_FAILURE = 0xC000006D
    ACCOUNT_RESTRICTION = 0xC000006E
    INVALID_LOGON_HOURS = 0xC000006F
    INVALID_WORKSTATION = 0xC0000070
    PASSWORD_EXPIRED = 0xC0000071
    ACCOUNT_DISABLED = 0xC0000072
    NO_LOGON_SERVERS = 0xC000005E
    LOGON_TYPE_NOT_GRANTED = 0xC000015B
    NO_TRUST_SAM_ACCOUNT = 0xC000018B
    TRUSTED_RELATIONSHIP_FAILURE = 0xC000018D
    ACCOUNT_EXPIRED = 0xC0000193
    PASSWORD_MUST_CHANGE = 0xC0000224
    ACCOUNT_LOCKED_OUT = 0xC0000234
    SEC_E_TARGET_UNKNOWN = 0x80090303
    SEC_E_INTERNAL_ERROR = 0x80090304
    SEC_E_LOGON_DENIED = 0x8009030C
    SEC_E_MESSAGE_ALTERED = 0x8009030F
    SEC_E_NO_AUTHENTICATING_AUTHORITY = 0x80090311
    SEC_E_UNSUPPORTED_FUNCTION = 0x80090302
    SEC_E_ALGORITHM_MISMATCH = 0x80090331
    SEC_E_DELEGATION_POLICY = 0x8009035E


WRONG_CREDENTIALS = frozenset(
    {Status.NO_SUCH_USER, Status.WRONG_PASSWORD, Status.LOGON_FAILURE, Status.SEC_E_LOGON_DENIED}
    | {Status.SEC_E_MESSAGE_ALTERED}
)
"""The user or the password is not what the server knows. A server does not say which of the two."""
REFUSED_ACCOUNT = frozenset(
    {
        Status.ACCOUNT_RESTRICTION,
        Status.INVALID_LOGON_HOURS,
        Status.INVALID_WORKSTATION,
        Status.ACCOUNT_DISABLED,
        Status.ACCOUNT_EXPIRED,
        Status.ACCOUNT_LOCKED_OUT,
        Status.LOGON_TYPE_NOT_GRANTED,
    }
)
"""The account is known, and may not sign in: now, here, or at all."""
OLD_PASSWORD = frozenset({Status.PASSWORD_EXPIRED, Status.PASSWORD_MUST_CHANGE})
NO_AUTHORITY = frozenset(
    {
        Status.NO_LOGON_SERVERS,
        Status.NO_TRUST_SAM_ACCOUNT,
        Status.TRUSTED_RELATIONSHIP_FAILURE,
        Status.SEC_E_TARGET_UNKNOWN,
        Status.SEC_E_INTERNAL_ERROR,
        Status.SEC_E_NO_AUTHENTICATING_AUTHORITY,
    }
)
"""The server cannot ask whoever knows the account: the Local Security Authority cannot be contacted."""


class Licence(enum.IntEnum):
    """dwErrorCode of a licence's ERROR_ALERT; VALID_CLIENT is how a server says that all is well."""

    INVALID_SERVER_CERTIFICATE = 1
    NO_LICENSE = 2
    INVALID_MAC = 3
    INVALID_SCOPE = 4
    NO_LICENSE_SERVER = 6
    VALID_CLIENT = 7
    INVALID_CLIENT = 8
    INVALID_PRODUCT_ID = 11
    INVALID_MESSAGE_LENGTH = 12


class Info(enum.IntEnum):
    """errorInfo of a Set Error Info PDU: why a session ends."""

    ADMIN_DISCONNECT = 0x1
    ADMIN_LOGOFF = 0x2
    IDLE_TIMEOUT = 0x3
    LOGON_TIMEOUT = 0x4
    REPLACED = 0x5
    OUT_OF_MEMORY = 0x6
    DENIED = 0x7
    DENIED_FIPS = 0x8
    INSUFFICIENT_PRIVILEGES = 0x9
    FRESH_CREDENTIALS_REQUIRED = 0xA
    USER_DISCONNECT = 0xB
    USER_LOGOFF = 0xC
    WINLOGON_FAILURE = 0x17
    CSRSS_FAILURE = 0x18
    SHUTDOWN = 0x19
    REBOOT = 0x1A
    LICENSE_INTERNAL = 0x100
    LICENSE_NO_LICENSE_SERVER = 0x101
    LICENSE_NO_LICENSE = 0x102
    LICENSE_BAD_MESSAGE = 0x103
    LICENSE_HARDWARE_ID = 0x104
    LICENSE_BAD_LICENSE = 0x105
    LICENSE_CANNOT_FINISH = 0x106
    LICENSE_CLIENT_ENDED = 0x107
    LICENSE_ENCRYPTION = 0x108
    LICENSE_CANNOT_UPGRADE = 0x109
    LICENSE_NO_REMOTE_CONNECTIONS = 0x10A


LICENCE_INFO = range(0x100, 0x10B)
"""Ends of a session that are the licence's."""
REFUSED_INFO = frozenset({Info.DENIED, Info.DENIED_FIPS, Info.INSUFFICIENT_PRIVILEGES})
EARLY_DENIED = 5
"""Early User Authorization Result of somebody who may not sign in by Remote Desktop."""


def named(kind: type[enum.IntEnum], value: int) -> str:
    """The name of a number as its document spells it, else the number in hex."""
    try:
        return kind(value).name
    except ValueError:
        return f"0x{value:08x}"
