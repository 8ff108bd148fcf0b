/** Replies of nodes as text and as JSON. Nodes write what is in them: nothing of it reaches a terminal as an order. */
import { Chalk } from 'chalk';
import { isPlainRecord } from '../../base/kind-of.ts';
import { printable, printableJson, printableLines } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { ControlReply } from '../../wire/messages/control.ts';
import { jsonEncode } from '../../wire/serializers/json.ts';

export interface ReplyStyle {
  readonly color: boolean;
  /** No arrow before the node (`-q`). */
  readonly quiet: boolean;
  readonly headOnly?: boolean;
}

const UNLIMITED = { maxLength: Number.POSITIVE_INFINITY, maxDepth: Number.POSITIVE_INFINITY };
const INDENT = 4;

/** `->  w1@host: OK`, and what the node said below. */
export function replyText({ node, value }: ControlReply, style: ReplyStyle): string {
  const chalk = new Chalk({ level: style.color ? 1 : 0 });
  const isError = isPlainRecord(value) && !('ok' in value) && 'error' in value;
  const status = isError ? chalk.red.bold('ERROR') : chalk.green.bold('OK');
  const arrow = style.quiet ? '' : `${chalk.white.bold('->')} `;
  const head = `${arrow} ${chalk.cyan.bold(`${printable(node)}: `)}${status}\n`;
  if (style.headOnly) return head;
  return `${head}${indented(bodyOf(value, chalk.white('*')))}\n`;
}

function bodyOf(value: unknown, bullet: string): string {
  if (typeof value === 'string') return printableLines(value.trimEnd());
  if (Array.isArray(value)) {
    if (value.length === 0) return '- empty -';
    return value.map(item => `${bullet} ${printable(itemText(item))}`).join('\n');
  }
  if (!isPlainRecord(value)) return printable(saferepr(value, UNLIMITED));
  if ('ok' in value) return indented(bodyOf(value.ok, bullet));
  if ('error' in value) return indented(bodyOf(value.error, bullet));
  return jsonText(value, 0);
}

/** As Python's `str` has it. */
function itemText(item: unknown): string {
  return typeof item === 'string' ? item : saferepr(item, UNLIMITED);
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(INDENT));
}

/** In one line, with the spaces that Python puts. */
export function replyJson(value: unknown): string {
  return jsonText(value, undefined);
}

/** With `depth`, one line for each value, so far to the right, and sorted keys. */
function jsonText(value: unknown, depth: number | undefined): string {
  if (typeof value === 'bigint') return String(value);
  const deeper = depth === undefined ? undefined : depth + 1;
  if (Array.isArray(value))
    return joined(
      '[]',
      value.map(item => jsonText(item, deeper)),
      depth,
    );
  if (isPlainRecord(value)) {
    const keys = Object.keys(value);
    if (depth !== undefined) keys.sort();
    const entries = keys.map(key => `${string(key)}: ${jsonText(value[key], deeper)}`);
    return joined('{}', entries, depth);
  }
  if (typeof value === 'string') return string(value);
  if (typeof value !== 'object') return JSON.stringify(value) ?? 'null'; // NaN is Python's alone
  return value === null ? 'null' : typedJson(value);
}

/** Dates, bytes and the like as they travel. */
function typedJson(value: object): string {
  try {
    return jsonEncode(value, { spacing: 'python' });
  } catch {
    return string(saferepr(value, UNLIMITED));
  }
}

function string(text: string): string {
  return printableJson(JSON.stringify(text));
}

function joined(
  brackets: '[]' | '{}',
  parts: readonly string[],
  depth: number | undefined,
): string {
  if (depth === undefined || parts.length === 0) {
    return `${brackets[0]}${parts.join(', ')}${brackets[1]}`;
  }
  const inner = `\n${' '.repeat(INDENT * (depth + 1))}`;
  return `${brackets[0]}${inner}${parts.join(`,${inner}`)}\n${' '.repeat(INDENT * depth)}${brackets[1]}`;
}
