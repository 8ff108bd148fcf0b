import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ModuleLoadError } from './errors.ts';
import { loadFile, resolveModule } from './load-module.ts';

/**
 * Import `<package>/<relatedName>` of each package that has it.
 *
 * @throws ModuleLoadError when a package does not exist, or loading its module fails
 */
export async function discoverTasks(
  packages: readonly string[] | (() => readonly string[]),
  { relatedName = 'tasks', cwd = process.cwd() }: { relatedName?: string; cwd?: string },
): Promise<void> {
  for (const name of typeof packages === 'function' ? packages() : packages) {
    const module = relatedName === '' ? name : `${name}/${relatedName}`;
    const path = (await resolveModule(module, cwd)) ?? (await resolveModule(dotted(module), cwd));
    if (path !== undefined) await loadFile(path, module);
    else if (!(await exists(name, cwd))) {
      throw new ModuleLoadError(`The package ${name} was not found.`, {
        module: name,
        missing: true,
      });
    }
  }
}

/** A package may be written `proj.billing`, as in Python. */
function dotted(module: string): string {
  return module.startsWith('.') ? module : module.replaceAll('.', '/');
}

async function exists(name: string, cwd: string): Promise<boolean> {
  if (await resolveModule(name, cwd)) return true;
  const found = await stat(resolve(cwd, dotted(name))).catch(() => undefined);
  return found?.isDirectory() ?? false;
}
