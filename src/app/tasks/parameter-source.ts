/**
 * Reads the parameter list out of a function's source text.
 *
 * JavaScript keeps no parameter names at run time; the text of the function is the only
 * place where they can be found.
 */

import { isClassSource } from '../../base/kind-of.ts';

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** After one of these a `/` starts a regular expression, elsewhere it divides. */
const BEFORE_REGEXP = new Set([...'=([{,;:?!&|+-*%~^<>', '']);

/** The index after the string, template, comment, regular expression or bracket that starts at `at`. */
function skip(source: string, at: number, before: string): number {
  const char = source[at]!;
  if (char === '"' || char === "'" || char === '`') return skipQuoted(source, at);
  if (char === '/') return skipSlash(source, at, before);
  if (CLOSING[char] !== undefined) return skipBracket(source, at);
  return at + 1;
}

function skipQuoted(source: string, at: number): number {
  const quote = source[at]!;
  let i = at + 1;
  while (i < source.length && source[i] !== quote) {
    if (source[i] === '\\') i += 2;
    else if (quote === '`' && source.startsWith('${', i)) i = skipBracket(source, i + 1);
    else i++;
  }
  return i + 1;
}

function skipSlash(source: string, at: number, before: string): number {
  const end = (found: number, length: number) => (found < 0 ? source.length : found + length);
  if (source[at + 1] === '/') return end(source.indexOf('\n', at), 1);
  if (source[at + 1] === '*') return end(source.indexOf('*/', at + 2), 2);
  if (!BEFORE_REGEXP.has(before)) return at + 1;
  let inClass = false;
  let i = at + 1;
  for (; i < source.length && (inClass || source[i] !== '/'); i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === '[') inClass = true;
    else if (source[i] === ']') inClass = false;
  }
  return i + 1;
}

function skipBracket(source: string, at: number): number {
  const close = CLOSING[source[at]!]!;
  let before = '';
  let i = at + 1;
  while (i < source.length && source[i] !== close) {
    const char = source[i]!;
    const next = skip(source, i, before);
    if (char.trim() !== '' && !isComment(source, i)) before = char;
    i = next;
  }
  return i + 1;
}

function isComment(source: string, at: number): boolean {
  return source[at] === '/' && (source[at + 1] === '/' || source[at + 1] === '*');
}

/** `text` cut at every top-level `separator`, comments left out, trimmed; a trailing empty part is dropped. */
export function splitTopLevel(text: string, separator: string, limit = Infinity): string[] {
  const parts = [''];
  let before = '';
  for (let i = 0; i < text.length; ) {
    const char = text[i]!;
    const next = skip(text, i, before);
    if (char === separator && parts.length < limit) parts.push('');
    else if (!isComment(text, i)) parts[parts.length - 1] += text.slice(i, next);
    if (char.trim() !== '' && !isComment(text, i)) before = char;
    i = next;
  }
  const trimmed = parts.map(part => part.trim());
  if (trimmed.at(-1) === '') trimmed.pop();
  return trimmed;
}

/** The text of each declared parameter, or undefined when the source does not show them (native, bound). */
export function parameterTexts(source: string): string[] | undefined {
  const isNative = /\{\s*\[native code\]\s*\}\s*$/.test(source);
  if (isNative || isClassSource(source)) return undefined;
  const bareArrow = /^(?:async\s+)?([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>/u.exec(source);
  if (bareArrow) return [bareArrow[1]!];
  const open = findOpening(source);
  if (open === undefined) return undefined;
  return splitTopLevel(source.slice(open + 1, skipBracket(source, open) - 1), ',');
}

/** Where the parameter list begins: the first parenthesis outside a comment, string or computed name. */
function findOpening(source: string): number | undefined {
  for (let i = 0; i < source.length; ) {
    if (source[i] === '(') return i;
    i = skip(source, i, '');
  }
  return undefined;
}
