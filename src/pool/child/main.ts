/** A prefork child: started by `child_process.fork`. Imports little: a worker waits for its children. */

import { holdYoungHeap } from '../../base/process/young-heap.ts';
import { LedgerFile } from '../ledger.ts';
import { EXIT_ORPHANED, LEDGER_FD } from '../messages.ts';
import { killOffspring, offspringOf } from '../prefork/offspring.ts';
import { ChildServer } from './server.ts';

// as they were before a task could put others in their place
const send = process.send?.bind(process);
const exit = process.exit.bind(process);
const kill = process.kill.bind(process);
const { pid } = process;

const releaseYoungHeap = holdYoungHeap();
const server = new ChildServer({
  send(batch, sent) {
    // the callback also takes the errors of a channel that closes, which `disconnect` reports
    if (process.listenerCount('message') === 0) listen();
    send?.(batch, undefined, undefined, sent);
  },
  ledger: numbers => new LedgerFile(numbers, LEDGER_FD),
  async prepare({ watchesStack }) {
    if (watchesStack) await (await import('./stack-watch.ts')).startStackWatch();
  },
  onReady: releaseYoungHeap,
  memory: () => Math.floor(process.memoryUsage.rss() / 1024),
  exit,
  die: () => {
    killOffspring(offspringOf(pid, 'offspring'));
    kill(pid, 'SIGKILL');
  },
});

const LISTENERS: Readonly<Record<string, (batch: unknown) => void>> = {
  message: batch => server.receive(batch),
  // also when the parent was killed: its messages belong to another worker from now on
  disconnect: () => {
    killOffspring(offspringOf(pid, 'offspring'));
    exit(EXIT_ORPHANED);
  },
  // a task that calls process.exit must not take the replies of earlier ones along
  exit: () => server.flush(),
  ...ignoredSignals(),
};

/**
 * A terminal, and `kill` of a process group, reach the children too; the parent decides what becomes of
 * them. Without a listener USR1 would open Node's debugger to whoever connects, TTIN stop the process
 * for good, and the others end it.
 */
function ignoredSignals(): Record<string, () => void> {
  const signals = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'];
  return Object.fromEntries(signals.map(signal => [signal, () => {}]));
}

/** A task may have removed them with all others, and with them what keeps the channel open. */
function listen(): void {
  for (const [event, listener] of Object.entries(LISTENERS)) {
    if (!process.listeners(event as 'message').includes(listener as never))
      process.on(event, listener);
  }
  process.channel?.ref();
}

listen();
