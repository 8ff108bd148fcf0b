import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { isError } from '../../base/kind-of.ts';
import { findFile } from './module-files.ts';

export function moduleErrorText(error: unknown, path: string): string {
  if (!isError(error)) return typeof error === 'string' ? error : inspect(error);
  if (SCHEDULE_CODES.has((error as { code?: unknown }).code)) return withPlace(error, path);
  const stack = error.stack || `${error.name}: ${error.message}`;
  if (error.name === 'SyntaxError' && !mentionsSource(stack)) return syntaxErrorText(path) ?? stack;
  return stack + circularHint(error, stack);
}

/** Thrown where a schedule is written, which is like a setting that is wrong. */
const SCHEDULE_CODES: ReadonlySet<unknown> = new Set(['INVALID_SCHEDULE', 'PARSE_EXCEPTION']);

function withPlace({ name, message, stack = '' }: Error, path: string): string {
  const line = stack.split('\n').find(each => /^\s+at /.test(each) && each.includes(path));
  const place = line && /:(\d+):\d+\)?$/.exec(line)?.[1];
  return `${name}: ${message}${place === undefined ? '' : ` (line ${place})`}`;
}

const PLACE = /((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]*?\.[cm]?[jt]sx?):\d+/;
const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g;

/** When the code that failed and a module that it imports import each other. */
function circularHint({ name }: Error, stack: string): string {
  if (name !== 'TypeError' && name !== 'ReferenceError') return '';
  const place = PLACE.exec(stack.split('\n').find(line => /^\s+at /.test(line)) ?? '')?.[1];
  if (place === undefined) return '';
  const failed = place.startsWith('file:') ? fileURLToPath(place) : place;
  const other = importsOf(failed).find(each => importsOf(each).includes(failed));
  if (other === undefined) return '';
  const [one, two] = [basename(failed), basename(other)];
  return `\n${one} and ${two} import each other, so what ${one} needs was not there yet. If ${two} makes the app, leave the import of ${one} out of it and name the module in the setting include: include: ['./${one}'].`;
}

function importsOf(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return [...text.matchAll(RELATIVE_IMPORT)].flatMap(([, specifier]) => {
    const target = resolve(dirname(file), specifier!);
    const found =
      findFile(target, ['index']) ?? findFile(target.replace(/\.([cm]?)js$/, '.$1ts'), []);
    return found === undefined ? [] : [found];
  });
}

/** Whether the text names a place in code that is not Node's own. */
function mentionsSource(stack: string): boolean {
  return stack.split('\n').some(line => /\.[mc]?[jt]sx?:\d+/.test(line) && !line.includes('node:'));
}

/**
 * Node tells the place of a syntax error only to the console. Nothing of the module has run
 * then, so having another process fail at the same place is harmless.
 */
function syntaxErrorText(path: string): string | undefined {
  const code = `await import(${JSON.stringify(pathToFileURL(path).href)})`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  const end = stderr.search(/\n\s+at |\n\nNode\.js v/);
  return mentionsSource(stderr) ? stderr.slice(0, end < 0 ? undefined : end).trim() : undefined;
}
