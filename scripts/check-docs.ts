/**
 * docs/settings.md, docs/errors.md and parts of other pages are generated: `--write` writes them, without it they
 * are compared with what they should be. Also looks whether settings marked as used are.
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { Setting } from '../src/app/settings/tables/setting.ts';
import { SETTING_AREAS, SETTING_NAMES, SETTINGS } from '../src/app/settings/tables/table.ts';
import { CONTROL_COMMANDS, type ControlCommand } from '../src/control/commands.ts';
import { SIGNAL_TABLE } from '../src/process/signals/table.ts';
import { WORKER_REASONS } from '../src/wire/messages/dead-letter.ts';
import { levelsTables } from './check-imports.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Column contents must not end the column. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function defaultText(value: unknown): string {
  if (value === null) return '';
  if (value === Number.POSITIVE_INFINITY) return 'no limit';
  return `\`${JSON.stringify(value)}\``;
}

function settingRow(name: string, setting: Setting): string[] {
  const { kind, default: fallback, meaning, status, reason, oldNames } = setting;
  const remark = { used: '', later: ' *Later.*', 'no effect in Node': ` *No effect: ${reason}.*` };
  return [
    `\`${name}\``,
    kind.name,
    defaultText(fallback),
    meaning + remark[status],
    oldNames.map(old => `\`${old}\``).join(' '),
  ];
}

export function settingsPage(): string {
  const header = ['Setting', 'Type', 'Default', 'Meaning', 'Old name'];
  const areas = Object.entries(SETTING_AREAS).map(([title, area]) => {
    const rows = Object.entries(area).map(([name, setting]) =>
      settingRow(name, setting as Setting),
    );
    return `## ${title}\n\n${table(header, rows)}\n`;
  });
  return `# Settings

<!-- Generated from src/app/settings/tables/*.ts by scripts/check-docs.ts --write. -->

All ${SETTING_NAMES.length} settings, under Celery's names. They are read from \`celeryconfig.{ts,mts,cts,js,mjs,cjs,json,yaml,yml}\` or the key
\`celery\` of \`package.json\` in the working directory, from the file that \`--config\`, \`TSCELERY_CONFIG_MODULE\` or
\`CELERY_CONFIG_MODULE\` names, from constructor options and from \`app.conf\`. The first that has a value wins:

1. \`CELERY_BROKER_URL\`, \`CELERY_BROKER_READ_URL\`, \`CELERY_BROKER_WRITE_URL\`, \`CELERY_RESULT_BACKEND\` in the environment
2. changes: constructor options, \`app.conf.update\`, assignments to \`app.conf\`, \`key=value\` on the command line
3. \`app.addDefaults\`
4. the config file or object
5. the default

\`camelCase\` and Celery's old upper-case names are accepted too when a program runs, but the types know only the names of the table; old and new names cannot be mixed in one file.
An unknown name is an error. An empty default means "not set" (\`null\`, Python's \`None\`).

Durations (type *seconds*) are numbers of seconds, maps such as \`{minutes: 5}\`, or ISO 8601 text such as \`PT5M\`.
*Later* marks settings that are accepted now and belong to a part that does not exist yet. *No effect* marks settings
that are accepted so that a config file can be shared with Python.

${areas.join('\n')}`;
}

/** Settings that the table calls used and no code outside the table names. */
function settingProblems(src: string): string[] {
  const words = new Set(
    readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter(
        file => file.endsWith('.ts') && !/settings\/(settings|tables\/[\w-]+)\.ts$/.test(file),
      )
      .flatMap(file => wordsOf(readFileSync(join(src, file), 'utf8'))),
  );
  return SETTING_NAMES.filter(name => SETTINGS[name].status === 'used' && !words.has(name)).map(
    name =>
      `setting ${name} is marked as used, but nothing reads it: read it with conf.get('${name}'), or mark it as later in its table`,
  );
}

/** Its identifiers, and its texts that are one word: neither comments nor sentences. */
function wordsOf(source: string): string[] {
  const words: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isStringLiteral(node)) words.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest));
  return words;
}

export interface ErrorClass {
  readonly name: string;
  readonly base: string;
  readonly code: string | undefined;
  readonly excModule: string | undefined;
  readonly meaning: string;
  readonly file: string;
}

/** Every class under `src` that extends another one, with what it says about itself. */
function classesIn(src: string): Map<string, ErrorClass> {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .sort();
  const classes = new Map<string, ErrorClass>();
  for (const file of files) {
    const text = readFileSync(join(src, file), 'utf8');
    if (!/class \w+ extends/.test(text)) continue;
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    for (const node of source.statements) {
      const found = ts.isClassDeclaration(node) ? readClass(node, file, source) : undefined;
      if (found) classes.set(found.name, found);
    }
  }
  return classes;
}

function readClass(
  node: ts.ClassDeclaration,
  file: string,
  source: ts.SourceFile,
): ErrorClass | undefined {
  const base = node.heritageClauses?.[0]?.types[0]?.expression.getText(source);
  if (!node.name || !base) return undefined;
  const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  return {
    name: node.name.text,
    base,
    code: literal(node, 'code'),
    excModule: literal(node, 'excModule'),
    meaning: (ts.getTextOfJSDocComment(docs.at(-1)?.comment) ?? '').replace(/\s+/g, ' ').trim(),
    file: `src/${file}`,
  };
}

function literal(node: ts.ClassDeclaration, property: string): string | undefined {
  for (const member of node.members) {
    if (!ts.isPropertyDeclaration(member) || member.name.getText() !== property) continue;
    const value = member.initializer;
    if (value && ts.isStringLiteralLike(value)) return value.text;
  }
  return undefined;
}

function inherited(
  classes: ReadonlyMap<string, ErrorClass>,
  start: ErrorClass,
  property: 'code' | 'excModule',
): string | undefined {
  let each: ErrorClass | undefined = start;
  while (each && each[property] === undefined) each = classes.get(each.base);
  return each?.[property];
}

function isOurError(classes: ReadonlyMap<string, ErrorClass>, start: ErrorClass): boolean {
  let each: ErrorClass | undefined = start;
  while (each && each.name !== 'CeleryError') each = classes.get(each.base);
  return each !== undefined;
}

/** The errors that have a code, sorted by it. */
export function errorClasses(src: string): ErrorClass[] {
  const classes = classesIn(src);
  return [...classes.values()]
    .filter(each => isOurError(classes, each) && inherited(classes, each, 'code') !== undefined)
    .map(each => ({
      ...each,
      code: inherited(classes, each, 'code'),
      excModule: inherited(classes, each, 'excModule') ?? 'celery.exceptions',
    }))
    .sort((a, b) => (a.code! < b.code! ? -1 : a.code! > b.code! ? 1 : a.name < b.name ? -1 : 1));
}

export function errorsPage(errors: readonly ErrorClass[]): string {
  const rows = errors.map(({ name, code, excModule, meaning, file }) => [
    `\`${code}\``,
    `\`${name}\``,
    meaning,
    `\`${excModule}\``,
    `[${file}](../${file})`,
  ]);
  const header = ['Code', 'Class', 'Meaning', 'Module on the wire', 'Source'];
  return `# Errors

<!-- Generated from the error classes under src by scripts/check-docs.ts --write. -->

Every error of ours extends \`CeleryError\` and has a \`code\` that does not change; programs should look at that and not
at the text. \`recoverable\` says whether trying again may help. Where Celery has a class of the same meaning it has the same
name, and Python rebuilds it from the module given here when the error arrives as the result of a task.

${table(header, rows)}
`;
}

/** What is wrong with the classes themselves. */
function errorProblems(errors: readonly ErrorClass[]): string[] {
  const undocumented = errors
    .filter(({ meaning }) => meaning === '')
    .map(({ name, file }) => `${file}: ${name} has no doc comment`);
  const ambiguous = errors.flatMap(({ code, name, file }, i) => {
    const before = errors[i - 1];
    if (code !== before?.code) return [];
    return `${file}: ${name} has the code ${code} of ${before!.name}; every class has its own`;
  });
  return [...undocumented, ...ambiguous];
}

/** Errors that no program meets as a class: they end a command. */
const ENDS_A_COMMAND: ReadonlySet<string> = new Set([
  'CommandError',
  'MultiError',
  'PidfileError',
  'PidfileInUse',
  'UsageError',
]);
/** Errors that are never the failure of a task, or have a way of their own. */
const NEVER_A_FAILURE: ReadonlySet<string> = new Set([
  ...ENDS_A_COMMAND,
  'AddressInUse',
  'LeadershipLost',
  'PoolFailure',
  'RemoteTaskError',
  'Retry',
]);

/** Errors that a program cannot import, or that a caller does not get again as what they were. */
function unreachableErrors(errors: readonly ErrorClass[]): string[] {
  const exported = readFileSync(join(ROOT, 'src/index.ts'), 'utf8');
  const known = readFileSync(join(ROOT, 'src/app/tasks/known-errors.ts'), 'utf8');
  const isIn = (text: string, name: string) => new RegExp(`\\b${name}\\b`).test(text);
  return errors.flatMap(({ name, file }) => [
    ...(isIn(exported, name) || ENDS_A_COMMAND.has(name)
      ? []
      : [`${file}: ${name} is not exported from src/index.ts`]),
    ...(isIn(known, name) || NEVER_A_FAILURE.has(name)
      ? []
      : [
          `${file}: a task that fails with ${name} shows its caller a RemoteTaskError; add it to src/app/tasks/known-errors.ts`,
        ]),
  ]);
}

/** docs/dead-letters.md says of each reason when it happens. */
function deathProblems(): string[] {
  const page = readFileSync(join(ROOT, 'docs/dead-letters.md'), 'utf8');
  return WORKER_REASONS.filter(reason => !page.includes(`| \`${reason}\` |`)).map(
    reason => `docs/dead-letters.md has no row for the reason ${reason}`,
  );
}

/** A page as it is, with `content` between the mark that begins with `name:` and the one that ends it. */
function withPart(file: string, name: string, content: string): string {
  const page = readFileSync(join(ROOT, file), 'utf8');
  const [start, end] = [
    page.indexOf('-->\n', page.indexOf(`<!-- ${name}:`)) + 4,
    page.indexOf(`<!-- end of ${name}`),
  ];
  return `${page.slice(0, start)}\n${content}\n${page.slice(end)}`;
}

function signalsTable(): string {
  const rows = SIGNAL_TABLE.map(({ signal, help, exitCode = '' }) => [
    signal.replace('SIG', ''),
    help,
    exitCode,
  ]);
  return table(['Signal', 'What happens', 'Exit code'], rows);
}

function commandTables(): string {
  return [commandTable('inspect'), commandTable('control')].join('\n');
}

function commandTable(kind: ControlCommand['kind']): string {
  const rows = CONTROL_COMMANDS.filter(row => row.kind === kind && !row.isHidden).map(
    ({ name, signature, help }) => [`\`${`${name} ${signature}`.trimEnd()}\``, help],
  );
  return `${table([`\`${kind}\``, 'What it does'], rows)}\n`;
}

function main(write: boolean): string[] {
  const errors = errorClasses(join(ROOT, 'src'));
  const pages = {
    'docs/settings.md': settingsPage(),
    'docs/errors.md': errorsPage(errors),
    'docs/internals.md': withPart('docs/internals.md', 'levels', levelsTables()),
    'docs/worker.md': withPart('docs/worker.md', 'signals', `${signalsTable()}\n`),
    'docs/control.md': withPart('docs/control.md', 'commands', commandTables()),
  };
  const problems = [
    ...errorProblems(errors),
    ...unreachableErrors(errors),
    ...deathProblems(),
    ...settingProblems(join(ROOT, 'src')),
  ];
  for (const [file, text] of Object.entries(pages)) {
    const path = join(ROOT, file);
    if (write) writeFileSync(path, text);
    else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
      problems.push(`${file} is out of date: run node --import tsx scripts/check-docs.ts --write`);
    }
  }
  return problems;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = main(process.argv.includes('--write'));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
