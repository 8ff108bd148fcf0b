/**
 * Name this process for `ps`, as Celery does: `[celeryd: w1@vm:MainProcess] -active- (…)`.
 * The variable NOSETPS turns that off. Where the system has little room the end is cut off.
 */
export function setProcessTitle(program: string, name: string, info = ''): void {
  if (process.env.NOSETPS) return;
  process.title = `[${program}: ${name}]${info && ` ${info}`}`;
}
