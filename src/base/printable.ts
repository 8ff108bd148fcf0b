/** What ends a line or moves the cursor of a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/**
 * Text from a message as one line of a log: control characters are written as JavaScript
 * escapes, so that nobody who can publish can write lines of the log.
 */
export const printable = (text: string): string =>
  text.replace(CONTROLS, found => {
    if (found === '\n') return '\\n';
    const code = found.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
