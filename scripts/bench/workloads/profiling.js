/** Loaded before a process's own program: writes a CPU profile when the process ends. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const { BENCH_PROFILE_DIR: folder } = process.env;

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.start');

process.on('exit', () => {
  session.post('Profiler.stop', (error, result) => {
    if (error) return;
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${process.ppid}-${process.pid}.cpuprofile`);
    writeFileSync(path, JSON.stringify(result.profile));
  });
});
