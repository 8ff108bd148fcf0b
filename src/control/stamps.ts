/**
 * The headers that `KEY=VALUE` words name; a key that comes several times has a list of its values,
 * as Python's workers would keep the last one only.
 *
 * @throws RangeError for a word that is no pair
 */
export function stampsOf(words: readonly string[]): Record<string, string | string[]> {
  const stamps = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new RangeError(`'${word}' is not KEY=VALUE.`);
    const key = word.slice(0, at);
    stamps.set(key, [...(stamps.get(key) ?? []), word.slice(at + 1)]);
  }
  return Object.fromEntries(
    [...stamps].map(([key, values]) => [key, values.length === 1 ? values[0]! : values]),
  );
}
