import { randomUUID } from 'node:crypto';
import { MemoryTransport } from '../../src/messaging/memory/transport.ts';
import { transportContract } from './transport.contract.ts';

transportContract('memory', async () => {
  const url = `memory://${randomUUID()}`;
  return { takesAnything: true, open: () => new MemoryTransport(url), dispose: async () => {} };
});
