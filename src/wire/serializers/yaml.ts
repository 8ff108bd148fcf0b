/**
 * Reads YAML as PyYAML's safe_load does: YAML 1.1, one document, plain data only. The yaml
 * package does the syntax; what an unquoted word means is decided here, because its own YAML
 * 1.1 differs (`y` and `1e5` are strings to PyYAML).
 */

import { isUtf8 } from 'node:buffer';
import type * as Yaml from 'yaml';
import { CeleryError } from '../../base/errors.ts';
import { DecodeError } from '../errors.ts';
import { requirePackage } from '../optional-package.ts';
import { assertWithinLimits, MAX_YAML_BYTES, MAX_YAML_DEPTH } from './decode-limits.ts';
import { readTimestamp, TIMESTAMP } from './yaml-timestamp.ts';

export { yamlEncode } from './yaml-writer.ts';

/**
 * Times that all aliases of a document together may be followed; left to itself, the package gives
 * up at 100.
 */
const MAX_ALIASES = 10_000;

/** Throws DecodeError, also for tags of anything but plain data (`!!python/…`). */
export function yamlDecode(bytes: Buffer): unknown {
  if (bytes.length > MAX_YAML_BYTES) throw broken(`it has more than ${MAX_YAML_BYTES} bytes`);
  if (!isUtf8(bytes)) throw broken('the bytes are not UTF-8');
  try {
    const value = read(bytes.toString('utf8'));
    assertWithinLimits(value, 'YAML');
    return value;
  } catch (error) {
    if (error instanceof CeleryError) throw error;
    throw broken(error instanceof Error ? error.message : String(error), error);
  }
}

function read(text: string): unknown {
  const yaml = requirePackage<typeof Yaml>('yaml', 'YAML content');
  const tokens = [...new yaml.Parser().parse(text)];
  assertDepth(tokens);
  const composer = new yaml.Composer({
    version: '1.1',
    schema: 'failsafe',
    customTags: TAGS,
    merge: false,
    uniqueKeys: false,
    logLevel: 'error',
  });
  const documents = [...composer.compose(tokens, true, text.length)];
  const [document] = documents;
  if (document === undefined) return null;
  if (documents.length > 1) throw broken('it has more than one document');
  // An unknown tag is a warning to the package.
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) throw broken(problem.message, problem);
  return document.toJS({ maxAliasCount: MAX_ALIASES });
}

/** The package builds its values by recursion, its tokens not. */
function assertDepth(tokens: readonly Yaml.CST.Token[]): void {
  const open: [token: Yaml.CST.Token, depth: number][] = tokens.map(token => [token, 0]);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [token, depth] = next;
    // the document itself is a level, and the value in it
    if (depth > MAX_YAML_DEPTH + 1) throw broken(`nested deeper than ${MAX_YAML_DEPTH} levels`);
    if ('items' in token) {
      for (const { key, value } of token.items) {
        if (key) open.push([key, depth + 1]);
        if (value) open.push([value, depth + 1]);
      }
    } else if (token.type === 'document' && token.value) open.push([token.value, depth + 1]);
  }
}

type Resolve = (text: string) => unknown;

/** A meaning of unquoted words; also of any word that has the tag. */
function scalar(name: string, test: RegExp, resolve: Resolve): Yaml.ScalarTag {
  return {
    tag: `tag:yaml.org,2002:${name}`,
    default: true,
    test,
    resolve(text, onError) {
      if (test.test(text)) {
        const value = resolve(text);
        if (value !== undefined) return value;
      }
      onError(`${JSON.stringify(text.slice(0, 80))} is no ${name}`);
      return text;
    },
  };
}

const FLOAT =
  /^(?:[-+]?(?:\d[\d_]*\.[\d_]*(?:[eE][-+]\d+)?|\d[\d_]*(?::[0-5]?\d)+\.[\d_]*|\.(?:inf|Inf|INF))|\.\d[\d_]*(?:[eE][-+]\d+)?|\.(?:nan|NaN|NAN))$/;
const INTEGER =
  /^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][\d_]*|0x[\da-fA-F_]+|[1-9][\d_]*(?::[0-5]?\d)+)$/;

/** In the order in which they are tried. */
const TAGS: Yaml.Tags = [
  scalar('null', /^(?:~|null|Null|NULL|)$/, () => null),
  scalar(
    'bool',
    /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
    text => /^(?:yes|true|on)$/i.test(text),
  ),
  scalar('int', INTEGER, readInteger),
  scalar('float', FLOAT, readFloat),
  scalar('timestamp', TIMESTAMP, readTimestamp),
  {
    tag: 'tag:yaml.org,2002:binary',
    default: false,
    resolve: text => Buffer.from(text, 'base64'),
  } satisfies Yaml.ScalarTag,
  // PyYAML never writes a merge, and following it costs more than a message may.
  {
    tag: 'tag:yaml.org,2002:merge',
    default: true,
    test: /^<<$/,
    resolve(text, onError) {
      onError('merge keys (<<) are not read');
      return text;
    },
  } satisfies Yaml.ScalarTag,
  'set',
];

function readInteger(text: string): number | bigint | undefined {
  const digits = text.replaceAll('_', '').replace(/^[-+]/, '');
  const size = digits.includes(':') ? sexagesimal(digits.split(':')) : unsigned(digits);
  if (size === undefined) return undefined;
  const value = text.startsWith('-') ? -size : size;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function unsigned(digits: string): bigint | undefined {
  if (/^0[xb]$/.test(digits)) return undefined;
  if (/^0[0-7]+$/.test(digits)) return BigInt(`0o${digits.slice(1)}`);
  return BigInt(digits);
}

function sexagesimal(parts: readonly string[]): bigint {
  return parts.reduce((sum, part) => sum * 60n + BigInt(part), 0n);
}

function readFloat(text: string): number {
  const digits = text.replaceAll('_', '').toLowerCase();
  if (digits.endsWith('.nan')) return Number.NaN;
  if (digits.endsWith('.inf')) return digits.startsWith('-') ? -Infinity : Infinity;
  if (!digits.includes(':')) return Number(digits);
  const size = digits
    .replace(/^[-+]/, '')
    .split(':')
    .reduce((sum, part) => sum * 60 + Number(part), 0);
  return digits.startsWith('-') ? -size : size;
}

function broken(how: string, cause?: unknown): DecodeError {
  return new DecodeError(`Not readable as YAML: ${how}.`, { cause });
}
