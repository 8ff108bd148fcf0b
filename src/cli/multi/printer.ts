/** What multi does, in Celery's words. */
import { Chalk, type ChalkInstance } from 'chalk';
import { counted } from '../../base/text/counted.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { printable, printableLines } from '../../base/text/printable.ts';
import { shellQuoted } from '../../base/text/shell-words.ts';
import type { ClusterEvent, Target } from '../../multi/cluster.ts';
import type { Node } from '../../multi/node.ts';
import { versionLine } from '../terminal/version.ts';

export interface PrinterOptions {
  readonly hasColor: boolean;
  readonly nosplash: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

type Kind = ClusterEvent['kind'];
type Lines = {
  readonly [K in Kind]: (event: Extract<ClusterEvent, { readonly kind: K }>) => void;
};

export class Printer {
  readonly #options: PrinterOptions;
  readonly #chalk: ChalkInstance;

  constructor(options: PrinterOptions) {
    this.#options = options;
    this.#chalk = new Chalk({ level: options.hasColor ? 1 : 0 });
  }

  /** Whatever the options say. */
  say(text: string): void {
    process.stdout.write(text);
  }

  note(text: string): void {
    if (!this.#options.quiet) process.stdout.write(text);
  }

  splash(): void {
    if (!this.#options.nosplash) {
      this.note(`${this.#chalk.cyan.bold(`celery multi v${versionLine()}`)}\n`);
    }
  }

  readonly print = (event: ClusterEvent): void => {
    (this.#lines[event.kind] as (event: ClusterEvent) => void)(event);
  };

  readonly #lines: Lines = {
    starting: ({ node }) => {
      this.note(`\t> ${name(node)}: `);
      this.#command(node);
    },
    restarting: ({ node }) => {
      this.note(this.#chalk.blue.bold(`> Restarting node ${name(node)}: `));
      this.#command(node);
    },
    started: event => this.#started(event),
    stopping: () => this.note(`${this.#chalk.blue.bold('> Stopping nodes...')}\n`),
    signal: ({ target: { node, pid }, signal }) =>
      this.note(`\t> ${name(node)}: ${short(signal)} -> ${pid}\n`),
    kill: ({ target: { node, pid }, signal }) =>
      this.note(`Sending ${short(signal)} to node ${name(node)} (${pid})\n`),
    'not signalled': ({ node, pid, why }) => {
      const who = pid === undefined ? name(node) : `${name(node)} (${pid})`;
      this.note(`Could not signal ${who}: ${printable(why)}\n`);
    },
    down: ({ node }) => this.note(`> ${name(node)}: ${this.#chalk.magenta.bold('DOWN')}\n`),
    waiting: ({ targets }) => this.note(this.#chalk.blue.bold(waitingText(targets))),
    'still waiting': () => this.note('.'),
    stopped: ({ node }) => this.note(`\n\t> ${name(node)}: ${this.#chalk.green.bold('OK')}\n`),
    waited: () => this.note('\n'),
  };

  #command({ executable, words }: Node): void {
    if (!this.#options.verbose) return;
    const shown = [executable, ...words].map(word => shellQuoted(maskedUrl(word)));
    this.note(`  ${printable(shown.join(' '))}\n`);
  }

  #started({ result }: Extract<ClusterEvent, { kind: 'started' }>): void {
    const { text, code, signal, isStarted } = result;
    if (text !== '') process.stderr.write(printableLines(`${text.trimEnd()}\n`));
    if (!isStarted && signal !== null) {
      this.note(`* Child was terminated by signal ${short(signal)}\n`);
    } else if (!isStarted && code !== null) {
      this.note(`* Child terminated with exit code ${code}\n`);
    }
    this.note(`${isStarted ? this.#chalk.green.bold('OK') : this.#chalk.red.bold('FAILED')}\n`);
  }
}

const name = (node: Node) => printable(node.name);
const short = (signal: NodeJS.Signals) => signal.replace(/^SIG/, '');

/** Where an option has the URL as its value, or is one word with it. */
function maskedUrl(word: string): string {
  return word.replace(/[a-z][a-z0-9+.-]*:\/\/[\s\S]+/i, url => maskUrl(url));
}

function waitingText(targets: readonly Target[]): string {
  const pids = targets.map(({ pid }) => pid).join(', ');
  return `> Waiting for ${counted(targets.length, 'node')} -> ${pids}...`;
}
