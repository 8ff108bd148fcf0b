/** What workers answer to `registered params`. */

export interface RegisteredTask {
  readonly name: string;
  /** As the option `params` names them; undefined when no worker tells, or workers differ. */
  readonly params: readonly string[] | undefined;
}

const MARK = ' [params=';

/** All tasks of all nodes, by name; what is no list of texts is left out. */
export function registeredTasks(replies: readonly unknown[]): RegisteredTask[] {
  const found = new Map<string, readonly string[] | undefined>();
  const differing = new Set<string>();
  for (const line of replies.flatMap(texts)) {
    const { name, params } = readLine(line);
    const known = found.get(name);
    if (known && params && known.join() !== params.join()) differing.add(name);
    found.set(name, known ?? params);
  }
  return [...found]
    .map(([name, params]) => ({ name, params: differing.has(name) ? undefined : params }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.filter(line => typeof line === 'string') : [];
}

function readLine(line: string): RegisteredTask {
  const at = line.lastIndexOf(MARK);
  if (at < 0 || !line.endsWith(']')) return { name: line, params: undefined };
  const params = readParams(line.slice(at + MARK.length, -1));
  return { name: line.slice(0, at), params };
}

/** A task of Python may have an attribute of that name that means something else. */
function readParams(json: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(json);
    const isList = Array.isArray(value) && value.every(each => typeof each === 'string');
    return isList ? (value as string[]) : undefined;
  } catch {
    return undefined;
  }
}
