/** `tscelery chord`: chords that stand still, seen through the contract of result stores alone. */
import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { printableLines } from '../../base/text/printable.ts';
import { readSignature, type SignatureData } from '../../canvas/signature.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { repairJson, repairLine, report, reportJson } from '../chords/chord-report.ts';
import { type ChordState, type CountingBackend, chordState } from '../chords/chord-state.ts';
import { repairChord } from '../chords/repair.ts';
import type { CHORD_OPTIONS } from '../declarations/chord.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError, UsageError } from '../parsing/command-error.ts';
import type { Values } from '../parsing/option.ts';

type ChordValues = Values<typeof CHORD_OPTIONS>;

interface Errand {
  readonly app: Celery;
  readonly backend: CountingBackend;
  readonly values: ChordValues;
  readonly body: SignatureData | undefined;
}

const ACTIONS = { inspect, repair } as const;
type Action = keyof typeof ACTIONS;

const HELP = `Usage: tscelery chord COMMAND [OPTIONS] GROUP_ID...

Commands:
  inspect  Which parts have ended, which have not, and what is wrong.
  repair   Count what was not counted, and send a body that was not sent.`;

/** Options that are about one chord. */
const OF_ONE = ['task', 'size', 'body'] as const;

export async function run(invocation: Invocation<typeof CHORD_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  if (words.length === 0) {
    process.stdout.write(`${HELP}\n`);
    return EXIT.ok;
  }
  const { action, groupIds } = readAction(words, values);
  const body = readBody(values);
  const { app } = await loadApp(globals);
  try {
    const errand = { app, backend: await countingBackend(app), values, body };
    let code: number = EXIT.ok;
    for (const groupId of groupIds) {
      if (!(await about(errand, groupId, ACTIONS[action]))) code = EXIT.failure;
    }
    return code;
  } finally {
    await app.close();
  }
}

function readAction(words: readonly string[], values: ChordValues) {
  const [word = '', ...groupIds] = words;
  const known = Object.keys(ACTIONS);
  if (!known.includes(word)) {
    throw usage(`No such command '${word}'.${didYouMean(word, known)} Known: ${known.join(', ')}.`);
  }
  if (groupIds.length === 0) throw usage("Missing argument 'GROUP_ID'.");
  if (groupIds.some(id => id.trim() === '')) {
    throw usage("Invalid value for 'GROUP_ID': it is empty.");
  }
  const alone = OF_ONE.find(name => values[name] !== undefined);
  if (alone && groupIds.length > 1) throw usage(`'--${alone}' is about one chord.`);
  for (const name of ['size', 'body'] as const) {
    if (word === 'inspect' && values[name] !== undefined) {
      throw usage(`'--${name}' goes with repair, not with inspect.`);
    }
  }
  return { action: word as Action, groupIds: [...new Set(groupIds)] };
}

function readBody({ body }: ChordValues): SignatureData | undefined {
  if (body === undefined) return undefined;
  try {
    return readSignature(body);
  } catch (error) {
    throw usage(`Invalid value for '--body': ${(error as Error).message}`);
  }
}

function usage(message: string): UsageError {
  return new UsageError(message, { command: 'chord' });
}

async function countingBackend(app: Celery): Promise<CountingBackend> {
  const backend = await app[INTERNALS].backend();
  if (backend.chords) return backend as CountingBackend;
  throw new CommandError(
    `The result backend ${backend.url} does not count the parts of chords. Use one that does, for example "redis://localhost/1".`,
  );
}

/** One chord's trouble must not keep the others from being looked at. */
async function about(errand: Errand, groupId: string, act: typeof repair): Promise<boolean> {
  try {
    const { backend, values } = errand;
    const state = await chordState(backend, groupId, values.task);
    if (!state) throw new CommandError(await unknown(errand, groupId));
    checkTold(state);
    process.stdout.write(`${await act(errand, state)}\n`);
    return true;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`Error: ${printableLines(error.message)}\n`);
    return false;
  }
}

async function unknown({ backend }: Errand, id: string): Promise<string> {
  const group = (await backend.fetch(id))?.group_id;
  const hint = group ? ` It is a task of the group ${group}.` : '';
  return `Nothing is known of a chord ${id}: its body was sent, or it expired, or there was none.${hint}`;
}

/** @throws CommandError when what was told by --task contradicts the store */
function checkTold({ source, counted, uncounted, size, groupId }: ChordState): void {
  if (source !== 'told') return;
  const all = counted.length + uncounted.length;
  if (size !== undefined && all > size) {
    throw new CommandError(
      `The chord ${groupId} has ${size} parts, but --task names others than those that were counted.`,
    );
  }
  for (const { index, taskId } of counted) {
    const other = uncounted.find(({ place }) => place !== null && place === index);
    if (!other) continue;
    throw new CommandError(
      `--task has ${other.taskId} in place ${index} of the chord ${groupId}, where ${taskId} was counted.`,
    );
  }
}

async function inspect({ values }: Errand, state: ChordState): Promise<string> {
  return values.json ? reportJson(state) : report(state);
}

async function repair(errand: Errand, found: ChordState): Promise<string> {
  const { values } = errand;
  const state = found.size === undefined ? await sized(errand, found) : found;
  if (found.size !== undefined && values.size !== undefined && values.size !== found.size) {
    throw new CommandError(
      `The chord ${found.groupId} has ${found.size} parts, not ${values.size}.`,
    );
  }
  const repaired = await repairChord(errand, state);
  return values.json ? repairJson(state, repaired) : repairLine(state, repaired);
}

/** A size is stored once: what was told by mistake cannot be taken back. */
async function sized(
  { backend, values }: Errand,
  { groupId, ...found }: ChordState,
): Promise<ChordState> {
  if (values.size === undefined) return { groupId, ...found };
  if (values.size < found.counted.length) {
    throw new CommandError(
      `--size ${values.size} is too small: ${found.counted.length} parts of the chord ${groupId} are counted.`,
    );
  }
  await backend.chords.setSize(groupId, values.size);
  return (await chordState(backend, groupId, values.task)) ?? { groupId, ...found };
}
