import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { runCli } from '../support/cli.ts';
import { python, pythonCelery } from '../support/python.ts';

const FLEET = ['nodes:a,b,c,d,e,f', 'threads:2,9,1,1,1,3'];
const SERVERS = ['broker:redis://b/1', 'backend:redis://b/2'];
const CODE = `
import subprocess, sys
out = [
    subprocess.run([sys.executable, '-m', 'celery', 'graph', 'workers', *words],
                   capture_output=True, check=True, text=True).stdout
    for words in data
]
`;

describe('graph workers', () => {
  let isThere = false;
  before(async () => {
    isThere = await pythonCelery();
  });

  it('draws the same as Celery, byte for byte', async t => {
    if (!isThere) return t.skip('python3-celery is not installed');
    const cases = [[], ['generic', 'enumerate'], ['wmax:0', 'tmax:0'], ['tmax:2', 'enumerate']].map(
      more => [...FLEET, ...SERVERS, ...more],
    );

    const expected = await python<string[]>(CODE, cases);

    for (const [i, words] of cases.entries()) {
      const { stdout } = await runCli(['graph', 'workers', ...words]);
      assert.equal(stdout, expected[i], words.join(' '));
    }
  });
});
