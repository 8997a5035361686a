import type { Messages } from "../catalogue";

export const policy = {
  subtitle: "What it takes to sign in, for everybody of this control plane.",
  mfa: "Second factor",
  on: "Required of everybody",
  off: "Not required: who has set one up is asked for it, who has none is not",
  start: "Require it",
  stop: "Do not require it any more",
  about:
    "An app or a passkey beside the password, for the portal, az, oob and open consoles. Programs with a secret or a certificate are not asked.",
  changed: "Changed {when} by {name}.",

  without: "Who has none yet",
  withoutNone: {
    one: "The one person who may sign in has one.",
    other: "All {count} people who may sign in have one.",
  },
  withoutSome: {
    one: "{count} of {people} people who may sign in has no second factor.",
    other: "{count} of {people} people who may sign in have no second factor.",
  },
  withoutMore: { one: "and {count} more", other: "and {count} more" },

  startTitle: "Require a second factor of everybody?",
  startButton: "Require it",
  lossNobody: {
    one: "The one person who may sign in has one already.",
    other: "All {count} people have one already.",
  },
  lossPeople: {
    one: "{count} of {people} people has none, and goes no further than setting one up at the next sign-in.",
    other: "{count} of {people} people have none, and go no further than setting one up at the next sign-in.",
  },
  lossNames: "They are: {names}.",
  lossSessions: {
    one: "{count} sign-in goes on without one: it is asked at its next request, and its open consoles end at once.",
    other:
      "{count} sign-ins go on without one: they are asked at their next request, and their open consoles end at once.",
  },
  lossUnknown: "Who has none, and how many sign-ins go on without one, is not known at the moment.",
  lossLed: "Nobody is locked out for good: the password, then the page, lead through setting one up.",
  lossYou: "You have none yourself: you are asked to set one up now, before anything else.",
  stopTitle: "Do not require a second factor any more?",
  stopButton: "Do not require it",
  stopLoss1: "Whoever has none signs in with the password alone.",
  stopLoss2: "Who has one is still asked for it.",
  noticeOn: "Require a second factor",
  noticeOff: "Do not require a second factor",
} as const satisfies Messages;
