import { printable } from '../base/text/printable.ts';
import type { Execution } from './execution.ts';

/** `name[id]`, as logs show a run. */
export function label(x: Execution): string {
  if (!x.headers) return `${x.task.name}[?]`;
  return printable(`${x.headers.shadow ?? x.headers.task}[${x.headers.id}]`);
}
