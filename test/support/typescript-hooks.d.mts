/** What a TypeScript file of this repository is as JavaScript, with its source map in it. */
export function cachedFile(path: string): string;
