/** How kombu's virtual transports route and rank messages; brokers of our own do the same. */
import type { ExchangeType } from './entities.ts';

/** kombu's default `priority_steps`: priorities 0-2, 3-5, 6-8 and 9 are each one class. */
export const PRIORITY_STEPS = [0, 3, 6, 9] as const;

/** The class a message is served in; lower is earlier. Anything but a number counts as 0. */
export function priorityStep(priority: unknown): number {
  const number = typeof priority === 'number' || typeof priority === 'string' ? +priority : 0;
  const clamped = Math.min(9, Math.max(0, Math.trunc(number || 0)));
  return PRIORITY_STEPS.findLast(step => step <= clamped) ?? 0;
}

/** The regular expression kombu makes of a topic binding key; `*` may span words, as there. */
export function topicPattern(bindingKey: string): string {
  const words = bindingKey.split('.').map(word => {
    if (word === '*') return '.*?[^\\.]';
    if (word === '#') return '.*?';
    return word.replace(/[^\p{L}\p{N}]/gu, '\\$&');
  });
  return `^${words.join('\\.')}$`;
}

/** Whether a message with `routingKey` goes to a queue bound with `bindingKey`. */
export function bindingMatches(type: ExchangeType, bindingKey: string, routingKey: string) {
  if (type === 'fanout') return true;
  return type === 'topic' ? compiled(bindingKey).test(routingKey) : bindingKey === routingKey;
}

const patterns = new Map<string, RegExp>();
const MAX_PATTERNS = 1000;

function compiled(bindingKey: string): RegExp {
  let pattern = patterns.get(bindingKey);
  if (pattern === undefined) {
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    pattern = new RegExp(topicPattern(bindingKey));
    patterns.set(bindingKey, pattern);
  }
  return pattern;
}
