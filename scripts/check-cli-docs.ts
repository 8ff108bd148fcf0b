/**
 * docs/cli.md holds exactly what the command table says. `--write` makes it so.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { COMMANDS } from '../src/cli/command-table.ts';
import { type Command, usageOf } from '../src/cli/parsing/command.ts';
import { GLOBAL_OPTIONS } from '../src/cli/parsing/global-options.ts';
import { envNames, type Option, type Options, optionTerm } from '../src/cli/parsing/option.ts';

const FILE = new URL('../docs/cli.md', import.meta.url);
const START =
  '<!-- generated from the command table: node --import tsx scripts/check-cli-docs.ts --write -->\n';
const END = '<!-- end of the generated part -->\n';

const cell = (text: string) => text.replaceAll('|', '\\|');
const code = (text: string) => `\`${cell(text)}\``;

function optionTable(options: Options, command?: string): string {
  const rows = Object.values(options).map(option => optionRow(option, command));
  if (rows.length === 0) return 'No options of its own.\n';
  return [
    '| option | meaning | setting | environment |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function optionRow(option: Option, command?: string): string {
  const setting = option.setting === undefined ? '' : code(option.setting);
  const env = envNames(option, command).map(code).join(', ');
  return `| ${code(optionTerm(option))} | ${cell(option.help)} | ${setting} | ${env} |`;
}

function commandSection(command: Command): string {
  const words = command.arguments.map(({ name, help }) => `- ${code(name)}: ${help}\n`).join('');
  return `### ${command.name}\n\n\`${usageOf(command)}\`\n\n${command.summary}\n\n${words}${words && '\n'}${optionTable(command.options, command.name)}`;
}

function generated(): string {
  return [
    `### Global options\n\n\`${usageOf(undefined)}\`\n\n${optionTable(GLOBAL_OPTIONS)}`,
    ...COMMANDS.map(commandSection),
  ].join('\n');
}

const text = readFileSync(FILE, 'utf8');
const [start, end] = [text.indexOf(START), text.indexOf(END)];
if (start < 0 || end < start)
  throw new Error('docs/cli.md has lost the marks around its generated part');
const wanted = `${text.slice(0, start + START.length)}\n${generated()}\n${text.slice(end)}`;
if (process.argv.includes('--write')) {
  writeFileSync(FILE, wanted);
} else if (wanted !== text) {
  console.error(
    'docs/cli.md differs from src/cli/command-table.ts; run: node --import tsx scripts/check-cli-docs.ts --write',
  );
  process.exitCode = 1;
}
