import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { TYPESCRIPT } from '../../support/typescript.ts';

function titleWith(env: Record<string, string>): string {
  const code = `
    const { setProcessTitle } = await import(${JSON.stringify(import.meta.resolve('../../../src/process/title.ts'))});
    process.title = 'before';
    setProcessTitle('celeryd', 'w1@vm:MainProcess', '-active- (worker)');
    console.log(process.title);`;
  const args = [...TYPESCRIPT, '--input-type=module', '-e', code];
  return execFileSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

describe('process title', () => {
  test('names program, node and process', () => {
    assert.equal(titleWith({}), '[celeryd: w1@vm:MainProcess] -active- (worker)\n');
  });

  test('stays as it was with NOSETPS', () => {
    assert.equal(titleWith({ NOSETPS: '1' }), 'before\n');
  });
});
