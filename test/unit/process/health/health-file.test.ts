import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ImproperlyConfigured } from '../../../../src/base/errors.ts';
import { HealthFile } from '../../../../src/process/health/health-file.ts';
import { lookAtHealthFile } from '../../../../src/process/health/probe.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { eventually } from '../../../support/eventually.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

function setup(t: TestContext, isWell = () => true) {
  // stopped before its folder is removed
  t.after(() => file.stop());
  const folder = join(temporaryProject(t, { 'run/kept': '' }), 'run');
  const path = join(folder, 'health');
  const [clock, warnings] = [new FakeClock(0), [] as string[]];
  const file = new HealthFile(path, { clock, isWell, warn: text => warnings.push(text) });
  return { clock, file, folder, path, warnings };
}

/** As if it had been touched long ago. */
const age = (path: string) => utimesSync(path, 1, 1);
const isYoung = (path: string) => lookAtHealthFile(path).isWell;

describe('a health file', () => {
  test('is there as soon as the process is well, and touched again', async t => {
    const { clock, file, path } = setup(t);
    await file.start();
    await eventually(() => isYoung(path));
    await eventually(() => assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`));
    age(path);
    assert.ok(!isYoung(path));

    await eventually(() => {
      clock.advance(2);
      return isYoung(path);
    });
  });

  test('is not touched while the process is not well', async t => {
    let isWell = false;
    const { clock, file, path } = setup(t, () => isWell);
    writeFileSync(path, 'of a process before');
    await file.start();
    clock.advance(100);
    assert.ok(!existsSync(path));

    isWell = true;
    clock.advance(2);

    await eventually(() => isYoung(path));
  });

  test('is gone after the stop, and comes no more', async t => {
    const { clock, file, path } = setup(t);
    await file.start();
    await eventually(() => isYoung(path));

    await Promise.all([file.stop(), file.stop()]);
    clock.advance(100);

    assert.ok(!existsSync(path));
    assert.equal(clock.pending, 0);
  });

  test('can be stopped before its start, and leaves alone what is not its own then', async t => {
    const { clock, file, path } = setup(t);
    await file.stop();
    await file.start();

    assert.equal(clock.pending, 0);
    assert.ok(!existsSync(path));
  });

  test('that cannot be written is refused at the start', async t => {
    const { path } = setup(t);
    for (const bad of [join(path, 'no/folder'), join(path, '..')]) {
      const file = new HealthFile(bad, { isWell: () => true, warn: assert.fail });
      await assert.rejects(file.start(), error => {
        assert.ok(error instanceof ImproperlyConfigured);
        assert.ok(error.message.startsWith(`worker_health_file ${JSON.stringify(bad)} cannot be`));
        return true;
      });
      await file.stop();
    }
  });

  test('is refused, and stays as it is, when it is something else', async t => {
    const { folder } = setup(t);
    const [precious, pipe, link] = ['precious', 'pipe', 'link'].map(name => join(folder, name));
    writeFileSync(precious!, 'what somebody has worked on for years');
    execFileSync('mkfifo', [pipe!]);
    symlinkSync(precious!, link!);
    for (const path of [precious!, pipe!, link!, '/dev/null', folder]) {
      const file = new HealthFile(path, { isWell: () => true, warn: assert.fail });
      await assert.rejects(file.start(), {
        name: 'ImproperlyConfigured',
        message: /cannot be written: it is (no file|a file with something else in it)$/,
      });
      await file.stop();
      assert.ok(existsSync(path), path);
    }
    assert.equal(readFileSync(precious!, 'utf8'), 'what somebody has worked on for years');
    assert.deepEqual(lookAtHealthFile(folder), { isWell: false, reason: `${folder} is no file` });
  });

  test('that cannot be written any more is told once, and written again when it can', async t => {
    const { clock, file, folder, path, warnings } = setup(t);
    await file.start();
    await eventually(() => isYoung(path));
    rmSync(folder, { recursive: true });

    await eventually(() => {
      clock.advance(2);
      return warnings.length > 0;
    });
    for (let i = 0; i < 5; i++) clock.advance(2);
    mkdirSync(folder);
    await eventually(() => {
      clock.advance(2);
      return isYoung(path);
    });

    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^The health file cannot be written: ENOENT/);
  });
});
