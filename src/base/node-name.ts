import { hostname } from 'node:os';
import { ImproperlyConfigured } from './errors.ts';

/**
 * `name@host` from what a user typed after `-n`.
 *
 * As in Celery: text without `@` is the host part, missing parts are filled in, only the
 * first `@` splits.
 */
export function nodeName(text: string | undefined, host: string = hostname()): string {
  if (!text) return `celery@${host}`;
  const at = text.indexOf('@');
  const name = at < 0 ? '' : text.slice(0, at);
  const rest = at < 0 ? text : text.slice(at + 1);
  return `${name || 'celery'}@${rest || host}`;
}

function expand(text: string, values: Record<string, string>, percent = '%'): string {
  return text.replace(/%(%|[A-Za-z])/g, (token, letter: string) => {
    if (letter === '%') return percent;
    const value = values[letter];
    if (value === undefined) {
      const known = Object.keys(values).map(key => `%${key}`);
      throw new ImproperlyConfigured(
        `Unknown format ${token} in string ${JSON.stringify(text)}. Known formats: ${known.join(', ')}; write %% for a percent sign.`,
      );
    }
    return value;
  });
}

/** Expands `%h` (host), `%n` (host up to the first dot), `%d` (domain), `%i`, `%I` in `-n`. */
export function expandHostName(text: string, host: string = hostname()): string {
  const [short = '', ...domain] = host.split('.');
  return expand(text, { h: host, n: short, d: domain.join('.'), i: '0', I: '' });
}

/**
 * Expands the same letters in file names (`--logfile`, `--pidfile`) from a node name:
 * `%p` whole name, `%n` part before `@`, `%h` host, `%d` domain, `%i` child slot (0 in the
 * worker itself), `%I` the same with a dash, empty in the worker itself.
 */
export function expandNodePath(text: string, node: string, slot = 0): string {
  const at = node.indexOf('@');
  const name = at < 0 ? 'celery' : node.slice(0, at);
  const host = node.slice(at + 1);
  return expand(text, {
    p: node,
    n: name || 'celery',
    h: host,
    d: host.split('.').slice(1).join('.'),
    i: String(slot),
    I: slot === 0 ? '' : `-${slot}`,
  });
}

/**
 * Expands what the options of a node may hold that `multi` starts: `%n` and `%N` are the part before
 * `@`, `%h` and `%p` the whole name, `%d` the host. `%i`, `%I` and `%%` are the worker's to expand.
 */
export function expandNodeOption(text: string, node: string): string {
  const at = node.indexOf('@');
  const [name, host] = [node.slice(0, at), node.slice(at + 1)];
  return expand(text, { n: name, N: name, h: node, p: node, d: host, i: '%i', I: '%I' }, '%%');
}
