/** From the words that name nodes to node names: `3`, `w1 w2`, `foo@host`. */
import { hostname } from 'node:os';
import { expandHostName } from '../base/node-name.ts';
import { MultiError } from './errors.ts';

export interface Naming {
  /** Host part of all nodes (`-n`, `--hostname`), `%h` and so on expanded; default: this host. */
  readonly hostname?: string | undefined;
  /** Before every name that has no `@`, but not before those of a range. */
  readonly prefix?: string | undefined;
  /** Host part instead of `hostname`; `""` is none. */
  readonly suffix?: string | undefined;
  /** Before the numbers of a range; default `celery`. */
  readonly rangePrefix?: string | undefined;
}

export interface NodeName {
  /** As it was written, or its number in a range. */
  readonly given: string;
  /** Before `@`. */
  readonly short: string;
  readonly node: string;
}

/** Beyond any machine; a number that was not meant as one ends here. */
const MOST_NODES = 10_000;

/**
 * A single whole number is that many nodes, whatever else are names.
 *
 * @throws MultiError for names that cannot be those of files, and names given twice
 */
export function nodeNames(words: readonly string[], naming: Naming): NodeName[] {
  const host = hostOf(naming);
  const count = countIn(words);
  const given = count === undefined ? words : Array.from({ length: count }, (_, i) => `${i + 1}`);
  const prefix = count === undefined ? (naming.prefix ?? '') : naming.rangePrefix || 'celery';
  const names = given.map(word => nameOf(word, prefix, host));
  refuseTwice(names);
  return names;
}

function hostOf(naming: Naming): string {
  if (naming.suffix === '""' || naming.suffix === "''") return '';
  return naming.suffix || naming.hostname || hostname();
}

function countIn(words: readonly string[]): number | undefined {
  if (words.length !== 1 || !/^\d+$/.test(words[0]!)) return undefined;
  const count = Number(words[0]);
  if (count <= MOST_NODES) return count;
  throw new MultiError(`${words[0]} are too many nodes: ${MOST_NODES} are the most.`);
}

function nameOf(word: string, prefix: string, host: string): NodeName {
  if (word.includes('=')) {
    throw new MultiError(
      `${JSON.stringify(word)} is no name for a node. A setting for every worker stands after "--": -- ${word}`,
    );
  }
  const node = expandHostName(word.includes('@') ? word : `${prefix}${word}@${host}`);
  const short = node.slice(0, node.indexOf('@'));
  // it becomes part of the names of files
  if (short === '' || /[/\\\s\0]/.test(short)) {
    throw new MultiError(
      `${JSON.stringify(word)} is no name for a node: it is a word before "@", without "/" and blanks.`,
    );
  }
  return { given: word, short, node };
}

function refuseTwice(names: readonly NodeName[]): void {
  const seen = new Set<string>();
  for (const { node } of names) {
    if (seen.has(node)) throw new MultiError(`The node ${node} is named twice.`);
    seen.add(node);
  }
}
