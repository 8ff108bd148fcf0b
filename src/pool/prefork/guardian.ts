/**
 * Kills the children when the parent has been killed. They go by themselves as soon as
 * their event loop hears that the channel is closed, but a task may block it for ever.
 * As they do, it takes along what they have started (`offspring.ts`).
 * A shell, because a watching thread in each child would cost more than the child's share.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Each line is the whole list; the end of input is the end of the parent. */
const SCRIPT = `trap '' HUP INT QUIT TERM
while read -r line; do pids=$line; done
stat_of() {
  stat=
  { read -r stat < /proc/$1/stat; } 2>/dev/null
  set -- \${stat##*) }
  session=$4
}
below() {
  for child in $(cat /proc/$1/task/*/children 2>/dev/null); do
    stat_of $child
    if [ "$session" = "$ours" ]; then echo $child; below $child; fi
  done
}
if [ -n "$pids" ]; then
  stat_of $$
  ours=$session
  kill -9 $(for pid in $pids; do echo $pid; [ -z "$ours" ] || below $pid; done)
fi`;

export class Guardian {
  #process: ChildProcess | undefined;

  start(): void {
    if (process.platform === 'win32') return;
    const guardian = spawn('/bin/sh', ['-c', SCRIPT, 'tscelery-guardian'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {},
      cwd: '/',
    });
    // a system without a shell does without; a guardian that was killed is not missed before
    guardian.on('error', () => {});
    guardian.stdin.on('error', () => {});
    this.#process = guardian;
  }

  guard(pids: readonly number[]): void {
    const input = this.#process?.stdin;
    if (input?.writable) input.write(`${pids.join(' ')}\n`);
  }

  async stop(): Promise<void> {
    const guardian = this.#process;
    this.#process = undefined;
    if (guardian?.pid === undefined || guardian.exitCode !== null) return;
    if (guardian.signalCode !== null) return;
    const exit = once(guardian, 'exit');
    guardian.stdin?.end('\n');
    await exit;
  }
}
