/** How long to wait before trying again: exponential with jitter, the port of net/backoff.py. Seconds. */

export class Backoff {
  readonly #first: number;
  readonly #limit: number;
  readonly #random: () => number;
  #attempt = 0;

  constructor({ first = 0.25, limit = 30, random = Math.random } = {}) {
    this.#first = first;
    this.#limit = limit;
    this.#random = random;
  }

  /** The wait before the coming attempt; never less than half of what it may be, so that a crowd does not flood. */
  next(): number {
    const ceiling = Math.min(this.#limit, this.#first * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 32);
    return ceiling * (0.5 + this.#random() / 2);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
