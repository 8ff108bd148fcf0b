import { didYouMean } from '../base/text/nearest.ts';
import { CONTROL_COMMANDS, type ControlCommand } from './commands.ts';

/** What runs a command of the app's own; `state` is what the worker shows of itself. */
export type OwnHandler = (state: never, args: never) => unknown;

const BUILT_IN = new Map(
  CONTROL_COMMANDS.flatMap(row => [row.name, ...(row.aliases ?? [])].map(name => [name, row])),
);

export class CommandRegistry {
  readonly #own = new Map<string, { readonly row: ControlCommand; readonly run: OwnHandler }>();

  /** @throws TypeError for a name of Celery's */
  add(row: ControlCommand, run: OwnHandler): void {
    if (BUILT_IN.has(row.name)) {
      throw new TypeError(
        `There is a command ${JSON.stringify(row.name)} already: it is Celery's.`,
      );
    }
    this.#own.set(row.name, { row, run });
  }

  find(name: string): ControlCommand | undefined {
    return BUILT_IN.get(name) ?? this.#own.get(name)?.row;
  }

  handlerOf(name: string): OwnHandler | undefined {
    return this.#own.get(name)?.run;
  }

  /** Those that people may type, in the order of help: Celery's, then the app's own. */
  offered(kind: ControlCommand['kind']): ControlCommand[] {
    const own = [...this.#own.values()].map(({ row }) => row);
    return [...CONTROL_COMMANDS, ...own].filter(row => row.kind === kind && !row.isHidden);
  }
}

/**
 * What is wrong with the arguments of a message, as Python would say it; undefined when nothing is.
 * Values that a command looks at itself are not looked at here.
 */
export function slipInArguments(
  row: ControlCommand,
  args: Readonly<Record<string, unknown>>,
): string | undefined {
  const known = [
    ...Object.keys(row.args),
    ...(row.rest ? [row.rest.name] : []),
    ...(row.more ?? []),
  ];
  for (const [name, { required }] of Object.entries(row.args)) {
    if (required && args[name] == null) return `${row.name}() missing the argument '${name}'`;
  }
  if (known.includes('*')) return undefined;
  const stranger = Object.keys(args).find(name => !known.includes(name));
  if (stranger === undefined) return undefined;
  return `${row.name}() got an unexpected keyword argument '${stranger}'.${didYouMean(stranger, known)}`;
}
