/** What in `broker_transport_options` does nothing, told by name. */
import { nearest } from '../base/text/nearest.ts';

/**
 * A warning for each option that has no effect.
 *
 * @param used the options that do something with this broker
 * @param broker as people call it
 */
export function unusedOptions(
  given: Readonly<Record<string, unknown>>,
  used: readonly string[],
  broker: string,
): string[] {
  return Object.keys(given)
    .filter(name => !used.includes(name))
    .map(name => {
      const meant = nearest(name, used);
      return meant === undefined
        ? `broker_transport_options.${name} has no effect with ${broker}.`
        : `Unknown broker_transport_options.${name} is ignored. Did you mean ${meant}?`;
    });
}
