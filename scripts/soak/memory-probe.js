/**
 * Loaded into every process and thread of a worker before everything else (`--import`): whenever the
 * file `ask` in the folder PROBE_FOLDER has another number, it collects garbage and writes how many
 * bytes of living objects are left to `NUMBER.NAME`. See living-memory.ts.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, threadId } from 'node:worker_threads';

const EVERY_MS = 50;

const folder = process.env.PROBE_FOLDER;
if (folder) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const kind = isMainThread ? (process.send ? 'process' : 'main') : 'thread';
  const name = `${kind}-${process.pid}-${threadId}`;
  const write = (file, text) => {
    writeFileSync(join(folder, `.${file}`), text);
    renameSync(join(folder, `.${file}`), join(folder, file));
  };
  let answered = '';
  const answer = () => {
    const asked = readFileSync(join(folder, 'ask'), 'utf8');
    if (asked === answered) return;
    answered = asked;
    collect();
    const { used_heap_size, external_memory } = getHeapStatistics();
    write(`${asked}.${name}`, String(used_heap_size + external_memory));
  };
  write(`member.${name}`, '');
  process.once('exit', () => rmSync(join(folder, `member.${name}`), { force: true }));
  setInterval(answer, EVERY_MS).unref();
}
