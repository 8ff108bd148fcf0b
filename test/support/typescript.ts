/** Options for node in tests that start a TypeScript file of ours as a process or thread. */
export const TYPESCRIPT: readonly string[] = [
  '--import',
  new URL('./typescript-loader.mjs', import.meta.url).href,
];
