/** Nodes from a line as it is typed, without a program behind it. */
import { shellWords } from '../../../src/base/text/shell-words.ts';
import { type KnownOption, parseWords } from '../../../src/multi/grammar.ts';
import type { Node } from '../../../src/multi/node.ts';
import { nodesOf } from '../../../src/multi/nodes.ts';

const option = (...flags: string[]): KnownOption => ({ flags, takesValue: true });
const flag = (...flags: string[]): KnownOption => ({ flags, takesValue: false });

export const KNOWN: readonly KnownOption[] = [
  option('-n', '--hostname'),
  option('-c', '--concurrency'),
  option('-Q', '--queues'),
  option('-l', '--loglevel'),
  option('-f', '--logfile'),
  flag('-E', '--task-events'),
  option('--pidfile', '-p'),
  { ...option('-A', '--app'), isGlobal: true },
  { ...option('-b', '--broker'), isGlobal: true, isUrl: true },
  { ...option('--workdir'), isGlobal: true },
];

export function madeNodes(line: string): Node[] {
  const words = parseWords(shellWords(line), { known: KNOWN, takesSignal: false });
  const program = {
    executable: '/node',
    words: ['tscelery.js'],
    command: ['worker', '--detach'],
  };
  return nodesOf(words, KNOWN, program);
}

const ENDING =
  /(^| )-n (\S+) --pidfile=\/var\/run\/celery\/\S+ --logfile=\/var\/log\/celery\/\S+%I\.log --executable=\/node/;

/** By node what its command line has beside its name and the files that multi chose. */
export function ownWords(line: string): string[] {
  return madeNodes(line).map(({ words }) =>
    words
      .join(' ')
      .replace(/^tscelery\.js worker --detach ?/, '')
      .replace(ENDING, '$1-n $2')
      .trim(),
  );
}
