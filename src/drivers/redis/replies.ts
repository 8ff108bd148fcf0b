/** What error replies of a Redis server mean. Their first word is a code; the protocol has no other. */

/** Whether the server itself said no, rather than the connection failing. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** After these another server, or the same one later, must be asked. */
const WRONG_SERVER = [
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'UNBLOCKED',
  'CLUSTERDOWN',
  'NOREPLICAS',
];
/** Not now, which passes: no memory, no disk, a script that runs for long, too many clients. */
const BUSY = ['OOM', 'BUSY', 'UNKILLABLE', 'MISCONF', 'TRYAGAIN', 'ERR max number of clients'];

/** Redis 6 wraps what a command within a script was answered with. */
const IN_SCRIPT = String.raw`(?:ERR Error running script [\s\S]*?: -)?`;
const beginsWith = (codes: readonly string[]) =>
  new RegExp(`^${IN_SCRIPT}(?:${codes.join('|')})\\b`);

const wrongServer = beginsWith(WRONG_SERVER);
const passing = beginsWith([...WRONG_SERVER, ...BUSY]);
const denied = /^NOPERM\b/;
const loggedOut = /^NOAUTH\b/;

/** The server is only a replica now, or not yet ready, or does not know us: connect anew. */
export function isWrongServer(error: unknown): boolean {
  return isReply(error) && (wrongServer.test(error.message) || loggedOut.test(error.message));
}

/** The user's ACL lacks a permission. */
export function isDenied(error: unknown): error is Error {
  return isReply(error) && denied.test(error.message);
}

/** The server refused for a reason that passes, so that trying again may help. */
export function isPassingReply(error: unknown): boolean {
  return isReply(error) && passing.test(error.message);
}
