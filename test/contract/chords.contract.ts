/** What every store that counts the parts of chords promises; run once per implementation. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type {
  BackendOptions,
  ChordPart,
  ChordStore,
  ResultBackend,
} from '../../src/backends/contract.ts';
import { eventually } from '../support/eventually.ts';

export interface ChordSetup {
  /** Another instance on the same store, as another process would have; stopped after the test. */
  open(options?: Partial<BackendOptions>): Promise<ResultBackend>;
  /** False where the place in the header is not kept. */
  readonly keepsOrder?: boolean;
  /** A process of its own on the same store. */
  otherProcess?(options?: Partial<BackendOptions>): OtherProcess;
}

export interface OtherProcess {
  /** Tells all of them at once; how many calls got how many parts. */
  tell(groupId: string, parts: readonly ChordPart[]): Promise<number[]>;
  kill(): Promise<void>;
}

type Setup = (t: TestContext) => Promise<ChordSetup>;

const ERROR = { exc_type: 'KeyError', exc_message: ['é'], exc_module: 'builtins' };

export function part(
  taskId: string,
  index: number | null = null,
  result: unknown = taskId,
): ChordPart {
  return { taskId, index, status: 'SUCCESS', result };
}

const failure = (taskId: string, index: number | null): ChordPart => ({
  ...part(taskId, index, ERROR),
  status: 'FAILURE',
});

const ids = (parts: readonly ChordPart[] | undefined) => parts?.map(({ taskId }) => taskId);

export function chordContract(name: string, setup: Setup): void {
  /** Two instances' chords, a group, and whatever the store can do. */
  async function two(t: TestContext, options: Partial<BackendOptions> = {}) {
    const made = await setup(t);
    const { open, keepsOrder = true } = made;
    const [one, other] = [chordsOf(await open(options)), chordsOf(await open(options))];
    return { ...made, one, other, keepsOrder, group: randomUUID() };
  }
  describe(`${name} chords`, () => {
    counting(two);
    values(two);
    claims(two);
    closing(two);
    progress(two);
    processes(two);
  });
}

type Two = (
  t: TestContext,
  options?: Partial<BackendOptions>,
) => Promise<
  ChordSetup & { one: ChordStore; other: ChordStore; keepsOrder: boolean; group: string }
>;

function chordsOf(backend: ResultBackend): ChordStore {
  assert.ok(backend.chords);
  return backend.chords;
}

function counting(two: Two): void {
  it('give all parts to the one who tells the last, in the order of the header', async t => {
    const { one, other, group, keepsOrder } = await two(t);
    await one.setSize(group, 12);
    for (const place of [11, 3, 0, 7, 1, 10, 2, 9, 4, 8, 5]) {
      assert.equal(await other.addPart(group, part(`t${place}`, place)), undefined);
    }

    const parts = await one.addPart(group, part('t6', 6));

    const expected = Array.from({ length: 12 }, (_, place) => `t${place}`);
    if (keepsOrder) {
      assert.deepEqual(
        parts,
        expected.map((id, place) => part(id, place)),
      );
    } else assert.deepEqual(new Set(ids(parts)), new Set(expected));
  });

  it('wait for the size when parts end before it is told', async t => {
    const { one, other, group } = await two(t);
    assert.equal(await one.addPart(group, part('a', 0)), undefined);
    assert.equal(await other.addPart(group, part('b', 1)), undefined);

    await other.setSize(group, 3);

    assert.deepEqual(ids(await one.addPart(group, part('c', 2))), ['a', 'b', 'c']);
  });

  it('of one part are complete with it', async t => {
    const { one, group } = await two(t);
    await one.setSize(group, 1);

    assert.deepEqual(ids(await one.addPart(group, part('a', 0))), ['a']);
  });

  it('put parts without index behind the others', async t => {
    const { one, group, keepsOrder } = await two(t);
    await one.setSize(group, 4);
    await one.addPart(group, part('x'));
    await one.addPart(group, part('b', 1));
    await one.addPart(group, part('y'));

    const parts = (await one.addPart(group, part('a', 0))) ?? [];

    if (keepsOrder) assert.deepEqual(ids(parts.slice(0, 2)), ['a', 'b']);
    assert.deepEqual(ids(parts)?.sort(), ['a', 'b', 'x', 'y']);
    assert.equal(parts.find(({ taskId }) => taskId === 'x')?.index, null);
  });

  it('keep parts apart that have one index, as those of a group within the header', async t => {
    const { one, group } = await two(t);
    await one.setSize(group, 3);
    await one.addPart(group, part('inner', 0));
    assert.equal(await one.addPart(group, part('outer', 0)), undefined);

    const parts = await one.addPart(group, part('inner two', 1));

    assert.deepEqual(ids(parts)?.sort(), ['inner', 'inner two', 'outer']);
  });

  for (const index of [0, null]) {
    it(`count a part with index ${index} once, however often and with whatever outcome it is told`, async t => {
      const { one, other, group } = await two(t);
      await one.setSize(group, 2);
      await one.addPart(group, part('a', index));

      for (const teller of [one, other, one, other]) {
        assert.equal(await teller.addPart(group, part('a', index)), undefined);
        assert.equal(await teller.addPart(group, failure('a', index)), undefined);
        assert.equal(await teller.addPart(group, part('a', index, 'another')), undefined);
      }

      const parts = await other.addPart(group, failure('b', index === null ? null : 1));
      const found = parts?.map(({ taskId, status, result }) => [taskId, status, result]);
      assert.deepEqual(found?.sort(), [
        ['a', 'SUCCESS', 'a'],
        ['b', 'FAILURE', ERROR],
      ]);
    });
  }

  it('wait for the parts they grow by, before and after the size is told', async t => {
    const { one, other, group } = await two(t);
    await one.grow(group, 1);
    await other.setSize(group, 2);
    await other.grow(group, 2);
    for (const id of ['a', 'b', 'c', 'd']) {
      assert.equal(await one.addPart(group, part(id)), undefined);
    }

    assert.deepEqual(ids(await one.addPart(group, part('e')))?.sort(), ['a', 'b', 'c', 'd', 'e']);
  });

  it('do not count each other’s parts', async t => {
    const { one, group } = await two(t);
    const second = randomUUID();
    await one.setSize(group, 2);
    await one.setSize(second, 2);
    await one.addPart(group, part('a', 0));

    assert.equal(await one.addPart(second, part('b', 1)), undefined);
    assert.deepEqual(ids(await one.addPart(second, part('a', 0)))?.sort(), ['a', 'b']);
  });

  it('count thousands of parts told at once by two instances', async t => {
    const { one, other, group, keepsOrder } = await two(t);
    const parts = Array.from({ length: 2000 }, (_, place) => part(`t${place}`, place));
    await one.setSize(group, parts.length);

    const told = await Promise.all(
      parts.flatMap(each => [one.addPart(group, each), other.addPart(group, each)]),
    );

    const got = told.filter(found => found !== undefined);
    assert.equal(got.length, 1);
    if (keepsOrder) assert.deepEqual(got[0], parts);
    assert.equal(new Set(ids(got[0])).size, parts.length);
  });
}

function values(two: Two): void {
  for (const [what, value] of [
    ['nothing', null],
    ['a number', 1.5],
    ['an integer beyond 2^53', 2n ** 70n],
    ['unicode and quotes', 'æ "日本" \u{1F40D}'],
    ['a text that looks like a part', '[1, "a", "SUCCESS", 1]'],
    ['a list in a list', [[1, [2]], { a: null }]],
    ['a date', new Date('2020-01-02T03:04:05.678Z')],
    ['bytes', Buffer.from([0, 254])],
  ] as const) {
    it(`give back ${what}`, async t => {
      const { one, other, group } = await two(t);
      await one.setSize(group, 2);
      await one.addPart(group, part('a', 0, value));

      const parts = await other.addPart(group, failure('b', 1));

      assert.deepEqual(
        parts?.map(({ result }) => result),
        [value, ERROR],
      );
    });
  }

  it('keep ids with odd signs apart', async t => {
    const { one, group } = await two(t);
    const odd = ['a', 'a"', 'a", "b', 'a\\', 'é', 'a%d'];
    await one.setSize(group, odd.length);

    const told = [];
    for (const [place, id] of odd.entries()) told.push(await one.addPart(group, part(id, place)));

    assert.deepEqual(told.slice(0, -1).filter(Boolean), []);
    assert.deepEqual(ids(told.at(-1))?.sort(), odd.sort());
  });

  it('refuse a value that cannot be written, and count nothing', async t => {
    const { one, group } = await two(t);
    await one.setSize(group, 1);

    await assert.rejects(one.addPart(group, part('a', 0, { f: () => 1 })), { name: 'EncodeError' });

    assert.deepEqual((await one.progress(group))?.parts, []);
  });
}

function claims(two: Two): void {
  it('give the parts to nobody else while the one who has them may be sending the body', async t => {
    const { one, other, group } = await two(t);
    await one.setSize(group, 2);
    await one.addPart(group, part('a', 0));
    assert.ok(await one.addPart(group, part('b', 1)));

    for (const teller of [one, other]) {
      assert.equal(await teller.addPart(group, part('b', 1)), undefined);
      assert.equal(await teller.addPart(group, part('a', 0)), undefined);
      assert.equal(await teller.addPart(group, part('more', 2)), undefined);
    }
  });

  it('give the parts to whoever tells one again when the first one has not closed them', async t => {
    const { one, other, group } = await two(t, { chordLease: 0.2 });
    await one.setSize(group, 2);
    await one.addPart(group, part('a', 0));
    const before = await one.addPart(group, part('b', 1));

    const after = await eventually(async () => {
      const parts = await other.addPart(group, part('b', 1));
      assert.ok(parts);
      return parts;
    });

    assert.deepEqual(after, before);
    await other.close(group);
    assert.equal(await other.progress(group), undefined);
  });
}

function closing(two: Two): void {
  it('are not opened again by what is told after they were closed', async t => {
    const { one, other, group } = await two(t, { chordLease: 0.01 });
    await one.setSize(group, 1);
    await one.addPart(group, part('a', 0));

    await one.close(group);
    await other.close(group);

    await other.setSize(group, 1);
    await other.grow(group, 0);
    for (const late of [part('a', 0), part('b', 1), failure('a', 0)]) {
      assert.equal(await other.addPart(group, late), undefined);
    }
    assert.equal(await other.progress(group), undefined);
  });

  it('may be closed before anything is known of them', async t => {
    const { one, other, group } = await two(t);

    await one.close(group);

    await other.setSize(group, 1);
    assert.equal(await other.addPart(group, part('a', 0)), undefined);
  });
}

function progress(two: Two): void {
  it('tell how far they are', async t => {
    const { one, other, group, keepsOrder } = await two(t);
    assert.equal(await other.progress(group), undefined);

    await one.addPart(group, part('b', 1));
    assert.deepEqual(await other.progress(group), {
      size: undefined,
      parts: [part('b', keepsOrder ? 1 : null)],
    });

    await one.setSize(group, 3);
    await one.grow(group, 2);
    await one.addPart(group, failure('a', 0));
    const found = await other.progress(group);
    assert.equal(found?.size, 5);
    assert.deepEqual(ids(found.parts), keepsOrder ? ['a', 'b'] : ['b', 'a']);
  });

  it('are forgotten after result_expires', async t => {
    const { one, open, group } = await two(t, { expires: 1 });
    const lasting = chordsOf(await open({ expires: null }));
    const kept = randomUUID();
    await lasting.setSize(kept, 1);
    await one.setSize(group, 2);
    await one.addPart(group, part('a', 0));
    assert.equal((await one.progress(group))?.parts.length, 1);

    await eventually(async () => assert.equal(await one.progress(group), undefined));

    await one.setSize(group, 2);
    assert.equal(await one.addPart(group, part('b', 1)), undefined);
    assert.deepEqual(ids((await one.progress(group))?.parts), ['b']);
    assert.equal((await lasting.progress(kept))?.size, 1);
  });
}

function processes(two: Two): void {
  it('give the parts to one of two processes that tell all of them at once', async t => {
    const { one, group, otherProcess } = await two(t);
    if (!otherProcess) return t.skip('the store is in one process');
    const other = otherProcess();
    const parts = Array.from({ length: 300 }, (_, place) => part(`t${place}`, place));
    await one.setSize(group, parts.length);
    await other.tell(randomUUID(), [part('it runs')]);

    const theirs = other.tell(group, parts);
    const ours = await Promise.all(parts.map(each => one.addPart(group, each)));

    const got = [...ours.flatMap(found => (found ? [found.length] : [])), ...(await theirs)];
    assert.deepEqual(got, [parts.length]);
  });

  it('go to another process when the one that got the parts is killed', async t => {
    const { one, group, otherProcess } = await two(t, { chordLease: 0.2 });
    if (!otherProcess) return t.skip('the store is in one process');
    const other = otherProcess({ chordLease: 0.2 });
    await one.setSize(group, 2);
    await one.addPart(group, part('a', 0));
    assert.deepEqual(await other.tell(group, [part('b', 1)]), [2]);
    await other.kill();

    await eventually(async () => {
      assert.deepEqual(ids(await one.addPart(group, part('b', 1))), ['a', 'b']);
    });
  });
}
