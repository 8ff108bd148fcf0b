import { randomUUID } from 'node:crypto';
import { openBackend } from '../../src/backends/open.ts';
import { DEFAULT_OPTIONS } from './backend.contract.ts';
import { chordContract } from './chords.contract.ts';

chordContract('memory', async t => {
  const url = `cache+memory://${randomUUID()}`;
  return {
    open: async options => {
      const backend = await openBackend(url, { ...DEFAULT_OPTIONS, ...options });
      t.after(() => backend.stop());
      return backend;
    },
  };
});
