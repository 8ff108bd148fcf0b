import { EXIT } from '../exit-codes.ts';
import { passSignals, Successor } from '../restart.ts';
import { installSignals } from '../signals/install.ts';
import { SourceWatch } from './source-watch.ts';

/**
 * Runs this command in a process of its own, which loads the code, and another one after every
 * change; each finishes what it runs before the next one starts. One that fails is not started
 * again before something changes. Resolves with the exit code when a signal ended it.
 *
 * @param say writes a line for the person at the terminal
 */
export async function runWatching(
  roots: readonly string[],
  say: (line: string) => void,
): Promise<number> {
  let current: Successor | undefined;
  let onChange = () => {};
  const stopPassing = passSignals(() => current, process.stdin.isTTY);
  const watch = new SourceWatch(roots, file => {
    say(`${file} changed: starting again`);
    current?.replace();
    onChange();
  });
  try {
    for (;;) {
      current = new Successor({ pid: process.pid, watched: true });
      const successor = current;
      const code = await successor.ended;
      current = undefined;
      if (successor.isStopped) return code;
      if (successor.isReplaced) continue;
      if (code === EXIT.ok) return code;
      say(`The worker ended with exit code ${code}. It starts again when a file changes.`);
      const isChange = await changeOrSignal(listener => {
        onChange = listener;
      });
      if (!isChange) return code;
    }
  } finally {
    watch.close();
    stopPassing();
  }
}

/** False when a signal came first. */
function changeOrSignal(listen: (listener: () => void) => void): Promise<boolean> {
  return new Promise(resolve => {
    const end = (isChange: boolean) => () => {
      uninstall();
      resolve(isChange);
    };
    const stop = end(false);
    const uninstall = installSignals({ SIGTERM: stop, SIGINT: stop, SIGQUIT: stop });
    listen(end(true));
  });
}
