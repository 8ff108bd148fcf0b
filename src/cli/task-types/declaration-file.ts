/** Tasks as members of `TaskRegistry`, which types `app.sendTask` and `app.remoteTask`. */
import type { RegisteredTask } from './registered-tasks.ts';

const HEAD = `// Written by \`tscelery types\`: the tasks that the running workers register. Write it anew instead of editing it.
// Workers know no types: take over what you know better as \`app.remoteTask<(x: number) => number>('name')\`.
export {};

declare module 'tscelery' {
  interface TaskRegistry {
`;
const TAIL = `  }
}
`;

/** Words that cannot be the name of a parameter. */
const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends false ' +
    'finally for function if implements import in instanceof interface let new null package private protected public ' +
    'return static super switch this throw true try typeof var void while with yield'
  ).split(' '),
);
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

export function declarationFile(tasks: readonly RegisteredTask[]): string {
  const members = tasks.map(
    ({ name, params }) => `    ${quoted(name)}(${listed(params)}): unknown;\n`,
  );
  return `${HEAD}${members.join('')}${TAIL}`;
}

interface Parameter {
  readonly text: string;
  readonly type: string;
  readonly optional: boolean;
}

function listed(params: readonly string[] | undefined): string {
  if (!params) return '...args: unknown[]';
  const rest = params.find(isRest);
  // JavaScript takes all arguments that follow
  const list = params.filter(text => !isRest(text)).map(parameter);
  const written = list.map(({ text, type, optional }, i) => {
    // TypeScript wants those that may be left out last; `unknown` takes undefined, too
    const mark = optional && list.slice(i).every(each => each.optional) ? '?' : '';
    return `${text}${mark}: ${type}`;
  });
  if (rest !== undefined) written.push(`...${named(rest.slice(1), list.length)}: unknown[]`);
  return written.join(', ');
}

const isRest = (text: string) => /^\*[^*]/.test(text);

function parameter(text: string, i: number): Parameter {
  if (text.startsWith('**')) {
    const type = '{ [name: string]: unknown }';
    return { text: named(text.slice(2), i), type, optional: true };
  }
  const optional = text.endsWith('?');
  const bare = optional ? text.slice(0, -1) : text;
  if (bare.startsWith('{')) return { text: 'options', type: objectType(bare), optional };
  return { text: named(bare, i), type: 'unknown', optional };
}

/** Every member may be missing: workers do not tell which have a default. */
function objectType(text: string): string {
  const names = text
    .slice(1, -1)
    .split(',')
    .map(name => name.trim());
  const members = names
    .filter(name => name !== '')
    .map(name => {
      if (name.startsWith('...')) return '[name: string]: unknown';
      return `${NAME.test(name) ? name : quoted(name)}?: unknown`;
    });
  return members.length > 0 ? `{ ${members.join('; ')} }` : '{}';
}

function named(name: string, i: number): string {
  if (RESERVED.has(name)) return `${name}_`;
  return NAME.test(name) ? name : `arg${i + 1}`;
}

/** One line, whatever a worker says. */
function quoted(name: string): string {
  const json = JSON.stringify(name).replace(/[\u2028\u2029]/g, found =>
    found === '\u2028' ? '\\u2028' : '\\u2029',
  );
  return json.includes("'") ? json : `'${json.slice(1, -1).replaceAll('\\"', '"')}'`;
}
