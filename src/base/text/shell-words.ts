/** Words as a POSIX shell reads and writes them, without anything that it would expand. */

/** The words of a text; quotes keep blanks, and a backslash the character after it. */
export function shellWords(text: string): string[] {
  const part = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)|(\s+)|(.)/gs;
  const words: string[] = [];
  let word: string | undefined;
  for (const [, single, double, escaped, plain, blank, rest] of text.matchAll(part)) {
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word = (word ?? '') + (single ?? double?.replace(/\\(["\\])/g, '$1') ?? '');
    word += escaped ?? plain ?? rest ?? '';
  }
  return word === undefined ? words : [...words, word];
}

/** The word so that a shell reads it as it is; most stay as they are. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
