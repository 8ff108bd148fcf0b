import { isThenable } from '../../base/kind-of.ts';
import type { Execution } from '../execution.ts';
import type { Outcome } from '../outcome.ts';
import { outcomeOf, outcomeOfValue } from '../outcome-of.ts';
import { runInContext } from '../task-context.ts';

/** Code that is done when it returns costs no promise. */
export function call(x: Execution): Promise<void> | undefined {
  const started = x.ports.clock.monotonic();
  let outcome: Outcome;
  try {
    const value = runInContext(x.context, () => invoke(x));
    if (isThenable(value)) return awaitCall(x, started, value);
    outcome = outcomeOfValue(value, x);
  } catch (error) {
    outcome = outcomeOf(error, x);
  }
  return endCall(x, started, outcome);
}

/** Until its code ends, or an error ends it that its code cannot hear of. */
function awaitCall(x: Execution, started: number, running: PromiseLike<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (judge: typeof outcomeOf, result: unknown): void => {
      if (!x.cutShort) return;
      x.cutShort = undefined;
      try {
        endCall(x, started, judge(result, x));
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    x.cutShort = thrown => {
      x.wasCutShort = true;
      end(outcomeOf, thrown);
    };
    Promise.resolve(running).then(
      value => end(outcomeOfValue, value),
      error => end(outcomeOf, error),
    );
  });
}

function endCall(x: Execution, started: number, outcome: Outcome): undefined {
  x.outcome = outcome;
  x.runtime = x.ports.clock.monotonic() - started;
  x.control.release();
}

function invoke(x: Execution): unknown {
  const { args, kwargs } = x.request;
  const before: unknown = x.task.handlers?.beforeStart?.(x.request);
  if (!isThenable(before)) return x.task.invoke(x.context, args, kwargs);
  return Promise.resolve(before).then(() => x.task.invoke(x.context, args, kwargs));
}
