import type { GlobalValues } from '../parsing/global-options.ts';

const OFF_WORDS = new Set(['0', 'false', 'no', 'off']);

/** Whether NO_COLOR asks for plain text: set, and to none of the words for "no". */
function noColorVariable(env = process.env): boolean {
  const value = env.NO_COLOR;
  return value !== undefined && value !== '' && !OFF_WORDS.has(value.toLowerCase());
}

/** Whether colours are refused, wherever the text goes. */
export function refusesColor(globals: GlobalValues): boolean {
  return globals.noColor ?? noColorVariable();
}

export function wantsColor(globals: GlobalValues): boolean {
  return !refusesColor(globals) && process.stdout.isTTY === true;
}
