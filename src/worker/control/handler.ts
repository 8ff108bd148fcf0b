import type { WorkerParts } from '../assembly.ts';

export type Arguments = Readonly<Record<string, unknown>>;

/** Does a command; what it returns is the reply, `undefined` is none. What it throws is a reply, too. */
export type Handler = (worker: WorkerParts, args: Arguments) => unknown;

export const ok = (text: string) => ({ ok: text });
export const refused = (text: string) => ({ error: text });

/** What a message has where a list of texts is meant: one text is a list of one, as in Celery. */
export function texts(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

/** @throws TypeError for what is no number */
export function numberOr(value: unknown, fallback: number, name: string): number {
  if (value === undefined || value === null) return fallback;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new TypeError(`${name} must be a whole number, got ${JSON.stringify(value)}`);
}
