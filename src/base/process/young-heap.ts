/**
 * Keeps a process small while it loads. Loading makes much garbage; V8 answers with a larger
 * young generation, which it never gives back: some 10 MB of each idle child of a pool, 80 MB of a
 * beat with a hundred thousand entries. Speed under load does not suffer: the young generation may
 * grow when there is work.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8 reads this one each time it thinks of growing. */
const GROWTH = '--semi-space-growth-factor';
const V8_DEFAULT = 2;

/** Returns a function to call when everything is loaded. */
export function holdYoungHeap(): () => void {
  setFlagsFromString(`${GROWTH}=1`);
  return () => {
    setFlagsFromString(`${GROWTH}=${V8_DEFAULT}`);
    collectGarbage();
  };
}

/** What was needed for loading only would stay until work has made as much garbage again. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('typeof gc === "function" && gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
}
