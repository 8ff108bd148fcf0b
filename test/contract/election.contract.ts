/** What every election of a leader among beats promises; run once per implementation. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Claim, Election, Lease } from '../../src/beat/leader/contract.ts';
import { openElection } from '../../src/beat/leader/open.ts';
import { eventually } from '../support/eventually.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

export interface ElectionSetup {
  readonly url: string;
  /** The same server through a network that can fail; undefined for a file. */
  readonly proxy?: (() => Promise<{ readonly url: string; readonly proxy: TcpProxy }>) | undefined;
}

/** Seconds: short, so that nobody waits for long. */
export const LEASE = 3;
const HOLDER = fileURLToPath(new URL('../fixtures/election-holder.ts', import.meta.url));
const LOADER = new URL('../support/typescript-loader.mjs', import.meta.url).href;

const claim = (name: string, slot: number, totalRunCount = 1): Claim => ({
  name,
  slot,
  totalRunCount,
  id: `${name}-${slot}`,
});

export async function open(
  t: TestContext,
  url: string,
  name: string,
  lease = LEASE,
): Promise<Election> {
  const settings = { transportOptions: {}, connectTimeout: 4, useSsl: false };
  const election = await openElection(url, { name, lease, settings });
  await election.start();
  t.after(() => election.stop());
  return election;
}

const acquired = (election: Election, owner: string): Promise<Lease> =>
  eventually(async () => {
    const lease = await election.acquire(owner);
    assert.ok(lease, 'another one leads');
    return lease;
  });

type Setup = (t: TestContext) => Promise<ElectionSetup>;

export function electionContract(kind: string, isServer: boolean, setup: Setup) {
  const two = async (t: TestContext) => {
    const { url, proxy } = await setup(t);
    const name = randomUUID();
    const [first, second] = [await open(t, url, name), await open(t, url, name)];
    return { url, name, first, second, proxy };
  };

  describe(`the ${kind} election`, () => {
    it('has one leader, whose name everybody is told', async t => {
      const { first, second } = await two(t);

      assert.equal(await first.holder(), undefined);
      const leases = await Promise.all([
        ...[1, 2, 3].map(() => first.acquire('one é')),
        ...[1, 2, 3].map(() => second.acquire('one é')),
      ]);

      assert.equal(leases.filter(Boolean).length, 1);
      assert.equal(await first.holder(), 'one é');
      assert.equal(await second.holder(), 'one é');
    });

    it('knows elections of other names apart', async t => {
      const { url, first } = await two(t);
      const other = await open(t, url, randomUUID());

      assert.ok(await first.acquire('one'));
      assert.ok(await other.acquire('two'));
    });

    it('goes on at once when the leader gives it up, with a token that rises', async t => {
      const { first, second } = await two(t);
      const before = (await first.acquire('one'))!;

      await before.release();
      await before.release();

      assert.equal(await before.renew(), false);
      await assert.rejects(before.claim([claim('a', 10)], []), { code: 'LEADERSHIP_LOST' });
      const started = performance.now();
      const after = await acquired(second, 'two');
      assert.ok(performance.now() - started < 1000);
      assert.ok(after.token > before.token, `${after.token} after ${before.token}`);
      assert.equal(await first.holder(), 'two');
      await after.release();
      assert.equal(await first.holder(), undefined);
    });

    it('hands down what was claimed, and whether it was sent', async t => {
      const { first, second } = await two(t);
      const before = (await first.acquire('one'))!;
      assert.equal(before.remembered.size, 0);

      await before.claim([claim('a', 10), claim('b', 10.5), claim('nächste "c"', 11)], []);
      await before.claim([claim('a', 20, 2)], ['a', 'nächste "c"', 'nobody']);
      await before.claim([], ['a']);
      await before.claim([claim('gone', 5)], []);
      await before.forget(['gone', 'nobody']);
      await before.release();

      const after = await acquired(second, 'two');
      const expected = [
        { ...claim('a', 20, 2), isSent: true },
        { ...claim('b', 10.5), isSent: false },
        { ...claim('nächste "c"', 11), isSent: true },
      ];
      const remembered = [...after.remembered.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      assert.deepEqual(remembered, expected);
      assert.deepEqual(
        [...after.remembered.keys()].sort(),
        expected.map(({ name }) => name).sort(),
      );
      // what the one before claimed this one has found out to be sent
      await after.claim([], ['b']);
      await after.release();
      const last = await acquired(first, 'one');
      assert.equal(last.remembered.get('b')?.isSent, true);
      assert.equal(last.remembered.size, 3);
    });

    it('keeps a lease that is renewed', async t => {
      const { first, second } = await two(t);
      const lease = (await first.acquire('one'))!;

      const end = performance.now() + LEASE * 1500;
      while (performance.now() < end) {
        assert.equal(await lease.renew(), true);
        assert.equal(await second.acquire('two'), undefined);
      }

      await lease.claim([claim('a', 10)], []);
    });

    it('takes it from a process that stands still, whose claim is refused then', async t => {
      const { url, name, first } = await two(t);
      const child = await startHolder(t, url, name);
      child.send('a 10');
      assert.equal(await child.line(), 'claimed');

      child.process.kill('SIGSTOP');
      const lease = await acquired(first, 'one');

      assert.ok(lease.token > child.token);
      assert.deepEqual(lease.remembered.get('a'), {
        ...{ name: 'a', slot: 10, totalRunCount: 1, id: 'id-a' },
        isSent: false,
      });
      child.process.kill('SIGCONT');
      child.send('b 20');
      assert.equal(await child.line(), 'LEADERSHIP_LOST');
      await lease.claim([], ['a']);
      await lease.release();
      const next = await acquired(first, 'one');
      assert.deepEqual([...next.remembered.keys()], ['a']);
    });

    it('remembers ten thousand entries, however often they are claimed', async t => {
      const { first, second } = await two(t);
      const lease = (await first.acquire('one'))!;
      const names = Array.from({ length: 10_000 }, (_, i) => `entry ${i}`);

      await lease.claim(
        names.map(name => claim(name, 10)),
        [],
      );
      await lease.claim(
        names.map(name => claim(name, 20, 2)),
        names,
      );
      for (const name of names.slice(0, 200)) await lease.claim([claim(name, 30, 3)], [name]);
      assert.equal(await lease.renew(), true);
      await lease.release();

      const { remembered } = await acquired(second, 'two');
      assert.equal(remembered.size, 10_000);
      assert.equal(remembered.get('entry 0')?.slot, 30);
      assert.equal(remembered.get('entry 9999')?.slot, 20);
      assert.ok(names.every(name => remembered.get(name)!.isSent === false));
    });

    if (!isServer) return;

    it('takes it from a leader that nobody hears any more', async t => {
      const { name, second, proxy } = await two(t);
      const way = await proxy!();
      const cutOff = await open(t, way.url, name);
      const before = (await cutOff.acquire('one'))!;
      await before.claim([claim('a', 10)], []);

      way.proxy.pause();
      const after = await acquired(second, 'two');

      assert.ok(after.token > before.token);
      assert.equal(after.remembered.get('a')?.isSent, false);
      way.proxy.resume();
      await assert.rejects(before.claim([claim('b', 20)], ['a']), { code: 'LEADERSHIP_LOST' });
      assert.equal(await before.renew(), false);
    });
  });
}

async function startHolder(t: TestContext, url: string, name: string) {
  const args = ['--import', LOADER, HOLDER, url, name, String(LEASE)];
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  const first = await line();
  assert.match(first, /^leads \d+$/);
  return {
    process: child,
    token: Number(first.split(' ')[1]),
    line,
    send: (text: string) => child.stdin!.write(`${text}\n`),
  };
}
