import { Worker, type WorkerOptions } from 'node:worker_threads';
import { endOutsideNativeCalls, newGuard } from '../../base/native-calls.ts';
import { ownModule } from '../../base/packages/own-modules.ts';
import type {
  Carrier,
  CarrierEvents,
  CarrierExit,
  Launcher,
  Parcel,
  ParcelEvents,
} from '../carrier.ts';
import { LedgerBuffer } from '../ledger.ts';
import type { Batch, FromChild, PartMessage, ToChild } from '../messages.ts';
import { isBatch, openBatch } from '../messages.ts';
import type { PoolOptions } from '../options.ts';
import { stackOfThread } from '../stacks/stack-of-thread.ts';

/** Sources have another extension than what is built of them: `.ts` under tsx, `.js` in dist. */
const ENTRY = ownModule('pool/child/thread');
/** What Node reports for a thread that was terminated. */
const EXIT_TERMINATED = 1;

export interface ThreadData {
  readonly ledger: SharedArrayBuffer;
  readonly guard: SharedArrayBuffer;
}

export class ThreadLauncher implements Launcher {
  readonly childKind = 'Thread';
  readonly childName = 'ThreadPoolWorker';
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  start(): void {}

  launch(ledgerSize: number, events: CarrierEvents): Carrier {
    const ledger = LedgerBuffer.share(ledgerSize);
    const guard = newGuard();
    const { env, execArgv, resourceLimits } = this.#options;
    const options: WorkerOptions = {
      workerData: { ledger, guard } satisfies ThreadData,
      ...(env && { env }),
      ...(execArgv && { execArgv: [...execArgv] }),
      ...(resourceLimits && { resourceLimits }),
    };
    return new ThreadCarrier(new Worker(ENTRY, options), { ledger, guard }, events);
  }

  noteAlive(): void {}

  async stop(): Promise<void> {}
}

class ThreadCarrier implements Carrier {
  readonly pid = process.pid;
  readonly ledger: LedgerBuffer;
  readonly #thread: Worker;
  readonly #guard: SharedArrayBuffer;
  #killedBy: NodeJS.Signals | null = null;
  #error: CarrierExit['error'];

  constructor(thread: Worker, { ledger, guard }: ThreadData, events: CarrierEvents) {
    this.#thread = thread;
    this.#guard = guard;
    this.ledger = new LedgerBuffer(ledger);
    thread.on('message', (batch: unknown) => {
      if (isBatch<FromChild>(batch)) events.onBatch(batch);
    });
    // an uncaught error, or no memory left; `exit` follows
    thread.on('error', error => {
      const { message, stack = message } = error;
      this.#error = { message, stack };
    });
    thread.on('exit', code => {
      const signal = code === EXIT_TERMINATED ? this.#killedBy : null;
      events.onGone({ exitCode: signal === null ? code : null, signal, error: this.#error });
    });
  }

  send(batch: Batch<ToChild>): void {
    this.#thread.postMessage(batch);
  }

  /** In one piece: nothing is copied. */
  sendParcel(bytes: Uint8Array<ArrayBuffer>, events: ParcelEvents): Parcel {
    const part: PartMessage = { type: 'part', at: 0, of: bytes.length, bytes };
    const batch = openBatch<ToChild>();
    batch.push(part);
    this.#thread.postMessage(batch, [bytes.buffer]);
    let isCancelled = false;
    queueMicrotask(() => {
      if (!isCancelled) events.onSent();
    });
    return {
      cancel() {
        isCancelled = true;
      },
    };
  }

  stack(): Promise<readonly string[] | undefined> {
    return stackOfThread(this.#thread.threadId);
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#killedBy !== null) return;
    this.#killedBy = signal;
    endOutsideNativeCalls(this.#guard, () => void this.#thread.terminate());
  }
}
