/** Lua that Redis keeps under its hash. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Encoded } from '../result-codec.ts';

export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** @param args the keys, then the arguments */
export function runScript(
  client: Redis,
  code: Script,
  keys: number,
  args: readonly (Encoded | number)[],
): Promise<unknown> {
  return unlessForgotten(
    () => client.evalsha(code.sha, keys, ...args),
    () => client.eval(code.lua, keys, ...args),
  );
}

/** The same with bytes in the reply, where there would be text. */
export function runScriptForBytes(
  client: Redis,
  code: Script,
  keys: number,
  args: readonly (Encoded | number)[],
): Promise<unknown> {
  return unlessForgotten(
    () => client.callBuffer('EVALSHA', code.sha, keys, ...args),
    () => client.callBuffer('EVAL', code.lua, keys, ...args),
  );
}

/** A server that was restarted has forgotten its scripts. */
async function unlessForgotten(
  run: () => Promise<unknown>,
  tell: () => Promise<unknown>,
): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return tell();
  }
}
