/**
 * Seconds that only grow, the time the computer slept included: keys typed before it slept are old when it wakes, and
 * some browsers' monotonic clock stands still meanwhile.
 */
export type Clock = () => number;

export function createClock(
  monotonic: () => number = () => performance.now(),
  wall: () => number = () => Date.now(),
): Clock {
  let seconds = 0;
  let before = { monotonic: monotonic(), wall: wall() };
  return () => {
    const now = { monotonic: monotonic(), wall: wall() };
    seconds += Math.max(now.monotonic - before.monotonic, now.wall - before.wall, 0) / 1000;
    before = now;
    return seconds;
  };
}
