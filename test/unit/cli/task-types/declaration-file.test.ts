import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declarationFile } from '../../../../src/cli/task-types/declaration-file.ts';
import { registeredTasks } from '../../../../src/cli/task-types/registered-tasks.ts';

const members = (...replies: unknown[]) =>
  declarationFile(registeredTasks(replies))
    .split('\n')
    .filter(line => line.startsWith('    '))
    .map(line => line.trim());

describe('declarations of registered tasks', () => {
  it('take the parameters from the worker that tells them', () => {
    assert.deepEqual(members(['a'], ['a [params=["x"]]', 'b'], ['a [params=["x"]]']), [
      "'a'(x: unknown): unknown;",
      "'b'(...args: unknown[]): unknown;",
    ]);
  });

  it('know nothing of a task that workers tell differently', () => {
    assert.deepEqual(members(['a [params=["x"]]'], ['a [params=["x","y"]]']), [
      "'a'(...args: unknown[]): unknown;",
    ]);
  });

  it('are not led astray by what a worker says', () => {
    assert.deepEqual(
      members({ error: 'no' }, [
        7,
        'a\u2028\n"; x [params=no]',
        'b [params=["x\\n; y","{ a: b; }"]]',
      ]),
      [
        `'a\\u2028\\n"; x'(...args: unknown[]): unknown;`,
        `'b'(arg1: unknown, options: { "a: b;"?: unknown }): unknown;`.replaceAll(
          '"a: b;"',
          "'a: b;'",
        ),
      ],
    );
  });
});
