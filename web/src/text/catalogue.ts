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
