import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../fixtures/ended-threads.ts', import.meta.url));
const loader = new URL('../../support/typescript-loader.mjs', import.meta.url).href;

describe('a thread that is ended while it calls SQLite', () => {
  it('leaves the process alone', async () => {
    const args = ['--import', loader, program];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });

    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});
