import { AssertionError } from 'node:assert/strict';

/**
 * Try `check` again and again until it returns without throwing (and not false), and return
 * what it returned; after `seconds`, enough for a machine that is busy with other tests, the last failure is
 * thrown.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { seconds = 30, everyMs = 20 }: { seconds?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    try {
      const value = await check();
      if (value !== false) return value;
      throw new AssertionError({ message: 'the condition is still false' });
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
