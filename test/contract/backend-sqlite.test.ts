import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBackend } from '../../src/backends/open.ts';
import { backendContract, DEFAULT_OPTIONS } from './backend.contract.ts';

backendContract('sqlite', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-results-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return {
    keepsFamily: false,
    open: async options => {
      const url = `db+sqlite:///${join(folder, 'results.sqlite')}`;
      const backend = await openBackend(url, { ...DEFAULT_OPTIONS, ...options });
      t.after(() => backend.stop());
      return backend;
    },
  };
});
