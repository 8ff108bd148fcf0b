import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serialize } from 'node:v8';
import { type ChildPort, ChildServer } from '../../../../src/pool/child/server.ts';
import type { JobControl, JobRunner } from '../../../../src/pool/contract.ts';
import { LedgerBuffer, ParentLedger } from '../../../../src/pool/ledger.ts';
import {
  type ChildInit,
  EXIT_RECYCLE,
  type FromChild,
  openBatch,
  type ToChild,
} from '../../../../src/pool/messages.ts';
import { eventually } from '../../../support/eventually.ts';
import { turns } from '../parent/made-children.ts';

/** Runners that the module below gives out, by what it is configured with. */
const runners = new Map<number, JobRunner>();
Object.assign(globalThis, { madeRunners: runners });
const module = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
const RUNNER = module(
  'export const createRunner = async (id, child) => globalThis.madeRunners.get(id)(child);',
);

interface Made {
  readonly init?: Partial<ChildInit>;
  readonly run?: (payload: unknown, control: JobControl) => unknown;
  readonly stop?: () => Promise<void>;
  readonly memory?: () => number;
}

/** A child in this process; `tell` is what its parent says. */
async function setup(made: Made = {}) {
  const said: FromChild[] = [];
  const exits: (number | 'died')[] = [];
  const hurries: number[] = [];
  let retire = (_: string) => {};
  const id = runners.size;
  const create = (child: { retire(note: string): void }): JobRunner => {
    retire = child.retire;
    return {
      run: async (payload, control) => (made.run ? made.run(payload, control) : `did ${payload}`),
      hurry: () => void hurries.push(1),
      stop: made.stop ?? (async () => {}),
    };
  };
  runners.set(id, create as unknown as JobRunner);
  let memory: LedgerBuffer | undefined;
  const port: ChildPort = {
    send: (batch, sent) => {
      for (const message of batch) if (typeof message !== 'string') said.push(message);
      sent();
    },
    ledger: numbers => {
      memory ??= new LedgerBuffer(LedgerBuffer.share(numbers));
      return memory;
    },
    memory: made.memory ?? (() => 0),
    exit: code => void exits.push(code),
    die: () => void exits.push('died'),
  };
  const server = new ChildServer(port);
  const tell = (...messages: ToChild[]) => {
    const batch = openBatch<ToChild>();
    batch.push(...messages);
    server.receive(batch);
  };
  tell({
    ...{ type: 'init', runnerUrl: RUNNER, runnerConfig: id, slot: 1, index: 1, name: 'F-1' },
    ...{ slots: 1, ledgerEntries: 8, maxTasks: undefined, maxMemory: undefined },
    watchesStack: false,
    ...made.init,
  });
  await eventually(() => said.length > 0);
  const jobs = (first: number, ...payloads: unknown[]) =>
    tell({ type: 'jobs', first, payloads, careful: false });
  /** Tickets of what is done, and the replies. */
  const done = () =>
    said.flatMap(each =>
      each.type === 'turn' ? each.done.map((t, i) => [t, each.replies[i]]) : [],
    );
  const ledger = () => new ParentLedger(memory!);
  const ofType = (type: FromChild['type']) => said.filter(each => each.type === type);
  return {
    server,
    said,
    exits,
    hurries,
    tell,
    jobs,
    done,
    ledger,
    ofType,
    retire: (n: string) => retire(n),
  };
}

/** Jobs that run until they are let go, in order. */
function holding() {
  const held: ((value: unknown) => void)[] = [];
  const run = () => new Promise(resolve => held.push(resolve));
  return { held, run };
}

describe('a child that is told what to load', () => {
  it('says that it is ready', async () => {
    const { said, exits } = await setup();
    assert.deepEqual(
      said.map(({ type }) => type),
      ['turn', 'ready'],
    );
    assert.deepEqual(exits, []);
  });

  const broken: readonly (readonly [string, string, RegExp])[] = [
    ['exports nothing of use', 'export const other = 1;', /exports no function createRunner/],
    ['fails', 'throw new TypeError("no such thing");', /^TypeError: no such thing$/],
    ['throws what is no error', 'throw Object.create(null);', /\[Object: null prototype\] \{\}/],
    ['makes no runner', 'export const createRunner = () => { throw "no"; };', /^no$/],
  ];
  for (const [what, code, message] of broken) {
    it(`says what is wrong when the module ${what}, and goes`, async () => {
      const { said, exits } = await setup({ init: { runnerUrl: module(code) } });

      const last = said.at(-1);
      assert.ok(last?.type === 'broken');
      assert.match(last.message, message);
      assert.deepEqual(exits, [1]);
    });
  }

  it('goes when it is told anything else before', () => {
    const exits: number[] = [];
    const server = new ChildServer({
      exit: code => exits.push(code),
    } as Partial<ChildPort> as ChildPort);
    server.receive([...openBatch(), { type: 'finish' }]);
    assert.deepEqual(exits, [0]);
  });

  it('does not hear what is not from its parent', async () => {
    const { server, exits, said } = await setup();
    const before = said.length;
    for (const message of [undefined, 'finish', { type: 'finish' }, ['other', { type: 'die' }]]) {
      server.receive(message);
    }
    await turns();
    assert.deepEqual([exits, said.length], [[], before]);
  });
});

describe('a child with jobs', () => {
  it('runs them one after the other, and writes each start down', async () => {
    const { held, run } = holding();
    const { jobs, done, ledger } = await setup({ run });
    jobs(1, 'a', 'b');
    await turns();
    assert.deepEqual([held.length, [...ledger().started()].filter(Boolean)], [1, [1]]);

    held[0]!('did a');
    await eventually(() => held.length === 2);
    held[1]!('did b');
    await eventually(() => done().length === 2);

    assert.deepEqual(done(), [
      [1, 'did a'],
      [2, 'did b'],
    ]);
  });

  it('leaves those alone that were taken back', async () => {
    const { held, run } = holding();
    const { jobs, done, ledger, said } = await setup({ run });
    jobs(1, 'a', 'b', 'c');
    await turns();

    ledger().takeBackUpTo(2);
    held[0]!('did a');
    await eventually(() => held.length === 2);
    held[1]!('did c');
    await eventually(() => done().length === 2);

    const dropped = said.flatMap(each => (each.type === 'turn' ? each.dropped : []));
    assert.deepEqual(dropped, [2]);
    assert.deepEqual(
      done().map(([ticket]) => ticket),
      [1, 3],
    );
  });

  it('tells of one whose runner throws', async () => {
    const run = (payload: unknown) => {
      throw payload === 'error' ? new RangeError('too far') : payload;
    };
    const { jobs, ofType } = await setup({ run });
    jobs(1, 'error', 'a text');
    await eventually(() => ofType('threw').length === 2);

    assert.deepEqual(ofType('threw'), [
      { type: 'threw', ticket: 1, error: 'RangeError: too far' },
      { type: 'threw', ticket: 2, error: 'a text' },
    ]);
  });

  it('tells them when their soft limit passes', async () => {
    const run = (_: unknown, { signal }: JobControl) =>
      new Promise(resolve => {
        signal.addEventListener('abort', () => resolve(String(signal.reason)));
      });
    const { jobs, tell, done } = await setup({ run });
    jobs(1, 'a');
    await turns();

    tell({ type: 'soft-limit', ticket: 7, seconds: 1 });
    tell({ type: 'soft-limit', ticket: 1, seconds: 2 });
    await eventually(() => done().length === 1);

    assert.match(String(done()[0]![1]), /SoftTimeLimitExceeded\(2,\)/);
  });

  it('says for what one waits, and that its place is free', async () => {
    const { held, run } = holding();
    const { jobs, said, ofType, done } = await setup({
      run: (_, control) => {
        control.waits?.('a result');
        control.release();
        return run();
      },
    });
    jobs(1, 'a', 'b');
    await eventually(() => held.length === 2 && ofType('waits').length === 2);

    assert.deepEqual(ofType('waits')[0], { type: 'waits', ticket: 1, what: 'a result' });
    const released = said.flatMap(each => (each.type === 'turn' ? each.released : []));
    assert.deepEqual(released, [1, 2]);
    held[1]!('second');
    held[0]!('first');
    await eventually(() => done().length === 2);
  });

  it('opens a large payload only when all of it is there', async () => {
    const bytes = serialize('large');
    const { tell, done } = await setup();
    const large = (ticket: number) => tell({ type: 'large-job', ticket, careful: false });

    tell({ type: 'part', at: 0, of: bytes.length, bytes: bytes.subarray(0, 2) });
    large(1);
    tell({ type: 'part', at: 0, of: bytes.length, bytes });
    tell({ type: 'no-parcel' });
    large(2);
    tell({ type: 'part', at: 0, of: bytes.length, bytes: bytes.subarray(0, 2) });
    tell({ type: 'part', at: 2, of: bytes.length, bytes: bytes.subarray(2) });
    large(3);
    await eventually(() => done().length > 0);

    assert.deepEqual(done(), [[3, 'did large']]);
  });

  it('hurries when it is told, and answers when it is asked', async () => {
    const { tell, hurries, ofType } = await setup();
    tell({ type: 'hurry' });
    tell({ type: 'ping', wantsReport: false });
    tell({ type: 'ping', wantsReport: true });
    await eventually(() => ofType('pong').length === 2);

    assert.equal(hurries.length, 1);
    const [short, long] = ofType('pong') as { report: readonly string[] | undefined }[];
    assert.equal(short!.report, undefined);
    assert.match(long!.report!.join('\n'), /^active handles: [\s\S]*memory: /);
  });
});

describe('a child that is to go', () => {
  it('ends what it runs, starts nothing more and closes its runner', async () => {
    const { held, run } = holding();
    const stops: string[] = [];
    const stop = async () => void stops.push('stopped');
    const { jobs, tell, exits, done } = await setup({ run, stop });
    jobs(1, 'a', 'b');
    await turns();

    tell({ type: 'finish' });
    tell({ type: 'finish' });
    await turns();
    assert.deepEqual([exits, stops], [[], []]);
    held[0]!('did a');
    await eventually(() => exits.length > 0);

    assert.deepEqual([exits, stops, done()], [[0], ['stopped'], [[1, 'did a']]]);
    assert.equal(held.length, 1);
  });

  it('says so when its runner does not stop well, and goes all the same', async () => {
    const { tell, exits, ofType } = await setup({ stop: () => Promise.reject(new Error('stuck')) });
    tell({ type: 'finish' });
    await eventually(() => exits.length > 0);

    assert.deepEqual(ofType('log'), [
      { type: 'log', level: 'error', message: 'runner of slot 1 failed to stop: Error: stuck' },
    ]);
  });

  it('dies at once when it is told to, after its last words', async () => {
    const { held, run } = holding();
    const { jobs, tell, exits, ofType } = await setup({ run });
    jobs(1, 'a');
    await turns();
    tell({ type: 'ping', wantsReport: false }, { type: 'die' });

    assert.deepEqual([exits, ofType('pong').length, held.length], [['died'], 1, 1]);
  });

  it('goes by itself after so many jobs', async () => {
    const { jobs, exits, done, ofType } = await setup({ init: { maxTasks: 2 } });
    jobs(1, 'a', 'b', 'c');
    await eventually(() => exits.length > 0);

    assert.deepEqual([exits, done().length], [[EXIT_RECYCLE], 2]);
    assert.deepEqual(ofType('leaving'), [{ type: 'leaving', note: undefined }]);
  });

  it('goes by itself when it has become too large, and says how large', async () => {
    let size = 100;
    const memory = () => size;
    const { jobs, exits, done, ofType } = await setup({ init: { maxMemory: 200 }, memory });
    jobs(1, 'a');
    await eventually(() => done().length === 1);
    assert.deepEqual(exits, []);

    size = 300;
    jobs(2, 'b', 'c');
    await eventually(() => exits.length > 0);

    assert.deepEqual([exits, done().length], [[EXIT_RECYCLE], 2]);
    assert.deepEqual(ofType('leaving'), [
      {
        type: 'leaving',
        note: 'child process exiting after exceeding memory limit (300KiB / 200KiB)',
      },
    ]);
  });

  it('goes when its runner has had enough', async () => {
    const { retire, exits, ofType } = await setup();
    retire('too many open files');
    await eventually(() => exits.length > 0);

    assert.deepEqual(ofType('leaving'), [{ type: 'leaving', note: 'too many open files' }]);
    assert.deepEqual(exits, [EXIT_RECYCLE]);
  });
});
