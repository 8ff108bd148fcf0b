import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createLogger, type LogConfig } from '../../../src/process/log.ts';
import { compilePattern, localTime } from '../../../src/process/log-format.ts';
import { TYPESCRIPT } from '../../support/typescript.ts';

const MODULE = new URL('../../../src/process/log.ts', import.meta.url).href;

function setup(t: TestContext, config: Partial<LogConfig> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'tscelery-log-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'worker.log');
  const logger = createLogger({
    level: 'info',
    format: 'text',
    processName: 'MainProcess',
    file,
    ...config,
  });
  t.after(() => logger.close());
  return { logger, file, read: () => readFileSync(file, 'utf8') };
}

/** Runs `script` in a process of its own and gives back what it wrote to stderr. */
function stderrOf(script: string): string {
  const code = `import { createLogger } from ${JSON.stringify(MODULE)};\n${script}`;
  const child = spawnSync(
    process.execPath,
    [...TYPESCRIPT, '--input-type=module', '--eval', code],
    { encoding: 'utf8' },
  );
  return child.stderr;
}

describe('text log', () => {
  it("a line has Celery's shape", t => {
    const { logger, read } = setup(t);

    logger.info('celery@host ready.');

    assert.match(
      read(),
      /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: INFO\/MainProcess\] celery@host ready\.\n$/,
    );
  });

  it('a message of several lines keeps them', t => {
    const { logger, read } = setup(t, { pattern: '%(levelname)s %(message)s' });

    logger.error('raised\nTraceback:\n  here');

    assert.equal(read(), 'ERROR raised\nTraceback:\n  here\n');
  });

  it('a record that is very long is cut, and says how long it was', t => {
    const { logger, read } = setup(t);

    logger.info('x'.repeat(5_000_000));
    logger.info('y'.repeat(60_000));

    const [long, whole] = read().split('\n');
    assert.match(long!, /x… \(cut: 5000000 characters\)$/);
    assert.ok(long!.length < 66_000, String(long!.length));
    assert.match(whole!, /: INFO\/MainProcess\] y{60000}$/);
  });

  it('no other line of a record looks like the beginning of one, and none speaks to a terminal', t => {
    const forged =
      'no user x\r\n[2026-01-01 00:00:00,000: CRITICAL/MainProcess] \u001b[31mowned\u202e';
    const { logger, read } = setup(t, { taskPattern: '%(asctime)s %(task_name)s %(message)s' });

    logger.error(`raised ${forged}\n  at here`);
    logger.tasks.info('one\n2026-01-01 two\nthree', { task_name: 'a\n2026' });

    const [first, second, third, ...tasks] = read().split('\n');
    assert.match(first!, /ERROR\/MainProcess\] raised no user x\\x0d$/);
    assert.match(second!, /^ {2}\[2026.*\] \\x1b\[31mowned\\u202e$/);
    assert.equal(third, '  at here');
    assert.deepEqual(tasks.slice(1), ['  2026 one', '  2026-01-01 two', 'three', '']);
  });

  it('colours stay in what programs print and log, other orders to terminals do not', t => {
    const { logger, read } = setup(t, { pattern: '%(message)s', taskPattern: '%(message)s' });
    const text = '\u001b[1;31mred\u001b[0m \u001b[2J';

    logger.info(text, { name: 'celery.redirected' });
    logger.tasks.info(text);
    logger.info(text);

    const colored = '\u001b[1;31mred\u001b[0m \\x1b[2J\n';
    assert.equal(read(), `${colored}${colored}\\x1b[1;31mred\\x1b[0m \\x1b[2J\n`);
  });

  it('lines below the level are not written, and isEnabledFor says so', t => {
    const { logger, read } = setup(t, { level: 'warning' });

    logger.debug('a');
    logger.info('b');
    logger.warning('c');
    logger.critical('d');

    assert.equal(read().split('\n').length, 3);
    assert.equal(logger.isEnabledFor('info'), false);
    assert.equal(logger.isEnabledFor('warning'), true);
  });

  it('a file gets no colours unless they are asked for', t => {
    const plain = setup(t);
    const coloured = setup(t, { color: true });

    plain.logger.error('x');
    coloured.logger.error('x');

    assert.ok(!plain.read().includes('\u001b'));
    assert.ok(coloured.read().startsWith('\u001b[31m['));
    assert.ok(coloured.read().endsWith('x\u001b[39m\n'));
  });

  it('a new file can be read by its owner and group only', t => {
    const { file } = setup(t);

    assert.equal(statSync(file).mode & 0o007, 0);
  });

  it('a file that exists is appended to', t => {
    const first = setup(t);
    first.logger.info('one');

    const second = createLogger({
      level: 'info',
      format: 'text',
      processName: 'MainProcess',
      file: first.file,
    });
    second.info('two');
    second.close();

    assert.match(first.read(), /one\n.*two\n$/);
  });

  it('a log file that cannot be opened is named in the error', () => {
    const open = () =>
      createLogger({
        level: 'info',
        format: 'text',
        processName: 'MainProcess',
        file: '/nonexistent/dir/w.log',
      });

    assert.throws(open, { code: 'IMPROPERLY_CONFIGURED', message: /\/nonexistent\/dir\/w\.log/ });
  });

  it('a file that was moved away is opened again under its name', t => {
    const { logger, file, read } = setup(t);
    logger.info('before');
    renameSync(file, `${file}.1`);

    logger.reopen();
    logger.info('after');

    assert.match(readFileSync(`${file}.1`, 'utf8'), /before\n$/);
    assert.match(read(), /after\n$/);
  });

  it('a line that is logged after close is dropped', t => {
    const { logger, read } = setup(t);
    logger.close();
    logger.close();

    logger.info('late');

    assert.equal(read(), '');
  });

  it('lines logged right before process.exit reach stderr', () => {
    const stderr = stderrOf(`
      const log = createLogger({level: 'info', format: 'text', pattern: '%(message)s', processName: 'M'});
      for (let i = 0; i < 1000; i++) log.info('line ' + i);
      process.exit(0);`);

    assert.equal(stderr.trimEnd().split('\n').length, 1000);
  });
});

describe('json log', () => {
  it('a line is an object with level, time, process and fields', t => {
    const { logger, read } = setup(t, { format: 'json' });

    logger.warning('Task received', { task_id: 'abc' });

    const { time, pid, ...rest } = JSON.parse(read());
    assert.deepEqual(rest, {
      level: 'WARNING',
      processName: 'MainProcess',
      message: 'Task received',
      task_id: 'abc',
    });
    assert.equal(pid, process.pid);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 10_000);
  });

  it('lines logged right before process.exit reach stderr', () => {
    const stderr = stderrOf(`
      const log = createLogger({level: 'info', format: 'json', processName: 'M'});
      for (let i = 0; i < 100; i++) log.info('line');
      process.exit(0);`);

    assert.equal(stderr.trimEnd().split('\n').length, 100);
  });
});

describe('log pattern', () => {
  const record = {
    timeMs: new Date(2026, 10, 5, 7, 8, 9, 12).getTime(),
    level: 'info' as const,
    message: 'hi',
    fields: { task_name: 'proj.add' },
  };

  it('time is local, with three digits after the comma', () => {
    assert.equal(localTime(record.timeMs), '2026-11-05 07:08:09,012');
  });

  it('fields of a record are found by name, and missing ones are ???', () => {
    const format = compilePattern('%(task_name)s[%(task_id)s]: %(message)s', 'M');

    assert.equal(format(record), 'proj.add[???]: hi');
  });

  it('widths, precisions and a doubled percent sign are understood', () => {
    const format = compilePattern('%(levelname)-8s|%(processName)8s|%(message).1s|100%%', 'M');

    assert.equal(format(record), 'INFO    |       M|h|100%');
  });
});
