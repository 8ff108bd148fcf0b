/**
 * What a caller can do. With the worker of app.ts running, in this directory:
 *
 *   npx jiti client.ts
 */
import { RemoteTaskError, TaskRevokedError } from 'tscelery';
import { add, app, charge, download, importRows, type refreshAll, resize } from './app.ts';

const wait = { timeout: 20 };

// `delay` takes the task's own arguments, and TypeScript checks them.
console.log('add:', await (await add.delay(1, 2)).get(wait));

// `applyAsync` also takes options, among them keyword arguments.
const resized = await resize.applyAsync(['a.png'], { kwargs: { width: 80 } });
console.log('resize:', await resized.get(wait));

// A task may run late, or not at all when it is too late.
const late = await add.applyAsync([1], { countdown: 1 });
const tooLate = await add.applyAsync([1], { countdown: 0.5, expires: 0.1 });
console.log('late:', await late.state(), await late.get(wait));
console.log('too late:', await caught(tooLate.get(wait), TaskRevokedError));

// Errors arrive as errors, retries are waited for.
const missing = await download.delay('http://example.org/nothing');
console.log('missing:', await caught(missing.get(wait), RemoteTaskError));
const busy = await download.delay('http://example.org/busy');
console.log('busy:', await busy.get(wait));

// States are seen on the way.
const seen = new Set<string>();
const imported = await importRows.delay(30);
const value = await imported.get({ ...wait, onMessage: ({ status }) => seen.add(status) });
console.log('import:', value, seen.has('PROGRESS') ? 'with progress' : 'without progress');

// A result that nobody needs is not kept.
const charged = await charge.applyAsync(['alice', 1250], { ignoreResult: true });
console.log('charge:', await charged.get());

// Tasks of other programs are sent by name; the route is the same.
const sent = await app.sendTask('feeds.refreshAll', [['a.xml', 'b.xml']]);
const ids = (await sent.get(wait)) as Awaited<ReturnType<typeof refreshAll>>;
for (const id of ids) console.log('refresh:', await app.AsyncResult(id).get(wait));

// Without `delay` a task is an ordinary async function: no message, no worker.
console.log('here:', await add(20, 22));

await app.close();

async function caught(
  promise: Promise<unknown>,
  Class: typeof TaskRevokedError | typeof RemoteTaskError,
) {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  return error instanceof Class ? `${error.name}: ${error.message}` : `unexpected ${String(error)}`;
}
