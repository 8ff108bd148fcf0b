import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { dirname, join } from 'node:path';
import type { Celery } from '../../app/app.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { printableLines } from '../../base/text/printable.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { checkApp } from '../../worker/steps/check-app.ts';
import { type AppSource, loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { version } from '../terminal/version.ts';

/**
 * Prints what a bug report needs. Opens no connection.
 *
 * @throws ImproperlyConfigured, after that, for what a worker would not start with
 */
export async function run({ globals }: Invocation): Promise<number> {
  const { app, source } = await loadApp(globals);
  try {
    await app.importModules([], source.cwd);
    process.stdout.write(printableLines(report(app, source)));
    await checkApp(app);
  } finally {
    await app.close();
  }
  return EXIT.ok;
}

function report(app: Celery, source: AppSource): string {
  const transport = schemeOf(app.conf.broker_url);
  const results = app.conf.result_backend;
  return `
software -> tscelery:${version()} node:${process.versions.node}
            ${driver(transport)}
platform -> system:${os.type()} arch:${os.arch()}
            kernel version:${os.release()} imp:node
loader   -> ${source.app ?? 'default app'}
settings -> transport:${transport} results:${results === null ? 'disabled' : maskUrl(results)}

${app.conf.humanize()}

`;
}

function schemeOf(url: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? '';
}

/** npm package behind each transport scheme. */
const DRIVERS: readonly (readonly [RegExp, string])[] = [
  [/^(redis|rediss|sentinel|valkey)/, 'ioredis'],
  [/^(amqps?|pyamqp)/, 'amqplib'],
  [/^(sqla|sqlite)/, '@photostructure/sqlite'],
];

function driver(scheme: string): string {
  const name = DRIVERS.find(([schemes]) => schemes.test(scheme))?.[1];
  if (name === undefined) return `${scheme}:N/A`;
  return `${name}:${packageVersion(name) ?? 'not installed'}`;
}

function packageVersion(name: string): string | undefined {
  try {
    return ownVersion(name, createRequire(import.meta.url).resolve(name));
  } catch {
    return undefined;
  }
}

/** A package need not export its package.json, so it is looked for above the main module. */
function ownVersion(name: string, file: string): string | undefined {
  const folder = dirname(file);
  if (folder === file) return undefined;
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return ownVersion(name, folder);
  const found = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string; version?: string };
  return found.name === name ? found.version : ownVersion(name, folder);
}
