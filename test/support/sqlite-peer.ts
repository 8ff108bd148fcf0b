import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order } from '../fixtures/sqlite-peer.ts';
import { eventually } from './eventually.ts';

export interface Got {
  readonly body: string;
  readonly redelivered: boolean;
  readonly lateMs: number;
}

/** A process of its own that publishes to and consumes from one queue of an SQLite broker. */
export interface Peer {
  readonly got: Got[];
  /** Resolves when the order has been carried out, with the CPU time used so far. */
  tell(order: Order): Promise<NodeJS.CpuUsage>;
  reaches(count: number, seconds?: number): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const PEER = fileURLToPath(new URL('../fixtures/sqlite-peer.ts', import.meta.url));

export async function startPeer(url: string, queue: string): Promise<Peer> {
  const child: ChildProcess = fork(PEER, [url, queue]);
  const got: Got[] = [];
  let answers: NodeJS.CpuUsage[] = [];
  child.on('message', (message: { got?: Got[]; done?: true; cpu?: NodeJS.CpuUsage }) => {
    if (message.got) got.push(...message.got);
    if (message.done) answers.push(message.cpu!);
  });
  const end = async (signal?: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (signal) child.kill(signal);
    else child.send({ stop: true });
    await exited;
  };
  await once(child, 'message');
  return {
    got,
    tell: async order => {
      answers = [];
      child.send(order);
      await eventually(() => answers.length > 0, { seconds: 60, everyMs: 2 });
      return answers[0]!;
    },
    reaches: (count, seconds = 20) =>
      eventually(() => assert.ok(got.length >= count, `${got.length} of ${count} arrived`), {
        seconds,
      }),
    kill: () => end('SIGKILL'),
    stop: () => end(),
  };
}
