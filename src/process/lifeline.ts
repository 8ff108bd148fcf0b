import { Socket } from 'node:net';
import { startedBy } from './started-by.ts';

/** Where a process that runs in another's place holds the line to it. */
export const LIFELINE = 3;

/**
 * Ends this process as KILL does when the process is gone in whose place it runs: others know only that
 * one's id, and whoever killed it, or saw it die, starts a new one. Its children notice by themselves.
 */
export function endWithStarter(): void {
  if (startedBy?.lifeline === undefined) return;
  const line = new Socket({ fd: startedBy.lifeline, readable: true, writable: false });
  line.on('error', () => {}); // is followed by close
  line.once('close', () => process.kill(process.pid, 'SIGKILL'));
  line.resume();
  line.unref();
}
