/**
 * The words after `multi COMMAND`: nodes, options for all of them, options for some (`-c:1-3 10`), and
 * what is passed on as it is. The rules are Celery's; what is known of the worker's options spares their
 * users the traps (a flag that eats the node after it, `--long value`).
 */
import { signalNamed } from '../base/process/signal-names.ts';
import { MultiError } from './errors.ts';

/** An option of the command that nodes are started with, or of `multi` itself. */
export interface KnownOption {
  /** All its spellings; the first one stands for it. */
  readonly flags: readonly string[];
  readonly takesValue: boolean;
  /** Goes before the command: `tscelery -A proj worker`. */
  readonly isGlobal?: boolean;
  readonly isUrl?: boolean;
}

/** An option as it was written, without the nodes that it is for. */
export interface GivenOption {
  readonly flag: string;
  /** Undefined for a flag. */
  readonly value: string | undefined;
}

/** An option with the nodes that it is for: `1`, `w1`, `1-3,5`, `foo,bar`. */
export interface ScopedOption extends GivenOption {
  readonly scope: string;
}

export interface MultiWords {
  readonly names: readonly string[];
  readonly options: readonly GivenOption[];
  readonly scoped: readonly ScopedOption[];
  /** From `--` on, that one included. */
  readonly passThrough: readonly string[];
  /** The last one that was given: `-9`, `-KILL`, `-SIGTERM`. */
  readonly signal: NodeJS.Signals | undefined;
}

export interface Grammar {
  readonly known: readonly KnownOption[];
  /** Whether a signal may be among the words. */
  readonly takesSignal: boolean;
}

/** @throws MultiError for words that are neither a node nor an option, and signals that do not exist */
export function parseWords(words: readonly string[], { known, takesSignal }: Grammar): MultiWords {
  const isFlag = new Map(known.flatMap(row => row.flags.map(flag => [flag, !row.takesValue])));
  const end = words.indexOf('--');
  const ours = words.slice(0, end < 0 ? undefined : end).filter(word => word !== '');
  const names: string[] = [];
  const options: GivenOption[] = [];
  const scoped: ScopedOption[] = [];
  let signal: NodeJS.Signals | undefined;
  for (let i = 0; i < ours.length; i++) {
    const word = ours[i]!;
    if (!word.startsWith('-')) {
      names.push(word);
      continue;
    }
    const found = takesSignal ? signalIn(word, isFlag) : undefined;
    if (found !== undefined) {
      signal = found;
      continue;
    }
    const { takesNext, ...option } = readOption(word, isFlag);
    const next = ours[i + 1];
    if (takesNext && next !== undefined && !next.startsWith('-')) {
      option.value = next;
      i += 1;
    }
    if (option.scope === undefined) options.push({ flag: option.flag, value: option.value });
    else scoped.push({ ...option, scope: option.scope });
  }
  return { names, options, scoped, passThrough: end < 0 ? [] : words.slice(end), signal };
}

type IsFlag = ReadonlyMap<string, boolean>;

interface ReadOption {
  flag: string;
  scope: string | undefined;
  value: string | undefined;
  /** Its value is the next word, if that is none of the options. */
  takesNext: boolean;
}

function readOption(word: string, isFlag: IsFlag): ReadOption {
  const attached = attachedValue(word, isFlag);
  if (attached !== undefined) return attached;
  const [, head = word, value] = /^(--[^=]*)=(.*)$/s.exec(word) ?? [];
  const colon = head.indexOf(':');
  const flag = colon < 0 ? head : head.slice(0, colon);
  const scope = colon < 0 ? undefined : head.slice(colon + 1);
  if (/^--?$/.test(flag)) throw new MultiError(`${JSON.stringify(word)} is no option and no node.`);
  const known = isFlag.get(flag);
  // an unknown short one takes its value as in Celery, an unknown long one has it after "="
  const takesNext = value === undefined && (known === undefined ? !flag.startsWith('--') : !known);
  return { flag, scope, value, takesNext };
}

/** `-c3`, `-Aproj` and `-EC` are one word each. */
function attachedValue(word: string, isFlag: IsFlag): ReadOption | undefined {
  const flag = word.slice(0, 2);
  const rest = word.slice(2);
  const known = flag === '--' ? undefined : isFlag.get(flag);
  if (known === undefined || rest === '' || rest.startsWith(':')) return undefined;
  if (known) return { flag: word, scope: undefined, value: undefined, takesNext: false };
  return { flag, scope: undefined, value: rest, takesNext: false };
}

/** @throws MultiError for what is written as a signal is, and is none */
function signalIn(word: string, isFlag: IsFlag): NodeJS.Signals | undefined {
  if (!/^-(\d{1,2}|[A-Z][A-Z0-9]{2,})$/.test(word)) return undefined;
  try {
    return signalNamed(word.slice(1));
  } catch (cause) {
    if (isFlag.has(word.slice(0, 2))) return undefined;
    throw new MultiError((cause as Error).message, { cause });
  }
}
