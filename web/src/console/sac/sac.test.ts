import { expect, test } from "vitest";
import { ChannelReader, NONE } from "./channels";
import { COMMANDS, showChannel, toPrompt, typedFor } from "./commands";

const CREATED =
  'SAC>\r\nEVENT:   A new channel has been created.  Use "ch -?" for channel help.\r\nChannel: ';
const LIST =
  '\r\nChannel List\r\n\r\n(Use "ch -?" for information on using channels)\r\n\r\n# Status  Channel Name\r\n';
const PAGE = "\x1b[2J\x1b[HName:                  Cmd0001\r\nDescription:           Command\r\n";
const PROMPT = "\r\nC:\\Windows\\system32>";
const LOGIN = "Please enter login credentials.\r\nUsername: ";

function read(...printed: string[]) {
  const reader = new ChannelReader();
  for (const text of printed) for (const letter of text) reader.feed(letter);
  return reader.now;
}

test("a list and what is made and closed since, in any cut", () => {
  const list = `${LIST}0 (AV)    SAC\r\n1 (AV)    Cmd0001\r\nSAC>`;
  expect(read("SAC>ch", list)).toEqual({
    list: [
      { number: 0, name: "SAC" },
      { number: 1, name: "Cmd0001" },
    ],
    current: "SAC",
    loggedOut: false,
  });
  expect(read("SAC>cmd\r\n", CREATED, "Cmd0001\r\nSAC>", CREATED, "Cmd0002\r\n").list).toEqual([
    { number: 0, name: "SAC" },
    { number: 1, name: "Cmd0001" },
    { number: 2, name: "Cmd0002" },
  ]);
  const closed = "SAC>ch -ci 1\r\nEVENT:   A channel has been closed.\r\nChannel: Cmd0001\r\nSAC>";
  expect(read(list, closed).list).toEqual(NONE.list);
});

test("a login asked for again is a log-out, the first one is not", () => {
  expect(read(PAGE, LOGIN).loggedOut).toBe(false);
  expect(read(PAGE, LOGIN).current).toBe("Cmd0001");
  const out = [PAGE, LOGIN, PROMPT, `\r\n${LOGIN}`];
  expect(read(...out).loggedOut).toBe(true);
  expect(read(...out, PROMPT).loggedOut).toBe(false);
  expect(read(...out, "\x1b[2J\x1b[HSAC>").loggedOut).toBe(false);
  // Drawn again, with the old log-out still on it.
  const drawn = [...out, PROMPT, "\x1b[2J\x1b[HSAC>", ...out, PROMPT];
  expect(read(...drawn).loggedOut).toBe(false);
});

test("commands are entered, but not those that want arguments or cannot be taken back", () => {
  const typed = Object.fromEntries(COMMANDS.map((each) => [each.text, typedFor(each)]));
  expect(typed).toMatchObject({ sac_ch: "ch\r", sac_k: "k ", sac_iSet: "i ", sac_restart: "restart" });
  expect(toPrompt(2) + showChannel(3)).toBe("\b\bch -si 3\r ");
  expect(toPrompt(null) + showChannel(0)).toBe("\x1b\t0");
});
