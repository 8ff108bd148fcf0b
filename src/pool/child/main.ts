/** A prefork child: started by `child_process.fork`. Imports little: a worker waits for its children. */

import { LedgerFile } from '../ledger.ts';
import { EXIT_ORPHANED, LEDGER_FD } from '../messages.ts';
import { ChildServer } from './server.ts';
import { holdYoungHeap } from './young-heap.ts';

const releaseYoungHeap = holdYoungHeap();
const server = new ChildServer({
  send(batch, sent) {
    // the callback also takes the errors of a channel that closes, which `disconnect` reports
    process.send?.(batch, undefined, undefined, sent);
  },
  ledger: numbers => new LedgerFile(numbers, LEDGER_FD),
  onReady: releaseYoungHeap,
  memory: () => Math.floor(process.memoryUsage.rss() / 1024),
  exit: code => process.exit(code),
  die: () => process.kill(process.pid, 'SIGKILL'),
});

// Ctrl+C reaches the whole process group; the parent decides what becomes of the children
process.on('SIGINT', () => {});
// also when the parent was killed: its messages belong to another worker from now on
process.on('disconnect', () => process.exit(EXIT_ORPHANED));
// a task that calls process.exit must not take the replies of earlier ones along
process.on('exit', () => server.flush());
process.on('message', batch => server.receive(batch));
