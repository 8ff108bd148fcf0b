/**
 * Name this process for `ps`, as Celery does: `[celeryd: w1@vm:MainProcess] -active- (…)`.
 * The variable NOSETPS turns that off. Where the system has little room the end is cut off.
 */
export function setProcessTitle(program: string, name: string, info = ''): void {
  setTitle(titleOf(program, name, info));
}

/** The same, with a title that is made already. */
export function setTitle(title: string): void {
  if (process.env.NOSETPS) return;
  process.title = title;
}

export function titleOf(program: string, name: string, info = ''): string {
  return `[${program}: ${name}]${info && ` ${info}`}`;
}
