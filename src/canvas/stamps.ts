/** Stamps among the options of a signature: each is one of its own, beside the list of their names. */
type Options = Readonly<Record<string, unknown>>;

/** As a message has them. */
export interface StampHeaders {
  readonly stampedHeaders?: readonly string[];
  readonly stamps?: Options;
}

/** Their names. */
export function stampsOf({ stamped_headers: names }: Options): readonly string[] {
  return Array.isArray(names) ? names.filter(name => typeof name === 'string') : [];
}

/** Nothing without stamps. */
export function stampHeaders(options: Options): StampHeaders {
  const names = stampsOf(options);
  if (names.length === 0) return {};
  const stamps = Object.fromEntries(names.map(name => [name, options[name]]));
  return { stampedHeaders: names, stamps };
}
