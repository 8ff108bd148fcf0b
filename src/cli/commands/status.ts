import { askNodes } from '../control/remote-control.ts';
import type { NODE_OPTIONS } from '../declarations/status.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';

export async function run(invocation: Invocation<typeof NODE_OPTIONS>): Promise<number> {
  const { app } = await loadApp(invocation.globals);
  try {
    return await askNodes(app, 'status', { command: 'ping', args: {} }, invocation);
  } finally {
    await app.close();
  }
}
