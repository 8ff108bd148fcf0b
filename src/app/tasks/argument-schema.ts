import { isThenable } from '../../base/kind-of.ts';
import type { SchemaIssue, StandardSchema } from '../options/task-options.ts';

/**
 * The arguments as the schema gives them back.
 *
 * @throws TypeError listing every issue with its place
 */
export function validated(
  schema: StandardSchema,
  args: readonly unknown[],
  task: string,
): readonly unknown[] | Promise<readonly unknown[]> {
  const result = schema['~standard'].validate([...args]);
  return isThenable(result)
    ? Promise.resolve(result).then(settled => outputOf(settled, task))
    : outputOf(result, task);
}

function outputOf(
  result: { value: unknown; issues?: undefined } | { issues: readonly SchemaIssue[] },
  task: string,
): readonly unknown[] {
  if (result.issues) {
    const issues = result.issues.map(issue => `${placeOf(issue)}${issue.message}`);
    throw new TypeError(`${task}() got arguments that do not fit: ${issues.join('; ')}`);
  }
  if (Array.isArray(result.value)) return result.value;
  throw new TypeError(`The schema of ${task} must describe the list of arguments`);
}

function placeOf({ path = [] }: SchemaIssue): string {
  const keys = path.map(step => String(typeof step === 'object' ? step.key : step));
  return keys.length === 0 ? '' : `argument ${keys.join('.')}: `;
}
