/** A process of its own that tells parts of chords. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { BackendOptions } from '../../src/backends/contract.ts';
import type { OtherProcess } from '../contract/chords.contract.ts';
import { TYPESCRIPT } from './typescript.ts';

export function chordTeller(
  t: TestContext,
  url: string,
  options: Partial<BackendOptions> = {},
): OtherProcess {
  const program = new URL('../fixtures/chord-teller.ts', import.meta.url);
  const child = fork(program, [url, JSON.stringify(options)], { execArgv: [...TYPESCRIPT] });
  t.after(() => child.kill('SIGKILL'));
  return {
    tell: (groupId, parts) =>
      new Promise((resolve, reject) => {
        child.once('message', resolve as (message: unknown) => void);
        child.once('exit', reject);
        child.send([groupId, parts] as never);
      }),
    async kill() {
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
