/** Options of a call as a signature keeps them: in Celery's spelling, as they travel. */
import { isMap } from '../../base/kind-of.ts';
import { snakeCase } from '../../base/text/case.ts';
import { checkKeptOptions } from '../options/option-checks.ts';
import type { ApplyOptions } from '../options/task-options.ts';

/** Belong to the moment of a call, and cannot travel. */
const OF_THE_MOMENT = ['kwargs', 'signal'] as const;
const NOT_KEPT: ReadonlySet<string> = new Set(OF_THE_MOMENT);

/** @throws TypeError for `kwargs` and `signal`, and for an option that is none or of the wrong kind */
export function keptOptions(options: ApplyOptions): Record<string, unknown> {
  checkKeptOptions(options);
  for (const name of OF_THE_MOMENT) {
    if (options[name] === undefined) continue;
    throw new TypeError(`A signature cannot keep ${name}; it is an option of applyAsync.`);
  }
  return travelling(options);
}

/** Those that travel. */
export function travelling(options: ApplyOptions): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || NOT_KEPT.has(name)) continue;
    kept[snakeCase(name)] = plainOf(name, value);
  }
  const { exchange } = options;
  if (isMap(exchange)) kept.exchange_type ??= exchange.type;
  return kept;
}

function plainOf(name: string, value: unknown): unknown {
  if (name === 'link' || name === 'linkError') return Array.isArray(value) ? value : [value];
  if (name === 'retryPolicy') return inCelerySpelling(value as object);
  if (value instanceof Date) return value.toISOString();
  const { name: called } = value as { name?: unknown };
  // a queue or an exchange
  return isMap(value) && typeof called === 'string' ? called : value;
}

const inCelerySpelling = (policy: object) =>
  Object.fromEntries(Object.entries(policy).map(([name, value]) => [snakeCase(name), value]));
