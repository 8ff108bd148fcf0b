/** A child of the `threads` pool, without what has to be there when it cannot be loaded. */

import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { guardNativeCalls } from '../../base/native-calls.ts';
import { LedgerBuffer } from '../ledger.ts';
import type { ThreadData } from '../threads/launcher.ts';
import { fileRequestsEnd } from './file-requests.ts';
import { ChildServer } from './server.ts';

const port = parentPort!;
// as it was before a task could put another in its place
const postMessage = port.postMessage.bind(port);
const { ledger, guard } = workerData as ThreadData;
guardNativeCalls(guard);

const server = new ChildServer({
  send(batch, sent) {
    postMessage(batch);
    sent();
  },
  ledger: () => new LedgerBuffer(ledger),
  memory: heapOfThisThread,
  onBroken: fileRequestsEnd,
  exit: code => process.exit(code),
  die: () => process.exit(1),
});

/** KiB; resident memory is that of all threads together. */
function heapOfThisThread(): number {
  const { total_heap_size, external_memory } = getHeapStatistics();
  return Math.floor((total_heap_size + external_memory) / 1024);
}

// a task that calls process.exit must not take the replies of earlier ones along
process.on('exit', () => server.flush());
port.on('message', batch => server.receive(batch));
