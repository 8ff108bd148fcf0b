import { once } from 'node:events';
import { start } from 'node:repl';
import { inspect } from 'node:util';
import { Celery } from '../../app/app.ts';
import { ownVersion } from '../../base/packages/own-version.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { SHELL_OPTIONS } from '../declarations/shell.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';

export async function run(invocation: Invocation<typeof SHELL_OPTIONS>): Promise<number> {
  const { globals, values } = invocation;
  const { app, source } = await loadApp(globals);
  await app.importModules([], source.cwd);
  const names = { app, celery: app, Celery, ...(values.withoutTasks ? {} : tasksByShortName(app)) };
  try {
    if (values.eval === undefined) await prompt(names, globals.quiet ?? false);
    else await evaluate(values.eval, names);
    return EXIT.ok;
  } finally {
    await app.close();
  }
}

/** `add` for `proj.tasks.add`; tasks that share a short name are left to `app.tasks`. */
function tasksByShortName(app: Celery): Record<string, unknown> {
  const tasks = new Map<string, unknown>();
  for (const [name, task] of app.tasks) {
    const short = name.slice(name.lastIndexOf('.') + 1);
    if (name.startsWith('celery.') || !IDENTIFIER.test(short)) continue;
    tasks.set(short, tasks.has(short) ? undefined : task);
  }
  return Object.fromEntries([...tasks].filter(([, task]) => task !== undefined));
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

async function prompt(names: Readonly<Record<string, unknown>>, quiet: boolean): Promise<void> {
  const tasks = Object.keys(names).filter(name => !['app', 'celery', 'Celery'].includes(name));
  if (process.stdin.isTTY && !quiet) {
    const list = tasks.length > 0 ? `, ${tasks.join(', ')}` : '';
    process.stdout.write(
      `tscelery ${ownVersion()}: app, Celery${list}. await works; .exit leaves.\n`,
    );
  }
  const repl = start({ prompt: process.stdin.isTTY ? '> ' : '', useGlobal: true });
  for (const [name, value] of Object.entries(names)) {
    Object.defineProperty(repl.context, name, { value, configurable: true, writable: true });
  }
  await once(repl, 'exit');
}

type Code = (...values: readonly unknown[]) => Promise<unknown>;
const AsyncFunction = (async () => {}).constructor as new (...words: string[]) => Code;

/** An expression's value is printed; statements print what they print. */
async function evaluate(code: string, names: Readonly<Record<string, unknown>>): Promise<void> {
  const value = await compile(code, Object.keys(names))(...Object.values(names));
  if (value === undefined) return;
  const text = typeof value === 'string' ? value : inspect(value, { depth: 6 });
  process.stdout.write(`${text}\n`);
}

function compile(code: string, names: string[]): Code {
  try {
    return new AsyncFunction(...names, `return (${code}\n);`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return new AsyncFunction(...names, code);
  }
}
