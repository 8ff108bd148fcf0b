/** The hooks of typescript-loader.mjs. Every process of the tests runs them: they import little. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const ROOT = new URL('../../', import.meta.url).href;
const CACHE = fileURLToPath(new URL('node_modules/.cache/tscelery-tests/', ROOT));
/** As `paths` in tsconfig.json has it. */
const PACKAGE = new Map([
  ['tscelery', new URL('src/index.ts', ROOT).href],
  ['tscelery/testing', new URL('src/testing/index.ts', ROOT).href],
]);
const OPTIONS = {
  target: 'es2023',
  module: 'esnext',
  verbatimModuleSyntax: true,
  inlineSourceMap: true,
};
/** Other versions and options make other files of the same text. */
const COMPILER = JSON.stringify([require('typescript/package.json').version, OPTIONS]);
const HASH_LENGTH = 40;

const isTypeScript = url => /^file:.*\.ts(\?.*)?$/.test(url) && !url.includes('/node_modules/');
const isOurs = url => url.startsWith(ROOT) && isTypeScript(url);

/** Answers at once for our own files, which are nearly all there is. */
export function resolve(specifier, context, nextResolve) {
  const url = urlOf(specifier, context.parentURL);
  if (url !== undefined) return { url, format: 'module', shortCircuit: true };
  return nextResolve(specifier, context);
}

function urlOf(specifier, parent = '') {
  if (isOurs(specifier)) return specifier;
  // programs that a test wrote mean the sources, too
  const isNamed = PACKAGE.has(specifier) && (parent.startsWith(ROOT) || isTypeScript(parent));
  if (isNamed) return PACKAGE.get(specifier);
  if (!specifier.startsWith('.') || !parent.startsWith(ROOT)) return undefined;
  const { href } = new URL(specifier, parent);
  return isOurs(href) ? href : undefined;
}

export function load(url, context, nextLoad) {
  if (!isTypeScript(url)) return nextLoad(url, context);
  const path = fileURLToPath(url);
  // a program that a test wrote would never be seen again
  const source = isOurs(url) ? cachedFile(path) : compile(path, readFileSync(path, 'utf8'));
  return { format: 'module', source, shortCircuit: true };
}

/** One file of the cache for each of ours, with the hash of what it was made of in front. */
export function cachedFile(path) {
  const text = readFileSync(path, 'utf8');
  const name = path.slice(fileURLToPath(ROOT).length).replaceAll(/[\\/]/g, '%');
  const file = join(CACHE, `${name}.js`);
  const hash = createHash('sha1').update(COMPILER).update(text).digest('hex');
  const kept = read(file);
  if (kept?.startsWith(hash)) return kept.slice(HASH_LENGTH);
  const source = compile(path, text);
  write(file, hash + source);
  return source;
}

/** @throws SyntaxError, with the place */
function compile(fileName, text) {
  // half a second, which most processes are spared
  const ts = require('typescript');
  const compilerOptions = { ...OPTIONS };
  const options = { fileName, compilerOptions, reportDiagnostics: true };
  const { outputText, diagnostics } = ts.transpileModule(text, options);
  for (const { file, start, messageText } of diagnostics) {
    const { line, character } = file.getLineAndCharacterOfPosition(start);
    const reason = ts.flattenDiagnosticMessageText(messageText, '\n');
    throw new SyntaxError(`${fileName}:${line + 1}:${character + 1}: ${reason}`);
  }
  return outputText;
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whole or not at all: other test files read it meanwhile. */
function write(file, text) {
  const part = `${file}.${process.pid}.${threadId}`;
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(part, text);
  renameSync(part, file);
}
