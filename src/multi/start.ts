/** Starts nodes in the background: several at once, and told of in their order. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Ending, type LaunchReport, startInBackground } from '../process/detach.ts';
import { EXIT } from '../process/exit-codes.ts';
import { MultiError } from './errors.ts';
import type { Node } from './node.ts';

/** Nodes that start at once. */
const AT_ONCE = 8;

/** How the start of a node went; `text` is for the person at the terminal and may be empty. */
export type StartResult = Ending & { readonly text: string; readonly isStarted: boolean };

/** Starts them all, some at a time. Promises are in the order of the nodes, and never reject. */
export function startNodes(nodes: readonly Node[]): Promise<StartResult>[] {
  const ends: Promise<unknown>[] = [];
  return nodes.map((node, i) => {
    const started = Promise.resolve(ends[i - AT_ONCE]).then(() => startNode(node));
    ends.push(started);
    return started;
  });
}

/**
 * Makes the folders of their pidfiles and logs.
 *
 * @throws MultiError for one that we may not make
 */
export function makeFolders(nodes: readonly Node[]): void {
  const files = nodes.flatMap(node => [
    { path: node.pidfile, flag: '--pidfile' },
    { path: node.logfile, flag: '--logfile' },
  ]);
  for (const { path, flag } of files) {
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (cause) {
      throw new MultiError(
        `The folder ${dirname(path)} cannot be made: ${(cause as Error).message}. ` +
          `Make it for the user of the workers, or choose another with ${flag}.`,
        { cause },
      );
    }
  }
}

async function startNode(node: Node): Promise<StartResult> {
  const output = openOutput(node);
  let news: LaunchReport | Ending;
  try {
    const command = { program: node.executable, words: node.words, cwd: process.cwd(), output };
    news = await startInBackground(command);
  } catch (error) {
    // what the system does not take as a command line
    news = { code: null, signal: null, error: (error as Error).message };
  } finally {
    if (output !== undefined) closeSync(output);
  }
  if ('exitCode' in news) {
    const { exitCode, text } = news;
    return { code: exitCode, signal: null, text, isStarted: exitCode === EXIT.ok };
  }
  // the program of --cmd may go into the background by itself, one of ours has stayed away
  const isStarted = node.hasOwnCommand && news.code === EXIT.ok;
  return { ...news, text: isStarted ? '' : explanation(news, node), isStarted };
}

/** The worker's own words went where its output goes. */
function explanation({ error }: Ending, node: Node): string {
  if (error !== undefined) return `${node.executable} cannot be started: ${error}`;
  return `The process in the background ended before it was ready. See ${node.logfile}.`;
}

/** What is printed outside the log. A file that root makes the worker's own user could not write to. */
function openOutput({ logfile, changesUser }: Node): number | undefined {
  const isRoot = process.getuid?.() === 0;
  if (changesUser) return undefined;
  const { O_APPEND, O_CREAT, O_WRONLY } = constants;
  try {
    return openSync(logfile, O_APPEND | O_WRONLY | (isRoot ? 0 : O_CREAT), 0o640);
  } catch {
    return undefined; // the worker says what is wrong with its log
  }
}
