/** Settings on the command line of a service: its options, and the words `key=value` after them. */
import { parseCommandLineSetting } from '../app/settings/names.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import { UsageError } from './parsing/command-error.ts';
import { type Options, settingsGiven, type Values } from './parsing/option.ts';

export interface GivenSettings<O extends Options> {
  readonly values: Values<O>;
  readonly words: readonly string[];
}

/**
 * Options that stand for a setting, then the trailing words, which are more explicit.
 *
 * @param namespace of words without one, as `worker`
 * @throws UsageError for a word that is no setting
 */
export function commandLineSettings<O extends Options>(
  command: string,
  options: O,
  { values, words }: GivenSettings<O>,
): Record<string, unknown> {
  const settings = settingsGiven(options, values);
  for (const word of words) {
    const { name, value } = settingWord(word, command);
    settings[name] = value;
  }
  return settings;
}

function settingWord(word: string, command: string): { name: string; value: unknown } {
  try {
    return parseCommandLineSetting(word, command === 'worker' ? 'worker' : 'celery');
  } catch (error) {
    if (!(error instanceof ImproperlyConfigured)) throw error;
    throw new UsageError(
      `Unable to parse extra configuration from command line.\nReason: ${error.message}`,
      { command },
    );
  }
}
