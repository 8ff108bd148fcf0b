/** Nodes of multi while it, its workers and their children are killed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Chance } from '../support/chaos.ts';
import { runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { processesIn, type SeenProcess } from '../support/processes.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

/** As many as the machine is given time for: all day long, `ROUNDS=500`. */
const ROUNDS = Number(process.env.ROUNDS ?? 4);
const NODES = ['w1', 'w2'];
const APP = `
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
`;
const OPTIONS = ['--pidfile=%n.pid', '--logfile=%n.log', '-c', '1', '-l', 'INFO'];

class Cluster {
  readonly cwd: string;
  readonly told: string[] = [];

  constructor(cwd: string) {
    this.cwd = cwd;
  }

  words(command: string): string[] {
    return ['-A', 'tasks', 'multi', command, ...NODES, ...OPTIONS];
  }

  get processes(): SeenProcess[] {
    return processesIn(this.cwd);
  }

  /** Main processes of a node: whose command line or title has its name, and whose parent is none of it. */
  workers(node: string): number[] {
    const all = this.processes.filter(
      ({ words }) =>
        new RegExp(`worker .*-n ${node}@|celeryd: ${node}@`).test(words) && !/ multi /.test(words),
    );
    return all.filter(({ parent }) => !all.some(({ pid }) => pid === parent)).map(({ pid }) => pid);
  }

  pidfile(node: string): number | undefined {
    try {
      return Number(readFileSync(join(this.cwd, `${node}.pid`), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** Whatever runs is a worker that its pidfile names, or a child of one. */
  async isInOrder(): Promise<void> {
    await eventually(
      () => {
        const owners = NODES.flatMap(node => {
          const workers = this.workers(node);
          assert.ok(workers.length <= 1, `${node} runs more than once: ${workers}`);
          if (workers.length === 1) assert.equal(this.pidfile(node), workers[0], `pid of ${node}`);
          return workers;
        });
        const all = this.processes;
        const isOwned = (pid: number): boolean =>
          owners.includes(pid) || all.some(each => each.pid === pid && isOwned(each.parent));
        for (const { pid, words } of all) assert.ok(isOwned(pid), `${pid} is an orphan: ${words}`);
      },
      { seconds: 40 },
    );
  }

  get log(): string {
    const logs = NODES.map(node => {
      try {
        return readFileSync(join(this.cwd, `${node}.log`), 'utf8').slice(-3000);
      } catch {
        return '';
      }
    });
    return [...this.told, ...logs].join('\n---\n');
  }
}

describe('multi while everything is killed', { timeout: ROUNDS * 60_000 + 60_000 }, () => {
  it('leaves no process without a pidfile, no wrong pidfile, and goes on', {
    skip: process.platform !== 'linux' && 'looks at /proc',
  }, async t => {
    const chance = new Chance();
    t.after(async () => {
      for (const { pid } of cluster.processes) process.kill(pid, 'SIGKILL');
      await eventually(() => assert.deepEqual(cluster.processes, []));
    });
    const cluster = new Cluster(temporaryProject(t, { 'tasks.js': APP }));
    try {
      for (let i = 0; i < ROUNDS; i++) await round(cluster, chance, i);
      await ends(cluster);
    } catch (error) {
      t.diagnostic(`TSCELERY_TEST_SEED=${chance.seed}`);
      t.diagnostic(cluster.log);
      throw error;
    }
  });
});

async function round(cluster: Cluster, chance: Chance, i: number): Promise<void> {
  const { cwd, told } = cluster;
  const isIdle = NODES.every(node => cluster.workers(node).length === 0);
  const command = isIdle ? 'start' : chance.one(['start', 'restart', 'restart', 'stopwait']);
  const multi = startCli(cluster.words(command), { cwd });
  const victims = () => [multi.child.pid!, ...cluster.processes.map(({ pid }) => pid)];
  const kills = 1 + chance.below(2);
  for (let k = 0; k < kills; k++) {
    await setTimeout(chance.below(900));
    // every other time multi itself
    const victim = chance.below(2) === 0 ? multi.child.pid! : chance.one(victims());
    told.push(`round ${i}: ${command}, ${victim === multi.child.pid ? 'multi' : victim} is killed`);
    kill(victim);
  }
  const { stdout, stderr, code } = await multi.ended(60);
  told.push(`ended with ${code}\n${stdout}${stderr}`);
  await cluster.isInOrder();
}

/** The next start sees what runs, and stopwait finds it all. */
async function ends(cluster: Cluster): Promise<void> {
  const { cwd } = cluster;
  const before = new Map(NODES.map(node => [node, cluster.workers(node)[0]]));
  const started = await runCli([...cluster.words('start'), '--nosplash'], { cwd });
  for (const node of NODES) {
    const pid = before.get(node);
    const line = new RegExp(
      `> ${node}@\\S+: ${pid === undefined ? 'OK' : '\\* Child terminated with exit code 73\nFAILED'}`,
    );
    assert.match(started.stdout, line, started.stderr);
    if (pid !== undefined) assert.equal(cluster.pidfile(node), pid);
    assert.equal(cluster.workers(node).length, 1);
  }
  await cluster.isInOrder();
  const stopped = await runCli(cluster.words('stopwait'), { cwd });
  assert.equal(stopped.code, 0, stopped.stdout);
  assert.deepEqual(cluster.processes, []);
  assert.deepEqual(
    NODES.map(node => cluster.pidfile(node)),
    [undefined, undefined],
  );
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}
