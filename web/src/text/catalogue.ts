/** How messages are written and filled in: `{name}` is replaced, a message with plural forms is chosen by `count`. */

export type Plural = { readonly one?: string; readonly other: string };
export type Message = string | Plural;
export type Messages = { readonly [key: string]: Message };

type Names<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Forms<M> = M extends string ? M : M extends Plural ? (M["one"] & string) | M["other"] : never;

/** The values that a message has to be given: its placeholders, and `count` when it has plural forms. */
export type ValuesOf<M> = M extends string
  ? { [N in Names<M>]: string | number }
  : { [N in Names<Forms<M>> | "count"]: N extends "count" ? number : string | number };

/** Arguments after the key: none when the message has no placeholder. */
export type Arguments<M> = keyof ValuesOf<M> extends never ? [] : [values: ValuesOf<M>];

/** Placeholders without `count`, which stands for itself: "none" of something is said without it. */
type Places<M> = Exclude<Names<Forms<M>>, "count">;

/** `T` when it has the placeholders of `E`, all of them and no other; else what is wrong, where the compiler tells it. */
type Fitting<E, T> = [Exclude<Places<T>, Places<E>>] extends [never]
  ? [Exclude<Places<E>, Places<T>>] extends [never]
    ? T
    : `{${Exclude<Places<E>, Places<T>>}} is missing`
  : `{${Exclude<Places<T>, Places<E>>}} is not in the English text`;

/**
 * An area in another language: `inWordsOf<typeof english>()({...})`. The compiler names the key that is missing, or that
 * English does not have, and the text whose placeholders differ from the English one's.
 */
export function inWordsOf<E extends Messages>() {
  return <const T extends Messages>(
    words: T & { readonly [K in keyof T]: K extends keyof E ? Fitting<E[K], T[K]> : never } & {
      readonly [K in Exclude<keyof E, keyof T>]: Message;
    },
  ): T => words;
}

const PLACEHOLDER = /\{(\w+)\}/g;

/** `locale` chooses plural forms and how numbers are written. An unknown placeholder stays as it is, to be seen. */
export function fill(
  message: Message,
  values: Readonly<Record<string, string | number>>,
  locale: string,
): string {
  return form(message, values, locale).replace(PLACEHOLDER, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(locale).format(value) : value;
  });
}

function form(message: Message, values: Readonly<Record<string, string | number>>, locale: string): string {
  if (typeof message === "string") return message;
  const rule = new Intl.PluralRules(locale).select(Number(values["count"]));
  return (rule === "one" ? message.one : undefined) ?? message.other;
}
