import { randomUUID } from 'node:crypto';
import { openBackend } from '../../src/backends/open.ts';
import { backendContract, DEFAULT_OPTIONS } from './backend.contract.ts';

backendContract('memory', async t => {
  const url = `cache+memory://${randomUUID()}`;
  return {
    keepsFamily: true,
    open: async options => {
      const backend = await openBackend(url, { ...DEFAULT_OPTIONS, ...options });
      t.after(() => backend.stop());
      return backend;
    },
  };
});
