/**
 * Celery's commands and options that do not exist here yet, so that the answer to them is "not
 * yet" and not "no such option". What comes to exist loses its row; a test holds the two apart.
 */

const COMMANDS: readonly string[] = ['flower', 'logtool', 'upgrade'];

/** By command; `undefined` stands for the options before it. */
const OPTIONS: ReadonlyMap<string | undefined, readonly string[]> = new Map([
  [undefined, ['--loader', '--skip-checks']],
  ['shell', ['-I', '--ipython', '-B', '--bpython', '--python', '--eventlet', '--gevent']],
]);

export function isCommandNotYet(name: string): boolean {
  return COMMANDS.includes(name);
}

/** The option that Celery has and we do not, as it was typed: `-BE` holds `-B`. */
export function optionNotYet(word: string, command: string | undefined): string | undefined {
  const missing = OPTIONS.get(command) ?? [];
  const [name = word] = word.split('=');
  if (name.startsWith('--')) return missing.find(candidate => candidate === name);
  return missing.find(candidate => candidate === name.slice(0, 2));
}
