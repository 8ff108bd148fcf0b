/** examples/deploy: files that systemd, init, Docker and Kubernetes read, and that start what they say. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { shellQuoted, shellWords } from '../../src/base/text/shell-words.ts';
import { COMMANDS } from '../../src/cli/command-table.ts';
import { readCommandLine } from '../../src/cli/parsing/command-line.ts';
import { isCommandNotYet } from '../../src/cli/parsing/not-yet.ts';
import { envNames } from '../../src/cli/parsing/option.ts';
import { cleanEnvironment } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { processesIn } from '../support/processes.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const FOLDER = fileURLToPath(new URL('../../examples/deploy/', import.meta.url));
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const UNITS = readdirSync(join(FOLDER, 'systemd')).filter(name => name.endsWith('.service'));
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

/** Options that do not exist, and values that they do not take, are refused. */
function assertIsCommandLine(words: readonly string[], env: Record<string, string> = {}): void {
  const command = words.find(word => word === 'worker' || word === 'beat');
  assert.ok(command, words.join(' '));
  if (isCommandNotYet(command)) return;
  assert.equal(readCommandLine(words, COMMANDS, env).kind, 'run');
  const known = COMMANDS.flatMap(({ name, options }) =>
    Object.values(options).flatMap(option => envNames(option, name)),
  );
  for (const name of Object.keys(env).filter(each => each.startsWith('TSCELERY_'))) {
    assert.ok(known.includes(name), `${name} is no variable of ours`);
  }
}

/** Values by name, of all sections. */
function linesOf(unit: string): Map<string, string> {
  const rows = read(`systemd/${unit}`).matchAll(/^(\w+)=(.*)$/gm);
  return new Map([...rows].map(([, name, value]) => [name!, value!]));
}

function run(
  words: readonly string[],
  cwd: string,
  env: Record<string, string | undefined>,
): Promise<{ code: number; output: string }> {
  return new Promise(resolve => {
    const options = { cwd, env, timeout: 60_000 };
    execFile(words[0]!, words.slice(1), options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, output: stdout + stderr });
    });
  });
}

describe('examples/deploy', { timeout: 300_000 }, () => {
  for (const unit of UNITS) {
    it(`systemd takes ${unit}`, {
      skip: !hasSystemd && 'systemd-analyze is not installed (package systemd)',
    }, async () => {
      const { code, output } = await run(
        ['systemd-analyze', 'verify', join(FOLDER, 'systemd', unit)],
        FOLDER,
        process.env,
      );

      assert.deepEqual([code, output], [0, '']);
    });
  }

  it('units wait as long as tasks take, and stop a worker without its children', () => {
    assert.deepEqual(UNITS.sort(), [
      'tscelery-beat.service',
      'tscelery-worker@.service',
      'tscelery.service',
    ]);
    const [worker, all] = [linesOf('tscelery-worker@.service'), linesOf('tscelery.service')];
    assert.equal(worker.get('Type'), 'exec');
    assert.equal(worker.get('KillMode'), 'mixed');
    assert.equal(all.get('Type'), 'forking');
    for (const unit of [worker, all]) assert.ok(Number(unit.get('TimeoutStopSec')) > 90);
  });

  it('units use the variables of the environment file, and no others', () => {
    const given = new Set(
      [...read('systemd/tscelery.env').matchAll(/^(\w+)=/gm)].map(([, name]) => name),
    );
    for (const unit of UNITS) {
      const used = [...read(`systemd/${unit}`).matchAll(/\$\{?(CELERY\w*)/g)].map(
        ([, name]) => name!,
      );
      assert.ok(used.length > 0);
      for (const name of used) assert.ok(given.has(name), `${unit}: ${name}`);
    }
  });

  it('tmpfiles makes the folders of the environment file, for the user of the units', () => {
    const folders = new Map(
      [...read('systemd/tmpfiles.conf').matchAll(/^d (\S+) 0755 (\S+) (\S+) -$/gm)].map(
        ([, path, user, group]) => [path!, `${user}:${group}`],
      ),
    );
    const files = [...read('systemd/tscelery.env').matchAll(/_(?:PID|LOG)_FILE="(\S+)\/[^/]+"$/gm)];
    assert.equal(files.length, 4);
    const { User, Group } = Object.fromEntries(linesOf('tscelery.service'));
    for (const [, folder] of files) assert.equal(folders.get(folder!), `${User}:${Group}`);
  });

  it('the init script and the unit of all workers start, restart and stop them', async t => {
    // before the folder goes
    t.after(async () => {
      for (const { pid } of processesIn(cwd)) process.kill(pid, 'SIGKILL');
      await eventually(() => assert.deepEqual(processesIn(cwd), []));
    });
    const cwd = temporaryProject(t, {
      'tasks.js': `
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
`,
    });
    const words = [process.execPath, ...program.nodeArgs, program.entry].map(shellQuoted);
    writeFileSync(join(cwd, 'tscelery'), `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, {
      mode: 0o755,
    });
    const variables = {
      CELERYD_CHDIR: cwd,
      CELERY_APP: 'tasks',
      CELERY_BIN: join(cwd, 'tscelery'),
      CELERYD_NODES: 'w1',
      CELERYD_OPTS: '--prefetch-multiplier=1 -P solo',
      CELERYD_PID_FILE: join(cwd, 'run/%n.pid'),
      CELERYD_LOG_FILE: join(cwd, 'log/%n%I.log'),
      CELERYD_LOG_LEVEL: 'INFO',
      CELERYD_USER: userInfo().username,
    };
    writeFileSync(
      join(cwd, 'defaults'),
      Object.entries(variables)
        .map(([name, value]) => `${name}="${value}"\n`)
        .join(''),
    );
    const clean = { ...cleanEnvironment(), ...program.env };
    const init = (command: string) =>
      run(['/bin/sh', join(FOLDER, 'init/tscelery'), command], cwd, {
        ...clean,
        CELERY_DEFAULTS: join(cwd, 'defaults'),
      });
    const unit = (line: string) =>
      run(shellWords(linesOf('tscelery.service').get(line)!), cwd, { ...clean, ...variables });

    const started = await init('start');
    assert.match(started.output, /^\t> w1@\S+: OK$/m);
    assert.equal(started.code, 0);
    assert.match(readFileSync(join(cwd, 'log/w1.log'), 'utf8'), /w1@\S+ ready\./);
    assert.deepEqual((await init('status')).code, 0);
    const pid = readFileSync(join(cwd, 'run/w1.pid'), 'utf8');

    const again = await unit('ExecStart');
    assert.equal(again.code, 1, 'it runs already');
    const restarted = await unit('ExecReload');
    assert.match(restarted.output, /^> Restarting node w1@\S+: OK$/m);
    assert.notEqual(readFileSync(join(cwd, 'run/w1.pid'), 'utf8'), pid);

    const stopped = await unit('ExecStop');
    assert.match(stopped.output, /^\t> w1@\S+: OK$/m);
    assert.equal(stopped.code, 0);
    assert.equal(existsSync(join(cwd, 'run/w1.pid')), false);
    assert.deepEqual((await init('status')).code, 3);
    assert.equal((await init('stop')).code, 0);
    assert.equal((await init('nonsense')).code, 64);
    assert.match((await init('check')).output, /^loader {3}-> tasks$/m);
  });

  it('the image runs a worker without a shell, as nobody special, and is asked how it is', () => {
    const lines = read('docker/Dockerfile').replaceAll('\\\n', '').split('\n');
    const instructions = lines
      .filter(line => line !== '' && !line.startsWith('#'))
      .map(line => {
        const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
        assert.match(
          name ?? line,
          /^(FROM|WORKDIR|COPY|RUN|USER|ENV|HEALTHCHECK|STOPSIGNAL|ENTRYPOINT|CMD)$/,
        );
        return [name!, rest!] as const;
      });
    const last = new Map(
      instructions.slice(instructions.map(([name]) => name).lastIndexOf('FROM')),
    );
    assert.equal(last.get('USER'), 'node');
    assert.equal(last.get('STOPSIGNAL'), 'SIGTERM');
    const [binary, ...globals] = JSON.parse(last.get('ENTRYPOINT')!) as string[];
    assert.equal(binary, 'node_modules/.bin/tscelery');
    const env = instructions.filter(([name]) => name === 'ENV').map(([, text]) => text.split('='));
    assertIsCommandLine([...globals, ...JSON.parse(last.get('CMD')!)], Object.fromEntries(env));
    const probe = JSON.parse(/CMD (\[.*\])$/.exec(last.get('HEALTHCHECK')!)![1]!) as string[];
    assert.deepEqual(probe, [binary, 'health']);
  });

  it('compose starts Redis, then workers and beat, and gives them time to end', () => {
    const { services, volumes } = parse(read('docker/compose.yaml'), { merge: true });

    assert.deepEqual(Object.keys(services), ['redis', 'worker', 'beat']);
    for (const name of ['worker', 'beat']) {
      const { command, environment, depends_on, build } = services[name];
      assertIsCommandLine(command);
      assert.equal(new URL(environment.CELERY_BROKER_URL).hostname, 'redis');
      assert.equal(depends_on.redis.condition, 'service_healthy');
      assert.ok(existsSync(join(FOLDER, 'docker', build.dockerfile)));
    }
    assert.equal(services.worker.stop_grace_period, '15m');
    assert.equal(services.beat.healthcheck.disable, true);
    assert.deepEqual(Object.keys(volumes), [services.redis.volumes[0].split(':')[0]]);
  });

  it('Kubernetes has workers with probes, and two beats of which one leads', () => {
    const documents = ['worker', 'beat'].flatMap(name =>
      parseAllDocuments(read(`kubernetes/${name}.yaml`)).map(document => {
        assert.deepEqual(document.errors, []);
        return document.toJS();
      }),
    );
    const named = (kind: string, name: string) =>
      documents.find(each => each.kind === kind && each.metadata.name === name);
    const config = named('ConfigMap', 'shop-celery');
    for (const name of ['shop-worker', 'shop-beat']) {
      const { spec } = named('Deployment', name);
      assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels);
      const [container] = spec.template.spec.containers;
      const env = Object.fromEntries(
        (container.env ?? []).map((each: { name: string; value: string }) => [
          each.name,
          each.value,
        ]),
      );
      assertIsCommandLine(container.args, env);
      assert.equal(container.envFrom[0].configMapRef.name, config.metadata.name);
    }
    assert.equal(named('Deployment', 'shop-beat').spec.replicas, 2);
    const { spec } = named('Deployment', 'shop-worker').spec.template;
    const [worker] = spec.containers;
    assert.equal(worker.livenessProbe.httpGet.path, '/live');
    assert.equal(worker.readinessProbe.httpGet.path, '/ready');
    const port = worker.ports.find(
      (each: { name: string }) => each.name === 'health',
    ).containerPort;
    const health = worker.env.find((each: { name: string }) => /HEALTH_PORT$/.test(each.name));
    assert.equal(health.value, String(port));
    assert.ok(spec.terminationGracePeriodSeconds > 30);
    const { scaleTargetRef } = named('HorizontalPodAutoscaler', 'shop-worker').spec;
    assert.ok(named(scaleTargetRef.kind, scaleTargetRef.name));
  });
});
