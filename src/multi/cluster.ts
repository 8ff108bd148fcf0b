/**
 * Workers in the background, by their pidfiles: started, told to stop, waited for. Tells what it does
 * as events. Nobody but the workers writes pidfiles, so that they are right whenever `multi` ends.
 */
import { setTimeout } from 'node:timers/promises';
import { pidIn } from '../process/pidfile.ts';
import { mayBeCelery, startTimeOf, statusOf } from '../process/running.ts';
import { MultiError } from './errors.ts';
import type { Node } from './node.ts';
import { makeFolders, type StartResult, startNodes } from './start.ts';

/** A node's process. */
export interface Target {
  readonly node: Node;
  readonly pid: number;
}

export type ClusterEvent =
  | { readonly kind: 'starting' | 'restarting'; readonly node: Node }
  | { readonly kind: 'started'; readonly node: Node; readonly result: StartResult }
  | { readonly kind: 'stopped' | 'down'; readonly node: Node }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'signal' | 'kill'; readonly target: Target; readonly signal: NodeJS.Signals }
  /** `pid` is undefined when the pidfile cannot be read. */
  | {
      readonly kind: 'not signalled';
      readonly node: Node;
      readonly pid: number | undefined;
      readonly why: string;
    }
  | { readonly kind: 'waiting'; readonly targets: readonly Target[] }
  /** `still waiting` comes at the beginning, and every other second. */
  | { readonly kind: 'still waiting' | 'waited' };

interface Watched extends Target {
  /** The id may come to be another process's. */
  readonly startTime: string | undefined;
}

/** Begins what is to be done about nodes that do not run; each function ends and tells of one of them. */
type OnDown = (nodes: readonly Node[]) => readonly (() => Promise<void>)[];

const POLL_MS = 50;
const PROGRESS_MS = 2000;

/** Those that do not end a worker. */
const NO_END = /^SIG(HUP|USR1|USR2|TTIN|TTOU|CONT|STOP|TSTP|CHLD|URG|WINCH|IO|POLL)$/;

export class Cluster {
  readonly #nodes: readonly Node[];
  readonly #report: (event: ClusterEvent) => void;
  #isOk = true;

  /** @throws MultiError when two nodes have one pidfile */
  constructor(nodes: readonly Node[], report: (event: ClusterEvent) => void) {
    refuseShared(nodes);
    this.#nodes = nodes;
    this.#report = report;
  }

  /**
   * Start all of them. One that runs is left alone, and fails.
   *
   * @returns whether all have been started
   * @throws MultiError when the folders of their files cannot be made
   */
  async start(): Promise<boolean> {
    makeFolders(this.#nodes);
    await inTurn(this.#start('starting', this.#nodes));
    return this.#isOk;
  }

  /**
   * Send a signal and do not wait.
   *
   * @returns false when one that runs cannot be sent it
   */
  async stop(signal: NodeJS.Signals): Promise<boolean> {
    await this.#signalAll(signal, this.#tellDown);
    return this.#isOk;
  }

  /**
   * Send a signal and wait, however long it takes, until all have ended.
   *
   * @returns false when one that runs cannot be sent it
   * @throws MultiError for a signal that ends no worker
   */
  async stopwait(signal: NodeJS.Signals): Promise<boolean> {
    refuseNoEnd(signal);
    await this.#wait(await this.#signalAll(signal, this.#tellDown), this.#tellDown);
    return this.#isOk;
  }

  /**
   * Stop all of them; each is started again as soon as it has ended, and one that does not run at once.
   *
   * @returns whether all have been started
   * @throws MultiError for a signal that ends no worker, and folders that cannot be made
   */
  async restart(signal: NodeJS.Signals): Promise<boolean> {
    refuseNoEnd(signal);
    makeFolders(this.#nodes);
    const again: OnDown = nodes => this.#start('restarting', nodes);
    await this.#wait(await this.#signalAll(signal, again), again);
    return this.#isOk;
  }

  /**
   * KILL all of them.
   *
   * @returns false when one that runs cannot be killed
   */
  async kill(): Promise<boolean> {
    for (const node of this.#nodes) {
      const target = this.#targetOf(node);
      if (target === 'none') this.#report({ kind: 'down', node });
      else if (target !== 'unknown') this.#send(target, 'SIGKILL', 'kill');
    }
    return this.#isOk;
  }

  #start(kind: 'starting' | 'restarting', nodes: readonly Node[]): (() => Promise<void>)[] {
    const results = startNodes(nodes);
    return nodes.map((node, i) => async () => {
      this.#report({ kind, node });
      const result = await results[i]!;
      if (!result.isStarted) this.#isOk = false;
      this.#report({ kind: 'started', node, result });
    });
  }

  /** @returns those that are to end now */
  async #signalAll(signal: NodeJS.Signals, onDown: OnDown): Promise<Watched[]> {
    const found = this.#nodes.map(node => ({ node, target: this.#targetOf(node) }));
    await inTurn(onDown(found.filter(({ target }) => target === 'none').map(({ node }) => node)));
    const targets = found.flatMap(({ target }) => (typeof target === 'string' ? [] : [target]));
    if (targets.length === 0) return [];
    this.#report({ kind: 'stopping' });
    const sent = targets.map(target => this.#send(target, signal, 'signal'));
    await inTurn(onDown(targets.filter((_, i) => sent[i] === 'gone').map(({ node }) => node)));
    return targets.filter((_, i) => sent[i] === 'sent');
  }

  async #wait(targets: readonly Watched[], onDown: OnDown): Promise<void> {
    if (targets.length === 0) return;
    let left = targets;
    let nextDot = 0;
    this.#report({ kind: 'waiting', targets: left });
    while (left.length > 0) {
      if (performance.now() >= nextDot) {
        this.#report({ kind: 'still waiting' });
        nextDot = performance.now() + PROGRESS_MS;
      }
      const ended = left.filter(hasEnded);
      if (ended.length === 0) await setTimeout(POLL_MS);
      const told = onDown(ended.map(({ node }) => node));
      for (const [i, target] of ended.entries()) {
        left = left.filter(other => other !== target);
        this.#report({ kind: 'stopped', node: target.node });
        await told[i]!();
        if (left.length > 0) this.#report({ kind: 'waiting', targets: left });
      }
    }
    this.#report({ kind: 'waited' });
  }

  readonly #tellDown: OnDown = nodes =>
    nodes.map(node => async () => this.#report({ kind: 'down', node }));

  #targetOf(node: Node): Watched | 'none' | 'unknown' {
    try {
      const pid = pidIn(node.pidfile);
      return pid === undefined ? 'none' : { node, pid, startTime: startTimeOf(pid) };
    } catch (error) {
      return this.#notSignalled({ node, pid: undefined }, (error as Error).message, 'unknown');
    }
  }

  /** What has the id of a node's process and is none is left alone. */
  #send(
    target: Target,
    signal: NodeJS.Signals,
    kind: 'signal' | 'kill',
  ): 'sent' | 'gone' | 'refused' {
    const { node, pid } = target;
    this.#report({ kind, target, signal });
    const status = pid === process.pid ? 'gone' : statusOf(pid);
    if (status === 'not ours') {
      return this.#notSignalled(target, 'Operation not permitted', 'refused');
    }
    if (status === 'gone') return this.#notSignalled(target, 'No such process', 'gone');
    if (!mayBeCelery(pid, node.name)) {
      return this.#notSignalled(target, 'No such worker, another program has that id', 'gone');
    }
    try {
      process.kill(pid, signal);
      return 'sent';
    } catch (error) {
      const isGone = (error as NodeJS.ErrnoException).code === 'ESRCH';
      return this.#notSignalled(target, (error as Error).message, isGone ? 'gone' : 'refused');
    }
  }

  #notSignalled<W extends 'unknown' | 'gone' | 'refused'>(
    { node, pid }: { node: Node; pid: number | undefined },
    why: string,
    what: W,
  ): W {
    if (what !== 'gone') this.#isOk = false;
    this.#report({ kind: 'not signalled', node, pid, why });
    return what;
  }
}

async function inTurn(functions: readonly (() => Promise<void>)[]): Promise<void> {
  for (const each of functions) await each();
}

function hasEnded({ pid, startTime }: Watched): boolean {
  return statusOf(pid) === 'gone' || startTimeOf(pid) !== startTime;
}

function refuseNoEnd(signal: NodeJS.Signals): void {
  if (!NO_END.test(signal)) return;
  throw new MultiError(
    `${signal} does not end a worker, so nothing could be waited for: "stop" sends it, too.`,
  );
}

function refuseShared(nodes: readonly Node[]): void {
  const owners = new Map<string, Node>();
  for (const node of nodes) {
    const other = owners.get(node.pidfile);
    if (other) {
      throw new MultiError(
        `${other.name} and ${node.name} have the same pidfile, ${node.pidfile}: write %n in its name.`,
      );
    }
    owners.set(node.pidfile, node);
  }
}
