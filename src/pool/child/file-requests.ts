/** Waits for what a thread must not leave behind. */
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;
/** A file of a pipe, or on a dead network drive, may never be read. */
const PATIENCE_MS = 5000;

/**
 * Resolves when no file is being opened or read in this thread; at once when there is none. When
 * one module cannot be loaded, hundreds of others are still on their way, and the files that are
 * open when a thread ends stay open in the process: a few threads that could not start for want of
 * files would leave none to anybody.
 */
export async function fileRequestsEnd(): Promise<void> {
  for (let left = PATIENCE_MS; left > 0 && hasFileRequests(); left -= POLL_MS) await sleep(POLL_MS);
}

function hasFileRequests(): boolean {
  return process.getActiveResourcesInfo().some(name => /^(?:FSReq|FileHandleCloseReq)/i.test(name));
}
