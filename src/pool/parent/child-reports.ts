/** What each child says of itself when an operator asks, and what is to be seen of one that says nothing. */
import { type Deferred, deferred } from '../../base/deferred.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { ChildReport } from '../contract.ts';
import type { Child } from './child.ts';

/** Seconds for a child whose event loop turns. */
const PATIENCE = 1;

export class ChildReports {
  readonly #asked = new Map<Child, Deferred<readonly string[]>>();

  heard(child: Child, lines: readonly string[]): void {
    this.#asked.get(child)?.resolve(lines);
  }

  of(children: Iterable<Child>, clock: Clock): Promise<ChildReport[]> {
    return Promise.all(
      [...children].map(async child => {
        const { name, pid } = child;
        return { name, pid, lines: await this.#linesOf(child, clock) };
      }),
    );
  }

  async #linesOf(child: Child, clock: Clock): Promise<readonly string[]> {
    // one that is not ready can only be told to go
    if (!child.wasReady) return ['is starting'];
    return (await this.#ask(child, clock)) ?? (await stackOf(child));
  }

  async #ask(child: Child, clock: Clock): Promise<readonly string[] | undefined> {
    const isFirst = !this.#asked.has(child);
    const answer = this.#asked.get(child) ?? deferred<readonly string[]>();
    this.#asked.set(child, answer);
    if (isFirst) child.tell({ type: 'ping', wantsReport: true });
    const late = deferred<undefined>();
    const timer = clock.after(PATIENCE, () => late.resolve(undefined));
    const gone = child.gone.promise.then(() => ['is gone']);
    try {
      return await Promise.race([answer.promise, gone, late.promise]);
    } finally {
      timer.cancel();
      this.#asked.delete(child);
    }
  }
}

async function stackOf({ carrier }: Child): Promise<readonly string[]> {
  const blocked = 'does not answer: its event loop is blocked';
  if (carrier.stack === undefined) {
    return [`${blocked}. With the setting worker_stack_watch its stack is shown here.`];
  }
  const stack = await carrier.stack();
  if (stack === undefined) return [`${blocked}, and not by JavaScript: by a synchronous call.`];
  return [`${blocked} here:`, ...stack.map(frame => `  ${frame}`)];
}
