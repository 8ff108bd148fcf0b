/** As they were before a task could put others in their place, as test libraries do. */
export const { setImmediate, setInterval, clearInterval, queueMicrotask } = globalThis;
