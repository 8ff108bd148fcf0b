/**
 * An error as text for tracebacks and logs: its stack without the frames of this library, then
 * what caused it, as Node prints them. Never throws.
 */
import { fileURLToPath } from 'node:url';
import { className, isAggregate, isError } from '../kind-of.ts';
import { PACKAGE_FOLDER } from '../packages/own-modules.ts';
import { saferepr, textOf } from './saferepr.ts';

/** Set to anything but `0`, stacks keep all their frames. */
export const FULL_STACKS = 'TSCELERY_FULL_STACKS';

/**
 * Causes of causes, and errors of an aggregate, that are shown: circles are seen, but a getter may
 * make ever new ones.
 */
const MOST_LEVELS = 8;
const MOST_ERRORS = 8;
/** Characters, from which on no further cause is begun: tracebacks are stored with results. */
const MOST_TEXT = 32_768;

/** `TypeError: fetch failed`, its frames, and `[cause]: Error: connect ECONNREFUSED …` */
export function errorText(error: Error): string {
  const lines: string[] = [];
  put(lines, error, { label: '', indent: '', seen: new Set() });
  return lines.join('\n');
}

/** The parts of an error, or of anything else that was thrown. */
export function errorShape(thrown: unknown): { name: string; message: string; stack: string } {
  if (!isError(thrown)) return { name: 'Error', message: saferepr(thrown), stack: '' };
  return { name: textOf(thrown.name), message: textOf(thrown.message), stack: errorText(thrown) };
}

/**
 * A stack without frames of this library and what Node did for it; all of it when nothing is left,
 * since the fault is ours then.
 */
export function trimmedStack(stack: string): string {
  const full = process.env[FULL_STACKS];
  if (full !== undefined && full !== '' && full !== '0') return stack;
  let seenOurs = false;
  let frames = 0;
  const kept = stack.split('\n').filter(line => {
    if (!FRAME.test(line)) return true;
    const ours = OWN.some(part => line.includes(part)) || OTHER_COPY.test(line);
    seenOurs ||= ours;
    if (ours || (seenOurs && NODE_FRAME.test(line))) return false;
    frames += 1;
    return true;
  });
  return frames === 0 ? stack : kept.join('\n');
}

const FRAME = /^\s+at \S/;
const NODE_FRAME = /(?:^\s+at (?:async )?|\()node:/;
/** Of a user's project that has installed this library once more. */
const OTHER_COPY = /[\\/]node_modules[\\/]tscelery[\\/](?:dist|src)[\\/]/;
const OWN: readonly string[] = ['src/', 'dist/'].flatMap(folder => {
  const url = new URL(folder, PACKAGE_FOLDER);
  return [url.href, fileURLToPath(url)];
});

interface Place {
  readonly label: string;
  readonly indent: string;
  readonly seen: ReadonlySet<object>;
}

function put(lines: string[], value: unknown, { label, indent, seen }: Place): void {
  const text = isError(value) ? stackOf(value) : saferepr(value);
  const [first, ...more] = text.split('\n');
  lines.push(`${indent}${label}${first}`, ...more.map(line => `${indent}${line}`));
  if (!isError(value)) return;
  const deeper = { indent: `${indent}  `, seen: new Set(seen).add(value) };
  for (const [name, inner] of innerOf(value)) {
    const place = { ...deeper, label: `[${name}]: ` };
    if (typeof inner === 'object' && inner !== null && deeper.seen.has(inner)) {
      lines.push(`${place.indent}${place.label}[Circular]`);
    } else if (deeper.seen.size > MOST_LEVELS || lengthOf(lines) > MOST_TEXT) {
      lines.push(`${place.indent}${place.label}...`);
      return;
    } else put(lines, inner, place);
  }
}

function lengthOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}

function stackOf(error: Error): string {
  try {
    const { stack, name, message } = error;
    return typeof stack === 'string' && stack !== ''
      ? trimmedStack(stack)
      : `${String(name)}: ${String(message)}`;
  } catch {
    return className(error);
  }
}

/** What stands behind an error, in the order of Node's own output. */
function innerOf(error: Error): [name: string, value: unknown][] {
  try {
    const { cause, message } = error;
    // what was thrown and is no error has become the message
    const isShown = !isError(cause) && (cause === message || saferepr(cause) === message);
    const inner: [string, unknown][] =
      cause === undefined || cause === null || isShown ? [] : [['cause', cause]];
    if (!isAggregate(error)) return inner;
    const { errors } = error;
    for (const one of errors.slice(0, MOST_ERRORS)) inner.push(['error', one]);
    const left = errors.length - MOST_ERRORS;
    if (left > 0) inner.push(['error', `... ${left} more`]);
    return inner;
  } catch {
    return [];
  }
}
