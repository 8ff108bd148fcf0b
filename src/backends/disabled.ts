import { ImproperlyConfigured } from '../base/errors.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import type { ResultBackend } from './contract.ts';

/** No result store: what tasks return is thrown away, and asking for it is an error. */
export class DisabledBackend implements ResultBackend {
  readonly name = 'disabled';
  readonly url = 'disabled://';
  readonly subscriptions = 0;

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async store(_meta: ResultMeta): Promise<void> {}
  async forget(_taskId: string): Promise<void> {}
  async forgetGroup(_groupId: string): Promise<void> {}

  async cleanup(): Promise<number> {
    return 0;
  }

  fetch(_taskId: string): Promise<ResultMeta | undefined> {
    return noBackend();
  }

  subscribe(): Promise<() => Promise<void>> {
    return noBackend();
  }

  storeGroup(): Promise<void> {
    return noBackend();
  }

  fetchGroup(): Promise<unknown> {
    return noBackend();
  }
}

async function noBackend(): Promise<never> {
  throw new ImproperlyConfigured(
    'No result backend is configured. Set result_backend, for example to "redis://localhost/1" ' +
      'or "db+sqlite:///results.sqlite", and restart the workers, which store the results.',
  );
}
