import { bugReport } from '../../app/bug-report.ts';
import { printableLines } from '../../base/text/printable.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { checkApp } from '../../worker/steps/check-app.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';

/**
 * Prints what a bug report needs. Opens no connection.
 *
 * @throws ImproperlyConfigured, after that, for what a worker would not start with
 */
export async function run({ globals }: Invocation): Promise<number> {
  const { app, source } = await loadApp(globals);
  try {
    await app.importModules([], source.cwd);
    process.stdout.write(printableLines(bugReport(app, source.app)));
    await checkApp(app);
  } finally {
    await app.close();
  }
  return EXIT.ok;
}
