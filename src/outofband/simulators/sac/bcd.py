"""The boot settings that matter on a serial port, and `bcdedit`, which changes them for the next start."""

from __future__ import annotations

import dataclasses

DONE = "The operation completed successfully."
USAGE = 'Run "bcdedit /?" for command line assistance.'
ON = {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}
IDENTIFIERS = ("{current}", "{default}", "{bootmgr}", "{emssettings}", "{dbgsettings}")
MAX_DIGITS = 3


@dataclasses.dataclass
class BootStore:
    """A server of today: EMS on, no menu on the port."""

    ems: bool = True
    ems_port: int = 1
    ems_baud: int = 115200
    debug: bool = False
    display_menu: bool = False
    boot_ems: bool = False
    timeout: int = 30
    advanced_once: bool = False
    """The next start, and only that, shows the advanced options."""

    def bcdedit(self, words: list[str]) -> tuple[str, bool]:
        """Run `bcdedit` with these words; its answer, and whether a setting was written.

        Identifiers are taken for what they are called: there is one loader in here.
        """
        words = [word.strip("'\"") for word in words]
        if words and words[0].lower() == "/store":
            words = words[2:]
        if not words or words[0].lower() in ("/enum", "/v"):
            return self.listing(), False
        verb, rest = words[0].lower(), words[1:]
        target = rest.pop(0).lower() if rest and rest[0].startswith("{") else ""
        if target and target not in IDENTIFIERS:
            return f"The boot entry specified by {target} was not found.\n{USAGE}", False
        if verb == "/set" and rest:
            verb = "/" + rest.pop(0).lower()
        if verb == "/emssettings":
            return self._ems_settings(rest)
        value = rest[0].lower() if len(rest) == 1 else ""
        if verb == "/timeout" and value.isdecimal() and len(value) <= MAX_DIGITS:
            self.timeout = int(value)
            return DONE, True
        names = {
            "/ems": "ems",
            "/debug": "debug",
            "/bootems": "boot_ems",
            "/displaybootmenu": "display_menu",
            "/onetimeadvancedoptions": "advanced_once",
        }
        if verb in names and value in ON:
            setattr(self, names[verb], ON[value])
            return DONE, True
        # In which words real bcdedit refuses each mistake is not rebuilt.
        return (
            f"The parameters that were specified are not valid.\n{USAGE}\nThe parameter is incorrect.",
            False,
        )

    def _ems_settings(self, words: list[str]) -> tuple[str, bool]:
        found: dict[str, int] = {}
        for word in words:
            name, _, value = word.lower().partition(":")
            if name not in ("emsport", "emsbaudrate") or not value.isdecimal() or len(value) > 7:
                return f"The parameter is incorrect.\n{USAGE}", False
            found[name] = int(value)
        if not found:
            return f"The parameter is incorrect.\n{USAGE}", False
        self.ems_port = found.get("emsport", self.ems_port)
        self.ems_baud = found.get("emsbaudrate", self.ems_baud)
        return DONE, True

    @property
    def on_this_port(self) -> bool:
        """EMS is on, and on the port that is simulated."""
        return self.ems and self.ems_port == 1

    def listing(self) -> str:
        """As `bcdedit` without words shows it, the elements that are known here only."""

        def yes(value: bool) -> str:
            return "Yes" if value else "No"

        manager = {
            "identifier": "{bootmgr}",
            "description": "Windows Boot Manager",
            "displaybootmenu": yes(self.display_menu),
            "timeout": str(self.timeout),
            "bootems": yes(self.boot_ems),
        }
        loader = {
            "identifier": "{current}",
            "description": "Windows Server",
            "debug": yes(self.debug),
            "ems": yes(self.ems),
            "onetimeadvancedoptions": yes(self.advanced_once),
        }
        ems = {
            "identifier": "{emssettings}",
            "emsport": str(self.ems_port),
            "emsbaudrate": str(self.ems_baud),
        }
        parts = [("Windows Boot Manager", manager), ("Windows Boot Loader", loader), ("EMS Settings", ems)]
        lines = []
        for title, values in parts:
            lines += ["", title, "-" * len(title), *(f"{name:<24}{value}" for name, value in values.items())]
        return "\n".join(lines)
