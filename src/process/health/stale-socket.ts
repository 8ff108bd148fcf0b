import { lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';

/** Milliseconds for somebody who listens to be connected to. */
const PATIENCE_MS = 1000;

/**
 * Removes a unix socket that nobody listens on any more, as a process that was killed leaves it.
 * What somebody listens on, and what is no socket, stays: to listen there fails.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() && !(await isListenedOn(path))) await rm(path, { force: true });
}

/** Somebody whose line of callers is full, or who takes long, is there. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    const patience = setTimeout(() => end(true), PATIENCE_MS);
    const end = (answer: boolean) => {
      clearTimeout(patience);
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code !== 'ECONNREFUSED'));
  });
}
