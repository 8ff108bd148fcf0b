import { createInterface } from 'node:readline/promises';
import { Chalk } from 'chalk';

/** Warns on stdout, asks, and resolves with whether the answer was yes. */
export async function confirm(
  warning: string,
  question: string,
  options: { readonly color: boolean },
): Promise<boolean> {
  const chalk = new Chalk({ level: options.color ? 1 : 0 });
  process.stdout.write(
    `${chalk.red('WARNING')}:${warning}\n` +
      '         There is no undo for this operation!\n\n' +
      '(to skip this prompt use the -f option)\n',
  );
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  // At the end of input the cursor is still behind the question.
  const ended = new Promise<string>(resolve => reader.once('close', () => resolve('\n')));
  const answer = await Promise.race([reader.question(`${question} [y/N]: `), ended]);
  reader.close();
  if (answer === '\n') process.stdout.write(answer);
  return /^\s*y(es)?\s*$/i.test(answer);
}
