/** What a bug report needs to say of an app and of what is installed. Opens no connection. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { ownVersion } from '../base/packages/own-version.ts';
import { maskUrl } from '../base/text/mask-url.ts';
import type { Celery } from './app.ts';

export function bugReport(app: Celery, loader?: string): string {
  const transport = schemeOf(app.conf.broker_url);
  const results = app.conf.result_backend;
  return `
software -> tscelery:${ownVersion()} node:${process.versions.node}
            ${driver(transport)}
platform -> system:${os.type()} arch:${os.arch()}
            kernel version:${os.release()} imp:node
loader   -> ${loader ?? 'default app'}
settings -> transport:${transport} results:${results === null ? 'disabled' : maskUrl(results)}

${app.conf.humanize()}

`;
}
function schemeOf(url: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? '';
}

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
    return versionIn(name, createRequire(import.meta.url).resolve(name));
  } catch {
    return undefined;
  }
}

/** A package need not export its package.json, so it is looked for above the main module. */
function versionIn(name: string, file: string): string | undefined {
  const folder = dirname(file);
  if (folder === file) return undefined;
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return versionIn(name, folder);
  const found = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string; version?: string };
  return found.name === name ? found.version : versionIn(name, folder);
}
