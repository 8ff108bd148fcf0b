/**
 * The parameters of a task's function, and how a caller's args and kwargs reach them.
 *
 * JavaScript has no keyword arguments, Python callers send them: they are bound to
 * parameters by name, and what is left over goes to a trailing destructured object.
 */

import { splitTopLevel, parameterTexts as textsOfSource } from './parameter-source.ts';

export interface Parameter {
  /** Undefined for a destructured parameter. */
  readonly name: string | undefined;
  readonly optional: boolean;
}

export interface Parameters {
  readonly functionName: string;
  /** Those that take one positional argument each, without the trailing two kinds below. */
  readonly positional: readonly Parameter[];
  readonly rest: boolean;
  /** Keys of a trailing `{ a, b }` parameter; `others` when it has a rest (`{ a, ...others }`). */
  readonly keywords: KeywordObject | undefined;
  /** False when the source does not show the parameters, as of bound and native functions. */
  readonly known: boolean;
}

export interface KeywordObject {
  readonly names: ReadonlySet<string>;
  readonly others: boolean;
  /** It has a default (`{ a } = {}`). */
  readonly optional: boolean;
}

export interface ParameterOptions {
  /** What errors call the function; default its own name. */
  readonly name?: string;
  /** The first parameter is the task itself and no argument. */
  readonly bind?: boolean;
  /**
   * Names that replace those of the source, for minified or bound functions. `y?` may be
   * left out, `*rest` takes all further arguments, `**options` takes an object of all other
   * keyword arguments.
   */
  readonly params?: readonly string[] | undefined;
}

type AnyFunction = (...args: never[]) => unknown;

const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

export function readParameters(fn: AnyFunction, options: ParameterOptions = {}): Parameters {
  const functionName = options.name ?? (fn.name || 'task');
  if (options.params) return fromNames(functionName, options.params);
  const texts = textsOfSource(Function.prototype.toString.call(fn));
  if (texts === undefined) {
    return { functionName, positional: [], rest: false, keywords: undefined, known: false };
  }
  return fromTexts(functionName, options.bind ? texts.slice(1) : texts);
}

function fromNames(functionName: string, names: readonly string[]): Parameters {
  const positional: Parameter[] = [];
  let rest = false;
  let keywords: KeywordObject | undefined;
  for (const text of names) {
    const name = text.replace(/^\*{1,2}|\?$/g, '');
    if (!NAME.test(name) || rest || keywords) {
      throw new TypeError(
        `params of ${functionName}: ${JSON.stringify(text)} is no parameter name at this place; ` +
          'write "name", "name?" for an optional one, and last "*rest" or "**options"',
      );
    }
    if (text.startsWith('**')) keywords = { names: new Set(), others: true, optional: false };
    else if (text.startsWith('*')) rest = true;
    else positional.push({ name, optional: text.endsWith('?') });
  }
  return { functionName, positional, rest, keywords, known: true };
}

/**
 * The other way round: `x`, `y?`, `*rest`. A parameter without a name, which takes things apart, is
 * empty. An object of keyword arguments is `**options` when it takes any, and `{ a, b }`, or
 * `{ a, ...others }`, when it says which; `?` after that: it may be left out.
 */
export function parameterTexts({ positional, rest, keywords }: Parameters): string[] {
  const texts = positional.map(({ name = '', optional }) => (optional ? `${name}?` : name));
  if (rest) texts.push('*rest');
  if (keywords) texts.push(keywordsText(keywords));
  return texts;
}

function keywordsText({ names, others, optional }: KeywordObject): string {
  if (names.size === 0 && others) return '**options';
  const members = [...names, ...(others ? ['...others'] : [])];
  return `{ ${members.join(', ')} }${optional ? '?' : ''}`;
}

function fromTexts(functionName: string, texts: readonly string[]): Parameters {
  const positional: Parameter[] = [];
  let rest = false;
  let keywords: KeywordObject | undefined;
  texts.forEach((text, index) => {
    if (text.startsWith('...')) {
      rest = true;
    } else if (text.startsWith('{') && index === texts.length - 1) {
      keywords = readPattern(text);
    } else {
      const [target = '', fallback] = splitDefault(text);
      positional.push({
        name: NAME.test(target) ? target : undefined,
        optional: fallback !== undefined,
      });
    }
  });
  return { functionName, positional, rest, keywords, known: true };
}

function splitDefault(text: string): string[] {
  return splitTopLevel(text, '=', 2);
}

function readPattern(text: string): KeywordObject {
  const [pattern = '', fallback] = splitDefault(text);
  const names = new Set<string>();
  let others = false;
  for (const member of splitTopLevel(pattern.slice(1, -1), ',')) {
    if (member.startsWith('...')) others = true;
    else names.add(memberKey(member));
  }
  return { names, others, optional: fallback !== undefined };
}

/** The key that `key`, `key: target`, `'key': target` or `key = fallback` takes from the object. */
function memberKey(member: string): string {
  const [beforeColon = ''] = splitTopLevel(member, ':', 2);
  const [key = ''] = splitDefault(beforeColon);
  return key.replace(/^(['"])(.*)\1$/, '$2');
}

/**
 * The arguments to call the function with.
 *
 * Without kwargs `args` comes back as it is. A parameter that got no value and has no default
 * is an error only when the caller used keyword arguments: what TypeScript declares as
 * optional (`y?: number`) looks like any other parameter at run time.
 *
 * @throws TypeError worded as Python does
 */
export function bindArguments(
  parameters: Parameters,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): readonly unknown[] {
  for (const _ in kwargs) return bindKeywords(parameters, args, kwargs);
  return args;
}

/**
 * Like `bindArguments`, for the caller's side: also too many arguments are an error.
 *
 * @throws TypeError worded as Python does
 */
export function checkArguments(
  parameters: Parameters,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): void {
  const { positional, rest, keywords, known, functionName } = parameters;
  const most = positional.length + (keywords ? 1 : 0);
  if (known && !rest && args.length > most) {
    throw new TypeError(`${functionName}() ${takes(positional, most, args.length)}`);
  }
  bindArguments(parameters, args, kwargs);
}

function takes(positional: readonly Parameter[], most: number, given: number): string {
  const least = positional.filter(parameter => !parameter.optional).length;
  const range = least === most ? `${most}` : `from ${least} to ${most}`;
  const noun = most === 1 && least === most ? 'argument' : 'arguments';
  return `takes ${range} positional ${noun} but ${given} ${given === 1 ? 'was' : 'were'} given`;
}

function bindKeywords(
  parameters: Parameters,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): unknown[] {
  const { positional, functionName } = parameters;
  const bound = [...args];
  const leftover: [string, unknown][] = [];
  for (const [name, value] of Object.entries(kwargs)) {
    const index = positional.findIndex(parameter => parameter.name === name);
    if (index < 0) leftover.push([name, value]);
    else if (index < args.length) throw multipleValues(functionName, name);
    else bound[index] = value;
  }
  // Checked before missing arguments, as Python does: the misspelt name is the better hint.
  rejectUnexpected(parameters, leftover);
  rejectMissing(parameters, args.length, kwargs);
  if (parameters.keywords) bindObject(parameters.keywords, parameters, bound, leftover);
  return Array.from(bound);
}

function multipleValues(functionName: string, name: string): TypeError {
  return new TypeError(`${functionName}() got multiple values for argument '${name}'`);
}

function rejectUnexpected(parameters: Parameters, leftover: readonly [string, unknown][]): void {
  const { functionName, keywords, known } = parameters;
  if (!known) {
    throw new TypeError(
      `${functionName}() takes no keyword arguments: its parameter names cannot be read, declare them with params: [...]`,
    );
  }
  const unexpected = leftover.find(([name]) => !keywords?.others && !keywords?.names.has(name));
  if (unexpected) {
    throw new TypeError(`${functionName}() got an unexpected keyword argument '${unexpected[0]}'`);
  }
}

function rejectMissing(
  parameters: Parameters,
  given: number,
  kwargs: Readonly<Record<string, unknown>>,
): void {
  const missing = parameters.positional
    .slice(given)
    .filter(
      ({ name, optional }) => !optional && !(name !== undefined && Object.hasOwn(kwargs, name)),
    )
    .map(({ name }) => (name === undefined ? 'a destructured one' : `'${name}'`));
  if (missing.length === 0) return;
  const noun = missing.length === 1 ? 'argument' : 'arguments';
  throw new TypeError(
    `${parameters.functionName}() missing ${missing.length} required positional ${noun}: ${enumerate(missing)}`,
  );
}

function enumerate(names: readonly string[]): string {
  if (names.length <= 2) return names.join(' and ');
  return `${names.slice(0, -1).join(', ')}, and ${names.at(-1)}`;
}

function bindObject(
  keywords: KeywordObject,
  parameters: Parameters,
  bound: unknown[],
  leftover: readonly [string, unknown][],
): void {
  const at = parameters.positional.length;
  const given = bound[at];
  if (leftover.length === 0 && (given !== undefined || keywords.optional)) return;
  const clash = leftover.find(([name]) => given instanceof Object && Object.hasOwn(given, name));
  if (clash) throw multipleValues(parameters.functionName, clash[0]);
  // fromEntries defines own properties, so a key named __proto__ stays a key
  bound[at] = Object.fromEntries([...Object.entries(given ?? {}), ...leftover]);
}
