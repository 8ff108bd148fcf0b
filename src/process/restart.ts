/** Starting the program over, as HUP asks for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EXIT } from './exit-codes.ts';
import { type HandledSignal, installSignals } from './signals.ts';

/** `--workdir` may have changed it since; a relative one must not be applied twice. */
const START_DIRECTORY = process.cwd();

/**
 * Run the same command line again and resolve with its exit code. Node cannot replace a running
 * program, so this process stays, keeps the pid that others know and passes signals on.
 * A further HUP ends the successor and starts another.
 */
export async function runAgain(): Promise<number> {
  for (;;) {
    const { code, isRestart } = await runSuccessor();
    if (!isRestart) return code;
  }
}

async function runSuccessor(): Promise<{ code: number; isRestart: boolean }> {
  const args = [...process.execArgv, ...process.argv.slice(1)];
  const child = spawn(process.execPath, args, { cwd: START_DIRECTORY, stdio: 'inherit' });
  let isRestart = false;
  const pass = (signal: HandledSignal) => () => void child.kill(signal);
  const uninstall = installSignals({
    SIGTERM: pass('SIGTERM'),
    SIGINT: pass('SIGINT'),
    SIGQUIT: pass('SIGQUIT'),
    SIGUSR1: pass('SIGUSR1'),
    SIGHUP: () => {
      isRestart = true;
      child.kill('SIGTERM');
    },
  });
  const [code] = await once(child, 'exit');
  uninstall();
  return { code: code ?? EXIT.failure, isRestart };
}
