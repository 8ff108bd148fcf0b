/** A node as it is started: its command line and its files. */
import { resolve } from 'node:path';
import { expandNodeOption, expandNodePath } from '../base/node-name.ts';
import { shellWords } from '../base/text/shell-words.ts';
import { MultiError } from './errors.ts';
import type { GivenOption, KnownOption } from './grammar.ts';
import type { NodeName } from './names.ts';

/** What starts a worker in the background. */
export interface WorkerProgram {
  readonly executable: string;
  /** Up to where the global options go. */
  readonly words: readonly string[];
  /** After those. */
  readonly command: readonly string[];
}

export interface Node {
  /** For example `w1@host`. */
  readonly name: string;
  readonly executable: string;
  /** What follows the executable. */
  readonly words: readonly string[];
  /** Where its process runs, and what the paths of its files are relative to. */
  readonly workdir: string;
  readonly pidfile: string;
  readonly logfile: string;
  /** Runs as somebody else than who starts it. */
  readonly changesUser: boolean;
  /** Is started by the words of `--cmd`, which may be those of another program. */
  readonly hasOwnCommand: boolean;
}

const PIDFILE: GivenOption = { flag: '--pidfile', value: '/var/run/celery/%n.pid' };
const LOGFILE: GivenOption = { flag: '--logfile', value: '/var/log/celery/%n%I.log' };

/** Options by the flag that stands for all their spellings: of two of one option the later counts. */
export class NodeOptions {
  readonly #rows: ReadonlyMap<string, KnownOption>;
  readonly #options = new Map<string, GivenOption>();

  constructor(known: readonly KnownOption[], options: Iterable<GivenOption> = []) {
    this.#rows = new Map(known.flatMap(row => row.flags.map(flag => [flag, row])));
    for (const option of options) this.set(option);
  }

  set(option: GivenOption): void {
    this.#options.set(this.#key(option.flag), option);
  }

  setDefault(option: GivenOption): void {
    if (!this.#options.has(this.#key(option.flag))) this.set(option);
  }

  get(flag: string): string | undefined {
    return this.#options.get(this.#key(flag))?.value;
  }

  /** @returns its value */
  take(flag: string): string | undefined {
    const value = this.get(flag);
    this.#options.delete(this.#key(flag));
    return value;
  }

  rowOf({ flag }: GivenOption): KnownOption | undefined {
    return this.#rows.get(flag);
  }

  [Symbol.iterator](): Iterator<GivenOption> {
    return this.#options.values();
  }

  #key(flag: string): string {
    return this.#rows.get(flag)?.flags[0] ?? flag;
  }
}

/** What is the same for all nodes. */
export interface CommandParts {
  readonly program: WorkerProgram;
  /** Of `--cmd`. */
  readonly cmd: string | undefined;
  /** Of `--append`. */
  readonly append: string | undefined;
  readonly passThrough: readonly string[];
}

/**
 * @param options of this node alone; changed
 * @throws MultiError for a `--cmd` in which the global options have no place
 */
export function makeNode({ node }: NodeName, options: NodeOptions, parts: CommandParts): Node {
  const { program, cmd, append, passThrough } = parts;
  options.take('-n');
  options.set({ flag: '-n', value: node });
  options.setDefault(PIDFILE);
  options.setDefault(LOGFILE);
  options.setDefault({ flag: '--executable', value: program.executable });
  const expanded = new NodeOptionsText(options, node);
  const [before, after] = commandWords(program, cmd && expandNodeOption(cmd, node));
  const workdir = resolve(expanded.valueOf('--workdir') ?? '.');
  const path = (flag: string) =>
    resolve(workdir, expandNodePath(expanded.valueOf(flag) ?? '', node));
  return {
    name: node,
    executable: expanded.valueOf('--executable') ?? program.executable,
    words: [
      ...before,
      ...expanded.words(true),
      ...after,
      ...expanded.words(false),
      ...passThrough,
      ...shellWords(expandNodeOption(append ?? '', node)),
    ],
    workdir,
    pidfile: path('--pidfile'),
    logfile: path('--logfile'),
    changesUser: [...options].some(({ flag }) => flag === '--uid' || flag === '--gid'),
    hasOwnCommand: cmd !== undefined,
  };
}

/** Options as words of a command line, with what stands for the node's name put in. */
class NodeOptionsText {
  readonly #options: NodeOptions;
  readonly #node: string;

  constructor(options: NodeOptions, node: string) {
    this.#options = options;
    this.#node = node;
  }

  valueOf(flag: string): string | undefined {
    const value = this.#options.get(flag);
    return value && expandNodeOption(value, this.#node);
  }

  words(areGlobal: boolean): string[] {
    return [...this.#options]
      .filter(option => (this.#options.rowOf(option)?.isGlobal ?? false) === areGlobal)
      .flatMap(option => this.#words(option));
  }

  #words(option: GivenOption): string[] {
    const row = this.#options.rowOf(option);
    const { flag, value } = option;
    if (value === undefined) return [flag];
    // the percent signs of a URL are its own
    const text = row?.isUrl ? value : expandNodeOption(value, this.#node);
    // Celery took -p as well; no worker does
    if (row?.flags[0] === PIDFILE.flag) return [`${PIDFILE.flag}=${text}`];
    return flag.startsWith('--') ? [`${flag}=${text}`] : [flag, text];
  }
}

/** The words before and after the global options. */
function commandWords(program: WorkerProgram, cmd: string | undefined): [string[], string[]] {
  if (cmd === undefined) return [[...program.words], [...program.command]];
  const words = shellWords(cmd);
  const at = words.findIndex(word => /(^|[/\\])(ts)?celery(\.[cm]?[jt]s)?$/.test(word)) + 1;
  if (at === 0) {
    throw new MultiError(
      `--cmd=${JSON.stringify(cmd)} has no word "tscelery" or "celery", after which the global options go.`,
    );
  }
  return [words.slice(0, at), words.slice(at)];
}
