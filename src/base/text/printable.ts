/**
 * What ends a line, moves the cursor of a terminal, or turns the direction of text around: with it
 * a message could hide or fake lines of a log.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
/** The same without tabs and line ends, which are part of texts of several lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const IN_LINES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
/** Those of them that JSON leaves as they are: it has to escape only what is below U+0020. */
const IN_JSON = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Text from a message as one line of a log: control characters are written as JavaScript
 * escapes, so that nobody who can publish can write lines of the log.
 */
export const printable = (text: string): string => text.replace(CONTROLS, escaped);

/** Text of several lines: they and tabs stay, all other control characters are escaped. */
export const printableLines = (text: string): string => text.replace(IN_LINES, escaped);

/** JSON that means the same, without control characters. */
export const printableJson = (json: string): string => json.replace(IN_JSON, unicodeEscape);

function escaped(found: string): string {
  if (found === '\n') return '\\n';
  const code = found.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : unicodeEscape(found);
}

function unicodeEscape(found: string): string {
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
