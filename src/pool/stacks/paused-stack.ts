/** The stack of a thread that may be in an endless loop, by the debugger's protocol. */

/** A debugger's session, whoever carries its messages. */
export interface DebuggerPort {
  post(method: string): void;
  /** What the session tells: methods such as `Debugger.paused` with what belongs to them. */
  listen(listener: (method: string, params: unknown) => void): void;
}

interface Frame {
  readonly functionName: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber?: number;
  };
}

const MOST_FRAMES = 40;
/** Of a thread that is inside a system call, or in other code that is no JavaScript. */
const MOST_MS = 2000;

/**
 * Stops the thread for a moment. Undefined when it executes no JavaScript within two seconds; whoever
 * made the session ends it, which lets the thread go on in any case.
 */
export function pausedStack(port: DebuggerPort): Promise<string[] | undefined> {
  /** Urls by id; a frame has but the id of its script. */
  const scripts = new Map<string, string>();
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(undefined), MOST_MS);
    port.listen((method, params) => {
      if (method === 'Debugger.scriptParsed') {
        const { scriptId, url } = params as { scriptId: string; url: string };
        scripts.set(scriptId, url);
      } else if (method === 'Debugger.paused') {
        const { callFrames } = params as { callFrames: readonly Frame[] };
        clearTimeout(timer);
        port.post('Debugger.resume');
        resolve(callFrames.slice(0, MOST_FRAMES).map(frame => frameText(frame, scripts)));
      }
    });
    port.post('Debugger.enable');
    port.post('Debugger.pause');
  });
}

function frameText(
  { functionName, location }: Frame,
  scripts: ReadonlyMap<string, string>,
): string {
  const { scriptId, lineNumber, columnNumber = 0 } = location;
  const file = scripts.get(scriptId) || '<anonymous>';
  return `at ${functionName || '<anonymous>'} (${file}:${lineNumber + 1}:${columnNumber + 1})`;
}
