/**
 * The one error of the system that keeps us from saying what went wrong as usual: code that is only
 * loaded when it is needed cannot be loaded any more.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const CODES: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE']);
/**
 * How the errors of files, processes and threads begin that have such a code. A thread tells its
 * code only there ("Worker initialization failure: EMFILE"), and from a child there comes but text.
 */
const TEXT = /(?:^|: |\b(?:connect|spawn(?: \S+)?) )(EMFILE|ENFILE)\b/;
/** What Node says of a package whose package.json it could not read, be it only for want of a file. */
const UNREAD_PACKAGE = /Cannot find package '([^']+[\\/]index\.js)' imported from /;
/** More causes than that are a circle. */
const MOST_CAUSES = 10;

let limit: string | undefined;

/**
 * Finds out how many files this process may have open. Asking costs an open file itself: who wants
 * the number in an error asks before there is one.
 */
export function noteFileLimit(): void {
  if (limit !== undefined || process.platform !== 'linux') return;
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    limit = /^Max open files +(\S+)/m.exec(limits)?.[1];
  } catch {
    // the sentence has to do without it
  }
}

/** What to tell of an error, or the text of one, that says that no more files can be opened. */
export function openFilesText(error: unknown): string | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  if (code === 'ENFILE') return 'Too many open files: this system can open no more.';
  noteFileLimit();
  const most = limit === undefined ? 'no more' : limit;
  return `Too many open files: this process may open ${most} (ulimit -n).`;
}

function codeOf(error: unknown): string | undefined {
  for (let cause = error, depth = 0; depth < MOST_CAUSES; depth++) {
    if (typeof cause === 'string') return codeIn(cause);
    if (!(cause instanceof Error)) return undefined;
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== undefined && CODES.has(code)) return code;
    const named = codeIn(cause.message);
    if (named !== undefined) return named;
    cause = cause.cause;
  }
  return undefined;
}

function codeIn(text: string): string | undefined {
  const entry = UNREAD_PACKAGE.exec(text)?.[1];
  if (entry !== undefined) return saysWhereItIs(dirname(entry)) ? 'EMFILE' : undefined;
  return TEXT.exec(text)?.[1];
}

/** Whether Node would not have looked for an `index.js` in that folder, had it read its package.json. */
function saysWhereItIs(folder: string): boolean {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    const { exports, main } = JSON.parse(text) as { exports?: unknown; main?: unknown };
    return exports != null || (typeof main === 'string' && existsSync(join(folder, main)));
  } catch (error) {
    return CODES.has((error as NodeJS.ErrnoException).code);
  }
}
