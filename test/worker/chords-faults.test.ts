/** Chords while workers, their children and brokers are killed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { chordSignature, taskSignature } from '../../src/canvas/shapes.ts';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { Chance, Fleet } from '../support/chaos.ts';
import { eventually } from '../support/eventually.ts';
import { rabbitmqNodeSurroundings } from '../support/rabbitmq.ts';
import { startRedis } from '../support/servers.ts';
import { lines, type Surroundings, sqliteSurroundings } from '../support/worker.ts';

const appFile = fileURLToPath(new URL('../fixtures/workflow-app.ts', import.meta.url));

/** As many as the machine is given time for: all day long, `CHORDS=200 PARTS=50`. */
const CHORDS = Number(process.env.CHORDS ?? 12);
const PARTS = Number(process.env.PARTS ?? 20);
/** Seconds of each part, so that faults meet running ones. */
const PART_SECONDS = 0.005;
const FAULTS = Math.ceil(CHORDS / 8);

interface Shaken extends Surroundings {
  /** Kills the broker and starts it again. */
  restart?(): Promise<void>;
}

async function redis(): Promise<Shaken> {
  const [server, files] = [await startRedis({ persistent: true }), await sqliteSurroundings()];
  return {
    name: 'Redis',
    settings: { broker_url: server.url, result_backend: server.url },
    dir: files.dir,
    restart: async () => {
      await server.kill();
      await server.restart();
    },
    stop: async () => {
      await server.stop();
      await files.stop();
    },
  };
}

async function rabbitmq(): Promise<Shaken> {
  const surroundings = await rabbitmqNodeSurroundings();
  return {
    ...surroundings,
    restart: async () => {
      await surroundings.server.kill();
      await surroundings.server.restart();
    },
  };
}

for (const [name, surround] of Object.entries({ redis, rabbitmq, sqlite: sqliteSurroundings })) {
  describe(`chords on ${name} while everything is killed`, { timeout: 900_000 }, () => {
    let surroundings: Shaken;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());

    it('run each body once, with all values', async t => {
      const chance = new Chance();
      t.diagnostic(`seed ${chance.seed}`);
      const settings: CeleryConfig = {
        ...surroundings.settings,
        broker_connection_max_retries: null,
        task_publish_retry_policy: { max_retries: null },
      };
      const fleet = new Fleet(() => settings, ['--prefetch-multiplier', '4'], appFile);
      const app = new Celery('client', settings);
      const notes = `${surroundings.dir}/bodies`;
      try {
        await Promise.all([fleet.enlist(), fleet.enlist()]);
        for (let i = 0; i < CHORDS; i++) {
          const header = Array.from({ length: PARTS }, (_, part) =>
            taskSignature('f.late', { args: [part, PART_SECONDS] }),
          );
          const body = taskSignature('f.lateNoted', { args: [String(i), notes] });
          await app[INTERNALS].apply.applySignature(chordSignature(header, body), [], {});
        }
        for (let fault = 1; fault <= FAULTS; fault++) {
          const kind = chance.below(surroundings.restart ? 3 : 2);
          if (kind === 0) fleet.killChild(chance);
          if (kind === 1) await fleet.replace(chance.one(fleet.alive));
          if (kind === 2) await surroundings.restart?.();
          const least = Math.floor((CHORDS * fault) / (FAULTS + 1));
          await eventually(async () => assert.ok((await lines(notes)).length >= least), {
            seconds: 120,
            everyMs: 50,
          });
        }
        const wanted = Array.from({ length: CHORDS }, (_, i) => String(i)).sort();
        const read = async () =>
          (await lines(notes)).map(line => JSON.parse(line) as Record<string, unknown>);
        await eventually(
          async () => {
            const names = new Set((await read()).map(body => body.name));
            assert.deepEqual([...names].sort(), wanted);
          },
          { seconds: 120, everyMs: 100 },
        );

        const bodies = await read();
        const firsts = bodies.filter(body => !body.redelivered).map(body => body.name);
        assert.equal(new Set(firsts).size, firsts.length, 'a body was sent twice');
        const values = Array.from({ length: PARTS }, (_, part) => part);
        for (const body of bodies) assert.deepEqual(body.values, values);
      } catch (error) {
        t.diagnostic(fleet.log);
        throw error;
      } finally {
        await app.close();
        await fleet.dismiss();
      }
    });
  });
}
