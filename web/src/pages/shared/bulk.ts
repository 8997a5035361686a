/** One action on many machines: at most so many at once, and each one's end told by itself. */

export const AT_ONCE = 16;

export interface Outcome<T> {
  subject: T;
  /** What came back, or what went wrong. */
  error?: unknown;
}

/**
 * Runs `act` for every subject and never rejects: who fails is in the outcome, in the order of the subjects.
 * `onEnd` is called with the number of those that have ended.
 */
export async function onEach<T>(
  subjects: readonly T[],
  act: (subject: T) => Promise<unknown>,
  onEnd: (ended: number) => void = () => undefined,
  atOnce = AT_ONCE,
): Promise<Outcome<T>[]> {
  const outcomes: Outcome<T>[] = subjects.map((subject) => ({ subject }));
  let next = 0;
  let ended = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < outcomes.length; index = next++) {
      const outcome = outcomes[index];
      if (!outcome) return;
      try {
        await act(outcome.subject);
      } catch (error) {
        outcome.error = error;
      }
      onEnd(++ended);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, subjects.length) }, worker));
  return outcomes;
}

export function failures<T>(outcomes: readonly Outcome<T>[]): Outcome<T>[] {
  return outcomes.filter((outcome) => "error" in outcome);
}
