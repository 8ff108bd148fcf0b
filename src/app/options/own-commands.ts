/** Commands of remote control that a program adds to Celery's. */
import type { Logger } from '../../base/logger.ts';
import {
  text as anyText,
  checkArgument,
  checkOptions,
  code,
  type Kind,
  type Kinds,
  map,
  name as nonEmpty,
} from '../../base/option-kinds.ts';
import type { ControlCommand } from '../../control/commands.ts';
import type { TaskInfo } from '../../control/replies.ts';
import { anyTexts, flag, number, text, type WordKind } from '../../control/words.ts';

/** What a command sees of the worker that runs it. Celery: the handler's argument `state`. */
export interface ControlState<App = unknown> {
  readonly app: App;
  /** Node name. */
  readonly hostname: string;
  readonly logger: Logger;
  /** Tasks that run now. */
  active(): TaskInfo[];
  /** Names of the queues that are consumed. */
  readonly queues: readonly string[];
  /** Messages that the worker may hold; 0 is no limit. */
  readonly prefetchCount: number;
  /** Let the worker hold `n` messages more from now on; fewer when it is negative. */
  increasePrefetchCount(n: number): void;
}

type WordType = StringConstructor | NumberConstructor | BooleanConstructor;
type WordValue<T> = T extends StringConstructor
  ? string
  : T extends NumberConstructor
    ? number
    : boolean;

export type CommandWords = Readonly<Record<string, WordType>>;
export type NoWords = Readonly<Record<never, WordType>>;

/** Any of them may be missing: who sends a command need not know it. */
export type CommandArguments<A extends CommandWords, R extends string> = {
  readonly [K in keyof A]?: WordValue<A[K]>;
} & { readonly [K in R]?: readonly string[] };

export interface OwnCommandOptions<
  A extends CommandWords = CommandWords,
  R extends string = string,
> {
  /** Arguments by name, in the order in which they are typed, with `String`, `Number` or `Boolean`. */
  readonly args?: A;
  /** Name of the argument that takes all words that are left. Celery: `variadic` */
  readonly rest?: R;
  /** The arguments as help shows them; by default their names. */
  readonly signature?: string;
  readonly help?: string;
}

const KINDS = new Map<unknown, WordKind>([
  [String, text],
  [Number, number],
  [Boolean, flag],
]);

const wordTypes: Kind = {
  words: 'an object with String, Number or Boolean for each argument',
  accepts: value =>
    map.accepts(value) && Object.values(value as object).every(each => KINDS.has(each)),
};
const OPTIONS: Kinds<OwnCommandOptions> = {
  args: wordTypes,
  rest: nonEmpty,
  signature: anyText,
  help: anyText,
};

/** @throws TypeError for what declares no command */
export function readOwnCommand(
  kind: ControlCommand['kind'],
  name: unknown,
  options: OwnCommandOptions,
  run: unknown,
): ControlCommand {
  checkArgument(name, nonEmpty, 'The name of a command');
  checkOptions(options, OPTIONS, 'a command');
  checkArgument(run, code, `What runs the command ${JSON.stringify(name)}`);
  const { args = {}, rest, signature, help = '' } = options;
  const names = Object.keys(args).map(each => `[${each}]`);
  return {
    name: name as string,
    kind,
    args: Object.fromEntries(
      Object.entries(args).map(([each, type]) => [each, { kind: KINDS.get(type)! }]),
    ),
    rest: rest === undefined ? undefined : { name: rest, kind: anyTexts },
    signature: signature ?? [...names, ...(rest ? [`[${rest}...]`] : [])].join(' '),
    help,
  };
}
