"""What Windows prints, from public descriptions. Lines whose wording is our guess stand under GUESSES."""

from __future__ import annotations

PROMPT = "SAC>"
FAILED_PROMPT = "!SAC>"
BANNER = (
    "\nComputer is booting, SAC started and initialized.\n\n"
    'Use the "ch -?" command for information about using channels.\n'
    'Use the "?" command for general help.\n\n\n'
)
CMD_AVAILABLE = "EVENT: The CMD command is now available."
HELP = """\
ch         Channel management commands.  Use ch -? for more help.
cmd        Create a Command Prompt channel.
d          Dump the current kernel log.
f          Toggle detailed or abbreviated tlist info.
? or help  Display this list.
i          List all IP network numbers and their IP addresses.
i <#> <ip> <subnet> <gateway> Set IPv4 addr., subnet and gateway.
id         Display the computer identification information.
k <pid>    Kill the given process.
l <pid>    Lower the priority of a process to the lowest possible.
lock       Lock access to Command Prompt channels.
m <pid> <MB-allow> Limit the memory usage of a process to <MB-allow>.
p          Toggle paging the display.
r <pid>    Raise the priority of a process by one.
s          Display the current time and date (24 hour clock used).
s mm/dd/yyyy hh:mm Set the current time and date (24 hour clock used).
t          Tlist.
restart    Restart the system immediately.
shutdown   Shutdown the system immediately.
crashdump  Crash the system. You must have crash dump enabled.
"""
CHANNEL_HELP = """\
Channel management commands:
ch         List all channels.
ch -?      Display this help.
ch -si <#> Switch to a channel by its number.
ch -sn <name> Switch to a channel by its name.
ch -ci <#> Close a channel by its number.
ch -cn <name> Close a channel by its name.

Press <esc><tab> to select the next channel.
Press <esc><tab>0 to return to the SAC channel.
"""
CHANNEL_LIST = """\
Channel List

(Use "ch -?" for information on using channels)

# Status  Channel Name
"""
CMD_LAUNCHED = "The Command Prompt session was successfully launched."
CHANNEL_CREATED = 'EVENT:   A new channel has been created.  Use "ch -?" for channel help.\nChannel: {name}'
CHANNEL_PAGE = """\
Name:                  {name}
Description:           {description}
Type:                  {type}
Channel GUID:          {guid}
Application Type GUID: {application}

Press <esc><tab> for next channel.
Press <esc><tab>0 to return to the SAC channel.
Use any other key to view this channel.
"""
LOGIN = "Please enter login credentials."
USERNAME, DOMAIN, PASSWORD = "Username: ", "Domain  : ", "Password: "
STOP = (
    "\n*** STOP: 0x{code:08X} (0x0000000000000000,0x0000000000000000,0x0000000000000000,0x0000000000000000)\n"
)

# --- GUESSES: that something is said is known or sure, its words are ours ---

UNKNOWN = 'The command was not recognized.  Use "?" for general help.'
NO_CHANNEL = "No channel was found with that name or number."
CHANNEL_CLOSED = "EVENT:   A channel has been closed.\nChannel: {name}"
SAC_STAYS = "The SAC channel cannot be closed."
TOO_MANY = "No more Command Prompt channels can be created."
CMD_NOT_YET = "The Command Prompt is not available yet."
LOCKED = "All Command Prompt channels are locked."
NO_PROCESS = "There is no process with that id."
NO_NETWORK = "There is no network interface with that number."
BAD_FORM = 'The form of the command is not right.  Use "?" for general help.'
LOGIN_FAILED = "The logon attempt failed."
TIMED_OUT = "The session was logged out: nobody typed for {seconds:.0f} seconds."
RESTARTING = "The system is going to restart."
STOPPING = "The system is going to shut down."
CRASHING = "The system is going to crash."
FAILED_HELP = """\
?          Display this list.
d          Display all log entries.
id         Display the computer identification information.
q          Quit: show nothing more.
restart    Restart the system immediately.
shutdown   Shut the system down immediately.
"""

# --- the boot manager ---

MENU = """\
                            Windows Boot Manager

Choose an operating system to start, or press TAB to select a tool:
(Use the arrow keys to highlight your choice, then press ENTER.)

  > {title}

To specify an advanced option for this choice, press F8.
Seconds until the highlighted choice will be started automatically: {seconds}

Tools:

    Windows Memory Diagnostic

ENTER=Choose                  TAB=Menu                     ESC=Cancel
"""
ADVANCED = """\
                          Advanced Boot Options

Choose Advanced Options for: {title}
(Use the arrow keys to highlight your choice.)

"""
ADVANCED_CHOICES = (
    "Safe Mode",
    "Safe Mode with Networking",
    "Safe Mode with Command Prompt",
    "Enable Boot Logging",
    "Enable low-resolution video",
    "Last Known Good Configuration (advanced)",
    "Debugging Mode",
    "Disable automatic restart on system failure",
    "Disable Driver Signature Enforcement",
    "Disable Early Launch Anti-Malware Driver",
    "Start Windows Normally",
)
CLEAR = "\x1b[2J\x1b[H"


def wire(text: str) -> bytes:
    """As it goes over the line."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8", "replace")
