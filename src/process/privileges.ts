/** Giving up root: `--uid`, `--gid`, `--umask`. */
import { execFileSync } from 'node:child_process';
import { ImproperlyConfigured } from '../base/errors.ts';

export type Id = string | number;

/** Missing from Node's types. */
const unix = process as NodeJS.Process & { initgroups?(user: Id, group: Id): void };

/**
 * Run as somebody else from now on; a user brings the groups he is in.
 *
 * @throws ImproperlyConfigured when there is no such user or group, or when we may not
 */
export function dropPrivileges(user: Id | null, group: Id | null): void {
  if (user === null && group === null) return;
  requireUnix();
  const uid = user === null ? null : lookUp('User', user, ['-u', '--', String(user)]);
  const gid = group === null ? primaryGroup(user) : groupId(group);
  let hasChanged: boolean;
  try {
    hasChanged = become(uid, gid);
  } catch (cause) {
    const who = `user ${user ?? 'as now'}, group ${group ?? 'as now'}`;
    throw new ImproperlyConfigured(
      `Cannot change to ${who}: ${(cause as Error).message}. Only root can do that.`,
      { cause },
    );
  }
  if (hasChanged && uid !== 0) refuseWayBack();
}

function requireUnix(): void {
  if (process.setuid && process.setgid && unix.initgroups) return;
  throw new ImproperlyConfigured('--uid and --gid do not exist on this operating system.');
}

function become(uid: number | null, gid: number | null): boolean {
  if (gid !== null && gid !== process.getgid!()) process.setgid!(gid);
  if (uid === null || uid === process.getuid!()) return false;
  joinGroups(uid, gid ?? process.getgid!());
  process.setuid!(uid);
  return true;
}

function joinGroups(uid: number, gid: number): void {
  try {
    unix.initgroups!(uid, gid);
  } catch {
    process.setgroups!([gid]); // a number that is no user of this system
  }
}

function primaryGroup(user: Id | null): number | null {
  return user === null ? null : lookUp('User', user, ['-g', '--', String(user)]);
}

function groupId(group: Id): number {
  if (isNumber(group)) return Number(group);
  try {
    const line = execFileSync('getent', ['group', String(group)], { encoding: 'utf8' });
    return Number(line.split(':')[2]);
  } catch (error) {
    throw new ImproperlyConfigured(`Group does not exist: ${group}`, { cause: error });
  }
}

/** Asks `id`, which knows users of every kind, not only those in /etc/passwd. */
function lookUp(what: string, id: Id, args: string[]): number {
  try {
    const text = execFileSync('id', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(text);
  } catch (error) {
    if (isNumber(id)) return Number(id);
    throw new ImproperlyConfigured(`${what} does not exist: ${id}`, { cause: error });
  }
}

function isNumber(id: Id): boolean {
  return /^\d+$/.test(String(id));
}

function refuseWayBack(): void {
  try {
    process.setuid!(0);
  } catch {
    return;
  }
  throw new ImproperlyConfigured('Could become root again after giving it up; not going on.');
}

/**
 * The number for `process.umask`: text with a leading 0 is octal, else decimal, as in Celery.
 *
 * @throws ImproperlyConfigured for anything else
 */
export function umaskNumber(text: Id): number {
  const given = String(text);
  const value = /^0[0-7]*$/.test(given)
    ? Number.parseInt(given, 8)
    : /^[1-9]\d*$/.test(given)
      ? Number(given)
      : Number.NaN;
  if (value <= 0o777) return value;
  throw new ImproperlyConfigured(
    `umask must be octal with a leading 0 ("022") or a decimal number, not ${JSON.stringify(text)}`,
  );
}
