/** Signatures as people read them, in Celery's notation: `tasks.add(2, 2) | add(4)`. */
import { saferepr } from '../base/text/saferepr.ts';
import { bodyOf, chainSignature, headerOf, isKind, lazyPartsOf, tasksOf } from './shapes.ts';
import type { SignatureData } from './signature.ts';

export function signatureText(signature: SignatureData): string {
  switch (signature.subtask_type) {
    case 'chain':
      return chainText(signature);
    case 'group':
      return groupText(signature);
    case 'chord':
      return chordText(signature);
    case 'xmap':
      return mapText(signature, 'x');
    case 'xstarmap':
      return mapText(signature, '*x');
    default:
      return callText(signature);
  }
}

/** @param front what stands before its own arguments */
function callText({ task, args, kwargs }: SignatureData, front: readonly string[] = []): string {
  const named = Object.entries(kwargs).map(([name, value]) => `${name}=${valueText(value)}`);
  return `${task}(${[...front, ...args.map(valueText), ...named].join(', ')})`;
}

/** A signature among arguments is one, too. */
function valueText(value: unknown): string {
  if (isSignature(value)) return signatureText(value);
  const hasSome = Array.isArray(value) && value.length > 0 && value.every(isSignature);
  return hasSome ? listText(value) : saferepr(value);
}

function isSignature(value: unknown): value is SignatureData {
  const { subtask_type: type, task } = (value ?? {}) as Partial<SignatureData>;
  return type !== undefined && typeof task === 'string';
}

function chainText(chain: SignatureData): string {
  const tasks = tasksOf(chain);
  return tasks.length === 0 ? '<chain: empty>' : withoutRepeats(tasks, textsOf(tasks).join(' | '));
}

/** What a generator will give is not read for it. */
const UNREAD = '<generator>';

function groupText(group: SignatureData): string {
  if (lazyPartsOf(group)) return `group(${UNREAD})`;
  const tasks = tasksOf(group);
  return tasks.length === 0 ? 'group(<empty>)' : withoutRepeats(tasks, `group(${listText(tasks)})`);
}

function chordText(chord: SignatureData): string {
  const body = bodyOf(chord);
  const header = [lazyPartsOf(chord) ? UNREAD : listText(headerOf(chord))];
  const [first, ...others] = isKind(body, 'chain') ? tasksOf(body) : [];
  if (first === undefined) return withoutRepeats([body], `%${callText(body, header)}`);
  const rest = others.length === 0 ? '' : ` | ${chainText(chainSignature(others))}`;
  return withoutRepeats([first], `%(${callText(first, header)}${rest})`);
}

function mapText({ kwargs }: SignatureData, item: string): string {
  const { task, it } = kwargs as { task?: SignatureData; it?: unknown };
  return `[${task?.task}(${item}) for x in ${saferepr(it)}]`;
}

const textsOf = (signatures: readonly SignatureData[]) => signatures.map(signatureText);
const listText = (signatures: readonly SignatureData[]) => `[${textsOf(signatures).join(', ')}]`;

/** The module of the first task is said once. */
function withoutRepeats([first]: readonly SignatureData[], text: string): string {
  const module = first?.task.slice(0, first.task.lastIndexOf('.') + 1) ?? '';
  const start = module === '' ? -1 : text.indexOf(module);
  if (start < 0) return text;
  const end = start + module.length;
  return text.slice(0, end) + text.slice(end).replaceAll(module, '');
}
