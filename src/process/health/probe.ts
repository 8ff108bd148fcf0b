/** Looks at another process from outside, in a bounded time: is it well? */
import { readFileSync, statSync } from 'node:fs';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { printable } from '../../base/text/printable.ts';
import { STALE_AFTER } from './file-age.ts';
import type { ServerAddress } from './server.ts';

/** What was found, in one line. */
export interface Finding {
  readonly isWell: boolean;
  readonly reason: string;
}

const MOST_ANSWER_CHARACTERS = 500;

/** @param seconds until a process that does not answer counts as one that cannot */
export async function askServer(
  address: ServerAddress,
  path: '/live' | '/ready',
  seconds: number,
): Promise<Finding> {
  const where = 'socket' in address ? address.socket : `${address.host}:${address.port}`;
  const target =
    'socket' in address
      ? { socketPath: address.socket, path }
      : { host: address.host, port: address.port, path };
  const request = get({ ...target, agent: false, setHost: false, headers: { host: 'health' } });
  const timeout = setTimeout(() => request.destroy(new Silence()), seconds * 1000);
  try {
    const { status, text } = await answerOf(request);
    return { isWell: status === 200, reason: text || `${where} answered with status ${status}` };
  } catch (error) {
    return { isWell: false, reason: whyNot(error as NodeJS.ErrnoException, where, seconds) };
  } finally {
    clearTimeout(timeout);
  }
}

class Silence extends Error {}

function answerOf(request: ClientRequest): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response: IncomingMessage) => {
      let text = '';
      const end = () => {
        const [line = ''] = text.split('\n', 1);
        resolve({ status: response.statusCode ?? 0, text: printable(line.trim()) });
        request.destroy();
      };
      response.setEncoding('utf8');
      response.on('error', reject);
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, MOST_ANSWER_CHARACTERS);
        // somebody else listens there, who has more to say
        if (text.length === MOST_ANSWER_CHARACTERS) end();
      });
      response.on('end', end);
    });
  });
}

function whyNot(error: NodeJS.ErrnoException, where: string, seconds: number): string {
  if (error instanceof Silence) {
    return `no answer from ${where} within ${seconds} s: the event loop is blocked, or the process is stopped`;
  }
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')
    return `nothing listens on ${where}`;
  return `${where}: ${error.message}`;
}

/** A process that runs may be blocked nevertheless: this is the least that can be asked. */
export function lookAtPidfile(path: string): Finding {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { isWell: false, reason: `no pidfile: ${(error as Error).message}` };
  }
  const pid = /^\s*\d{1,10}\s*$/.test(text) ? Number(text) : 0;
  if (pid === 0) return { isWell: false, reason: `there is no process id in ${path}` };
  if (!isAlive(pid)) return { isWell: false, reason: `process ${pid} of ${path} does not run` };
  const state = stateOf(pid);
  return state === undefined
    ? { isWell: true, reason: `process ${pid} runs` }
    : { isWell: false, reason: `process ${pid} is ${state}` };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // somebody else's, and there
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const STATES: Readonly<Record<string, string>> = {
  T: 'stopped',
  t: 'stopped',
  Z: 'dead',
  X: 'dead',
};

/** Why a process that exists does not run; known on Linux. */
function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name before it may hold anything, parentheses too
    return STATES[stat.charAt(stat.lastIndexOf(')') + 2)];
  } catch {
    return undefined;
  }
}

/** @param now milliseconds since 1970 */
export function lookAtHealthFile(path: string, now: number = Date.now()): Finding {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return { isWell: false, reason: `${path} does not exist` };
  if (!found.isFile()) return { isWell: false, reason: `${path} is no file` };
  const age = Math.max(0, Math.round((now - found.mtimeMs) / 1000));
  return age > STALE_AFTER
    ? {
        isWell: false,
        reason: `${path} was touched ${age} s ago, which is more than ${STALE_AFTER}`,
      }
    : { isWell: true, reason: `${path} was touched ${age} s ago` };
}
