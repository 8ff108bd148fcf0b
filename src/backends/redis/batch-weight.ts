/** How much goes to the server in one command: Redis does nothing else while it stores it. */
import type { Encoded } from '../result-codec.ts';

/** Characters. */
export const MOST_IN_BATCH = 512 * 1024;
/** What a document weighs beside its text. */
const OVERHEAD = 1024;

export const weightOf = ({ text }: { readonly text: Encoded }): number => text.length + OVERHEAD;
