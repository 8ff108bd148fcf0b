import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { resultTuple } from '../../../src/canvas/freeze.ts';
import { linkError } from '../../../src/canvas/links.ts';
import { pipeAll } from '../../../src/canvas/pipe.ts';
import { plan } from '../../../src/canvas/plan.ts';
import {
  chainSignature as C,
  chunksGroup,
  chunksSignature,
  chordSignature as D,
  groupSignature as G,
  mapSignature,
  starmapSignature,
  taskSignature,
} from '../../../src/canvas/shapes.ts';
import type { SignatureData } from '../../../src/canvas/signature.ts';
import { stamped } from '../../../src/canvas/stamping.ts';
import { readGolden } from '../wire/golden-files.ts';
import { t, textOf } from './short-text.ts';

const REPLY_TO = randomUUID();
const IDS = { newId: randomUUID as () => string, replyTo: REPLY_TO };

const task =
  (name: string) =>
  (...args: unknown[]) =>
    taskSignature(`wapp.${name}`, { args });
const [add, mul, xsum, eb] = ['add', 'mul', 'xsum', 'eb'].map(task) as [
  ReturnType<typeof task>,
  ReturnType<typeof task>,
  ReturnType<typeof task>,
  ReturnType<typeof task>,
];

/** What the captured calls were. */
const CALLS: Readonly<Record<string, SignatureData>> = {
  chain3: C([add(2, 3), mul(4), mul(5)]),
  chain_with_link_error: linkError(C([add(2, 3), mul(4)]), eb()),
  chain_group_task: pipeAll([G([add(1, 1), add(2, 2)]), xsum()]),
  chain_task_chord_chain: pipeAll([add(1, 1), G([add(1), add(2)]), xsum(), mul(10)]),
  countdown_chain: C([
    add(1, 2),
    taskSignature('wapp.add', { args: [3], options: { countdown: 5 } }),
  ]),
  group3: G([add(1, 1), add(2, 2), add(3, 3)]),
  group_of_chains: G([C([add(1, 1), mul(2)]), C([add(3, 3), mul(4)])]),
  chord: D([add(1, 1), add(2, 2)], xsum()),
  chord_with_errback: linkError(D([add(1, 1), add(2, 2)], xsum()), eb()),
  chord_body_chain: D([add(1, 1), add(2, 2)], C([xsum(), mul(3)])),
  chord_of_chains: D([C([add(1, 1), mul(2)]), C([add(3, 3), mul(4)])], xsum()),
  nested_chord: D([D([add(1, 1), add(2, 2)], xsum()), add(5, 5)], xsum()),
  map: mapSignature(xsum(), [
    [1, 2],
    [3, 4],
  ]),
  starmap: starmapSignature(add(), [
    [1, 2],
    [3, 4],
  ]),
  chunks: chunksSignature(
    add(),
    [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
    2,
  ),
  chunks_delay_group: chunksGroup(
    chunksSignature(
      add(),
      [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
      2,
    ),
  ),
  stamped_group: stamped(G([add(1, 2), add(3, 4)]), { monitoring_id: 'm1' }),
};

interface Golden {
  readonly messages: readonly {
    readonly body_text: string;
    readonly envelope: { readonly headers: Record<string, unknown> };
  }[];
  readonly result_as_tuple: unknown;
}

/** What a message says of its task's place in a workflow. */
function sent({ body_text, envelope: { headers } }: Golden['messages'][number]) {
  const [args, kwargs, embed] = JSON.parse(body_text);
  const { task: name, id, group, group_index, stamped_headers, stamps } = headers;
  const place = { id, group, index: group_index, stamped_headers, stamps };
  return { name, args, kwargs, ...place, ...embed };
}

function planned({ task: name, args, kwargs, options }: SignatureData) {
  const { task_id: id, group_id: group = null, group_index: index = null } = options;
  const { link = null, link_error = null, chain = null, chord = null } = options;
  const names = (options.stamped_headers ?? null) as string[] | null;
  const stamps = Object.fromEntries((names ?? []).map(stamp => [stamp, options[stamp]]));
  const place = { id, group, index, stamped_headers: names, stamps };
  return { name, args, kwargs, ...place, callbacks: link, errbacks: link_error, chain, chord };
}

const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/g;

/**
 * Ids numbered as they come, keys sorted. Python repeats in each part of a header that is not sent
 * yet which chord waits for it, and notes that it knows no parents; nobody reads that.
 */
function comparable(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    const record = inner as Record<string, unknown>;
    const of = key === 'options' ? withoutNotes(record) : record;
    return Object.fromEntries(Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  const known = new Map<string, string>();
  return JSON.parse(
    text.replace(UUID, id => {
      if (!known.has(id)) known.set(id, `#${known.size + 1}`);
      return known.get(id)!;
    }),
  );
}

function withoutNotes({ add_to_parent: _, ...options }: Record<string, unknown>) {
  const { root_id, parent_id, ...rest } = options;
  return {
    ...rest,
    ...(root_id != null && { root_id }),
    ...(parent_id != null && { parent_id }),
  };
}

/** In a signature inside a message: a chord's header does not repeat its chord, nor a chain its id. */
function withoutRepeats(signature: unknown): unknown {
  if (Array.isArray(signature)) return signature.map(withoutRepeats);
  const { subtask_type: type, kwargs, options } = (signature ?? {}) as Partial<SignatureData>;
  if (!options || !kwargs) return signature;
  const own = { ...(signature as SignatureData) };
  const { task_id, chord, ...others } = options;
  if (type === 'chain')
    return { ...own, kwargs: { tasks: withoutRepeats(kwargs.tasks) }, options: {} };
  if (type === 'chord') {
    const header = kwargs.header as SignatureData;
    const tasks = (header.kwargs.tasks as SignatureData[]).map(member => {
      const { chord: __, ...place } = member.options;
      return withoutRepeats({ ...member, options: place });
    });
    const { chord: ___, ...headerOptions } = header.options;
    const bare = { ...header, kwargs: { tasks }, options: headerOptions };
    return {
      ...own,
      kwargs: { ...kwargs, header: bare, body: withoutRepeats(kwargs.body) },
      options: {},
    };
  }
  return {
    ...own,
    options: { ...others, task_id, ...(chord !== undefined && { chord: withoutRepeats(chord) }) },
  };
}

describe('what is sent for a workflow', () => {
  for (const [name, signature] of Object.entries(CALLS)) {
    test(`is what Celery sends: ${name}`, () => {
      const golden = readGolden(`redis-5.6.3/publish/${name}.json`) as unknown as Golden;

      const { sends, result } = plan(signature, {}, IDS);

      const shape = (all: ReturnType<typeof planned>[]) =>
        all.map(each => ({
          ...each,
          chain: withoutRepeats(each.chain),
          chord: withoutRepeats(each.chord),
        }));
      const ours = [shape(sends.map(planned)), resultTuple(result!)];
      const theirs = [shape([...golden.messages].reverse().map(sent)), golden.result_as_tuple];
      assert.deepEqual(comparable(ours), comparable(theirs));
    });
  }

  test('is nothing for an empty chain, and for an empty group only its id', () => {
    assert.deepEqual(plan(C([]), {}, IDS), {
      sends: [],
      chords: [],
      stored: [],
      result: undefined,
    });
    const { sends, result } = plan(G([]), {}, IDS);
    assert.deepEqual([sends, result?.members], [[], []]);
  });

  test('is the body at once, with an empty list, for a chord without header', () => {
    const { sends, chords } = plan(D([], t(1)), {}, IDS);

    assert.deepEqual(
      sends.map(send => send.args),
      [[[], 1]],
    );
    assert.deepEqual(chords, []);
  });

  test('has the call’s arguments first: by the first step, and by each member', () => {
    const args = (signature: SignatureData) =>
      plan(signature, { args: [7] }, IDS).sends.map(send => send.args.join());

    assert.deepEqual(args(t(1)), ['7,1']);
    assert.deepEqual(args(C([t(1), t(2)])), ['7,1']);
    assert.deepEqual(args(G([t(1), t(2)])), ['7,1', '7,2']);
    assert.deepEqual(args(D([t(1), t(2)], t(3))), ['7,1', '7,2']);
    assert.deepEqual(args({ ...t(1), immutable: true }), ['1']);
  });

  test('tells how many parts each chord will be answered by', () => {
    const inner = D([t(1), t(2), t(3)], t(4));

    const { chords } = plan(D([inner, C([t(5), G([t(6), t(7)])]), t(8)], t(9)), {}, IDS);

    assert.deepEqual(
      chords.map(({ body, size }) => [textOf(body), size]),
      [
        ['t9', 4],
        ['t4', 3],
      ],
    );
  });

  test('appends the rest of a chain to the steps that wait already', () => {
    const waiting = [t(9)];

    const [first] = plan(C([t(1), t(2), t(3)]), { options: { chain: waiting } }, IDS).sends;

    assert.deepEqual((first!.options.chain as SignatureData[]).map(textOf), ['t9', 't3', 't2']);
    assert.equal(waiting.length, 1);
  });

  test('grows with the number of tasks, not with the levels', () => {
    const group = (n: number) => G(Array.from({ length: 10 }, (_, i) => t(10 * n + i)));
    const bytes = (levels: number) => {
      const steps = Array.from({ length: levels }, (_, n) => group(n));
      const { sends } = plan(pipeAll([...steps, t(0)]), {}, IDS);
      return JSON.stringify(sends[0]).length;
    };

    const [three, six] = [bytes(3), bytes(6)];

    assert.ok(six < 2.5 * three, `${three} bytes for three levels, ${six} for six`);
  });
});
