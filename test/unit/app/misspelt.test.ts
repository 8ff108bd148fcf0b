import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import * as ofApp from '../../../src/app/app-options.ts';
import * as ofTasks from '../../../src/app/options/option-checks.ts';
import { UNREADABLE } from '../../../src/app/options/setting-kinds.ts';
import {
  SIGNATURE,
  SIGNATURE_EXTRAS,
  SIGNATURE_OPTIONS,
} from '../../../src/app/options/signature-options.ts';
import { BOUNDS, DEPENDENCIES, GET, JOIN } from '../../../src/app/results/result-options.ts';
import { DECLARATION_KEYS } from '../../../src/app/routing/queues.ts';
import { SETTING_NAMES, SETTINGS } from '../../../src/app/settings/tables/table.ts';
import { CONNECT } from '../../../src/app/signals/signal-options.ts';
import { OPTION_OF } from '../../../src/app/tasks/annotations.ts';
import { WORKER_SETTINGS } from '../../../src/app/workers/worker-options.ts';
import * as ofControl from '../../../src/control/control-options.ts';
import { checkRetryOptions, KINDS as OF_RETRY } from '../../../src/execute/retry-options.ts';
import { broadcast, Celery, exchange, queue } from '../../../src/index.ts';
import * as entities from '../../../src/messaging/entities.ts';

const SEED = Number(process.env.MISSPELT_SEED ?? Date.now() % 1_000_000);

/** Numbers from 0 to 1, the same ones for the same seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
const random = numbers(SEED);
const below = (n: number) => Math.floor(random() * n);
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** One letter more, less or another; never the first, which may have a meaning of its own. */
function edited(word: string): string {
  const at = 1 + below(word.length - 1);
  const letter = LETTERS[below(LETTERS.length)]!;
  const [before, after] = [word.slice(0, at), word.slice(at)];
  return [before + letter + after, before + after.slice(1), before + letter + after.slice(1)][
    below(3)
  ]!;
}

function isOneEditApart(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  let same = 0;
  while (same < short.length && short[same] === long[same]) same += 1;
  const rest = short.slice(same + (short.length === long.length ? 1 : 0));
  return long.length - short.length <= 1 && long.slice(same + 1) === rest;
}

interface Place {
  readonly what: string;
  /** The words to misspell. */
  readonly words: readonly string[];
  /** Further ones that are taken there. */
  readonly also?: readonly string[];
  use(word: string): unknown;
}

function misspelt(word: string, edits: number, taken: ReadonlySet<string>): string {
  for (;;) {
    let wrong = word;
    for (let n = 0; n < edits; n++) wrong = edited(wrong);
    if (!taken.has(wrong) && !taken.has(wrong.toUpperCase())) return wrong;
  }
}

async function errorOf(use: () => unknown): Promise<Error | undefined> {
  try {
    await use();
  } catch (error) {
    return error as Error;
  }
}

/** Every word misspelt by one letter and by two. @returns how many were looked at */
async function assertRefused({ what, words, also = [], use }: Place): Promise<number> {
  const taken = new Set([...words, ...also]);
  for (const word of words) {
    for (const edits of [1, 2]) {
      const wrong = misspelt(word, edits, taken);
      const error = await errorOf(() => use(wrong));
      const where = `${what}: ${wrong} for ${word}, seed ${SEED}`;
      assert.ok(error, `${where} is taken silently`);
      assert.match(error.name, /^(TypeError|ImproperlyConfigured)$/, `${where}: ${error.stack}`);
      if (!isOneEditApart(word, wrong)) continue;
      const named = /Did you mean "([^"]+)"\?/.exec(error.message)?.[1] ?? '';
      // Two names may be equally near, and a setting's is told with underscores.
      const isKnown = taken.has(named) || taken.has(camel(named));
      const isNear = isOneEditApart(camel(named).toLowerCase(), camel(wrong).toLowerCase());
      const isRight = (isNear && isKnown) || camel(named) === camel(word);
      assert.ok(isRight, `${where}: ${error.message}`);
    }
  }
  return words.length * 2;
}

/** The count, so that nothing is passed over. */
async function assertAllRefused(t: TestContext, places: readonly Place[], least: number) {
  t.diagnostic(`seed ${SEED}`);
  let looked = 0;
  for (const place of places) looked += await assertRefused(place);
  t.diagnostic(`${looked} misspelt words`);
  assert.ok(looked >= least, `only ${looked} words`);
}

const keys = (table: object) => Object.keys(table);
const camel = (name: string) =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const settings = (values: object) => new Celery('proj', values);
// biome-ignore lint/suspicious/noExplicitAny: as a caller without a compiler
const app: any = new Celery('proj');
const add = app.task('proj.add', (x: number) => x);
const result = app.AsyncResult('some-id');
const results = app.GroupResult('some-group', [result]);
const { CALL, EAGER, HANDLERS, RETRY, RETRY_POLICY, TASK } = ofTasks;
const ROUTE = [...ofTasks.ROUTE_OPTIONS.keys()];
const declare = (options: object) => app.task('proj.other', options, () => 1);
const call = (options: object) => add.applyAsync([1], options);

const OPTIONS: readonly Place[] = [
  { what: 'app.task', words: keys(TASK), use: word => declare({ [word]: 1 }) },
  { what: 'retry of a task', words: keys(RETRY), use: word => declare({ retry: { [word]: 1 } }) },
  { what: 'handlers', words: keys(HANDLERS), use: word => declare({ handlers: { [word]: add } }) },
  {
    what: 'retryKwargs',
    words: ['countdown', 'maxRetries'],
    use: word => declare({ retryKwargs: { [word]: 1 } }),
  },
  { what: 'applyAsync', words: keys(CALL), use: word => call({ [word]: 1 }) },
  { what: 'sendTask', words: keys(CALL), use: word => app.sendTask('a', [], { [word]: 1 }) },
  { what: 'apply', words: keys(EAGER), use: word => add.apply([1], { [word]: 1 }) },
  {
    what: 'retryPolicy',
    words: keys(RETRY_POLICY),
    use: word => call({ retryPolicy: { [word]: 1 } }),
  },
  {
    what: 'link',
    words: keys(SIGNATURE).filter(key => key !== 'task'),
    also: ['task', ...SIGNATURE_EXTRAS],
    use: word => call({ link: { task: 'a', [word]: null } }),
  },
  {
    what: 'options of link',
    words: keys(SIGNATURE_OPTIONS),
    use: word => call({ link: { task: 'a', options: { [word]: null } } }),
  },
  { what: 'self.retry', words: keys(OF_RETRY), use: word => checkRetryOptions({ [word]: 1 }) },
  { what: 'get', words: keys(GET), use: word => result.get({ [word]: 1 }) },
  { what: 'get of a group', words: keys(JOIN), use: word => results.get({ [word]: 1 }) },
  { what: 'ready of a group', words: keys(BOUNDS), use: word => results.ready({ [word]: 1 }) },
  { what: 'save of a group', words: keys(BOUNDS), use: word => results.save({ [word]: 1 }) },
  { what: 'graph', words: keys(DEPENDENCIES), use: word => result.graph({ [word]: 1 }) },
  {
    what: 'collect',
    words: [...keys(GET), 'intermediate'],
    use: word => result.collect({ [word]: 1 }).next(),
  },
  { what: 'state', words: keys(BOUNDS), use: word => result.state({ [word]: 1 }) },
  {
    what: 'revoke',
    words: keys(ofControl.REVOKE_TARGET),
    also: ['timeout'],
    use: word => result.revoke({ [word]: 1 }),
  },
  { what: 'ping', words: keys(ofControl.CALL), use: word => app.control.ping({ [word]: 1 }) },
  {
    what: 'broadcast of control',
    words: keys(ofControl.REQUEST),
    use: word => app.control.broadcast('shutdown', {}, { [word]: 1 }),
  },
  { what: 'queue', words: keys(entities.QUEUE), use: word => queue('a', { [word]: 1 }) },
  {
    what: 'exchange',
    words: keys(entities.EXCHANGE),
    use: word => exchange('a', 'topic', { [word]: 1 }),
  },
  {
    what: 'broadcast',
    words: keys(entities.BROADCAST),
    use: word => broadcast('a', { [word]: 1 }),
  },
  { what: 'load', words: keys(ofApp.LOAD), use: word => app.load({ [word]: 1 }) },
  {
    what: 'configFromObject',
    words: keys(ofApp.FROM_OBJECT),
    use: word => app.configFromObject({}, { [word]: 1 }),
  },
  {
    what: 'configFromEnvvar',
    words: keys(ofApp.FROM_ENVVAR),
    use: word => app.configFromEnvvar('X', { [word]: 1 }),
  },
  {
    what: 'autodiscoverTasks',
    words: keys(ofApp.DISCOVERY),
    use: word => app.autodiscoverTasks([], { [word]: 1 }),
  },
  {
    what: 'setupSecurity',
    words: keys(ofApp.SECURITY),
    use: word => app.setupSecurity({ [word]: 1 }),
  },
  {
    what: 'connect',
    words: keys(CONNECT),
    use: word => app.signals.taskPrerun.connect(add, { [word]: 1 }),
  },
  {
    what: 'app.worker',
    words: [
      ...keys(WORKER_SETTINGS),
      'queues',
      'excludeQueues',
      'hostname',
      'optimization',
      'include',
      'purge',
      'loglevel',
      'logFormat',
      'module',
    ],
    also: ['log'],
    use: word => app.worker({ [word]: 1 }),
  },
];

const NAMES: readonly Place[] = [
  { what: 'a setting', words: SETTING_NAMES, use: word => settings({ [word]: null }) },
  {
    what: 'a setting in camelCase',
    words: SETTING_NAMES.map(camel).filter(name => /[A-Z]/.test(name)),
    also: SETTING_NAMES,
    use: word => settings({ [word]: null }),
  },
  {
    what: 'an old name',
    words: SETTING_NAMES.flatMap(name => SETTINGS[name].oldNames),
    also: SETTING_NAMES,
    use: word => settings({ [word.toUpperCase()]: null }),
  },
  {
    what: 'a route',
    words: ROUTE,
    use: word => settings({ task_routes: { a: { [word]: 1 } } }).checkNames(),
  },
  {
    what: 'a queue in task_queues',
    words: DECLARATION_KEYS,
    also: DECLARATION_KEYS.map(camel),
    use: word => settings({ task_queues: [{ name: 'a', [word]: null }] }).queues,
  },
  {
    what: 'an annotation',
    words: keys(OPTION_OF),
    also: ['before_start', 'on_success', 'on_failure', 'on_retry', 'after_return'],
    use: word =>
      settings({ task_annotations: { '*': { [word]: 1 } } }).task('a', () => 1).definition.options,
  },
  ...SETTING_NAMES.flatMap(setting => {
    const parts = /^a map of (.+?)(, or null)?$/.exec(SETTINGS[setting].kind.expects)?.[1];
    const use = (word: string) => settings({ [setting]: { [word]: 1 } });
    return parts ? [{ what: setting, words: parts.split(', '), use }] : [];
  }),
];

/** The settings of which only some words are accepted, with these words. */
const VALUES: readonly Place[] = SETTING_NAMES.flatMap(setting => {
  const { kind } = SETTINGS[setting];
  const quoted = kind.expects.matchAll(/["']([A-Za-z]{3,})["']|\b([A-Z]{4,})\b/g);
  const words = [...quoted].map(match => match[1] ?? match[2]!);
  const read = words.filter(word => kind.read(word) !== UNREADABLE);
  const isOpen = kind.read('no-such-word') !== UNREADABLE;
  const use = (word: string) => settings({ [setting]: word });
  return isOpen || read.length === 0 ? [] : [{ what: setting, words: read, use }];
});

describe('a misspelt word', () => {
  it('is refused as an option, and one wrong letter is told', async t => {
    await assertAllRefused(t, OPTIONS, 500);
  });

  it('is refused as a name in settings, and one wrong letter is told', async t => {
    await assertAllRefused(t, NAMES, 1400);
  });

  it('is refused where a setting takes only some words, and one wrong letter is told', async t => {
    await assertAllRefused(t, VALUES, 60);
  });
});
