import { createRequire } from 'node:module';
import os from 'node:os';
import type { Celery } from '../../app/app.ts';
import { maskUrl } from '../../base/mask-url.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { Invocation } from '../command.ts';
import { type AppSource, loadApp } from '../load-app.ts';
import { version } from '../version.ts';

/** Prints what a bug report needs. Opens no connection. */
export async function run({ globals }: Invocation): Promise<number> {
  const { app, source } = await loadApp(globals);
  await app.importModules([], source.cwd);
  process.stdout.write(report(app, source));
  await app.close();
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
    return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}
