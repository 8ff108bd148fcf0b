/** What a sub-command is: its declaration (declarations/), and the code that runs it (commands/). */
import type { GlobalValues } from './global-options.ts';
import type { Options, Values } from './option.ts';

export interface Argument {
  /** As shown in the usage, for example `TASK_ID`. */
  readonly name: string;
  readonly help: string;
  /** Takes all that is left, which may be nothing. */
  readonly rest?: boolean;
}

export interface Invocation<O extends Options = Options> {
  readonly command: string;
  readonly globals: GlobalValues;
  readonly values: Values<O>;
  /** Those that are no options; all that follow its name when the command reads them itself. */
  readonly words: readonly string[];
  /** Those before its name, as they were typed. */
  readonly globalWords: readonly string[];
}

export interface CommandModule<O extends Options = Options> {
  /** Resolves with the exit code. */
  run(invocation: Invocation<O>): Promise<number>;
}

/** All that parsing, help and docs/cli.md know of it. */
export interface Declaration<O extends Options = Options> {
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly Argument[];
  readonly options: O;
  /** Goes on until somebody stops it, and does not wait for readers of its output then. */
  readonly isService?: boolean;
  /** Ruled by the signals of `process/signals/table.ts` from its first moment on. */
  readonly heedsSignals?: boolean;
  /** Reads its words itself: `options` are for help, docs/cli.md and the environment. */
  readonly readsWords?: boolean;
}

export interface Command<O extends Options = Options> extends Declaration<O> {
  load(): Promise<CommandModule<O>>;
}

/** Imports the code only when the command runs: help must not cost a driver. */
export function command<O extends Options>(
  declaration: Declaration<O>,
  load: () => Promise<CommandModule<O>>,
): Command<O> {
  return { ...declaration, load };
}

export function usageOf(command: Command | undefined): string {
  if (!command) return 'tscelery [OPTIONS] COMMAND [ARGS]...';
  const words = command.arguments.map(({ name, rest }) => (rest ? `[${name}]...` : name));
  return ['tscelery', command.name, '[OPTIONS]', ...words].join(' ');
}
