import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './measure.ts';

/**
 * Asks again and again until the answer is true.
 *
 * @throws Error saying that there was no `what` within the seconds
 */
export async function until(
  what: string,
  check: () => Promise<boolean>,
  { seconds = 10, everyMs = 20 } = {},
): Promise<void> {
  const deadline = now() + seconds;
  while (!(await check())) {
    if (now() > deadline) throw new Error(`no ${what} within ${seconds} s`);
    await sleep(everyMs);
  }
}
