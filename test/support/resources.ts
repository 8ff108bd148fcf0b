/** What keeps this process alive, by kind; the pipes of the test runner left out. */
export function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter(type => type !== 'PipeWrap' && type !== 'Immediate');
}
