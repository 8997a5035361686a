import { expect, it } from "vitest";
import { initialsOf } from "./Initials";

it.each([
  ["Ada Augusta King", "AK"],
  ["admin", "A"],
  ["eve.example@outofband.local", "EL"],
  ["  ", "?"],
  ["Élodie 😀", "É😀"],
])("the initials of '%s' are %s", (name, expected) => {
  expect(initialsOf(name)).toBe(expected);
});
