/** Options of commands that may run in the background (`cli/daemon.ts`). */
import type { SettingName } from '../../app/settings/tables/table.ts';
import type { Options } from '../parsing/option.ts';
import { path, text } from '../parsing/value-type.ts';

const SECTION = 'Daemonization Options';

type Part = 'pidfile' | 'uid' | 'gid' | 'umask' | 'executable';

/** @param settings those that the options stand for */
export function daemonOptions<const S extends Readonly<Record<Part, SettingName>>>(settings: S) {
  return {
    pidfile: {
      flags: ['--pidfile'],
      type: path,
      section: SECTION,
      setting: settings.pidfile,
      help: 'Keep the process id in this file; refuse to start while its process is alive. %n node, %h host.',
    },
    uid: {
      flags: ['--uid'],
      type: text,
      section: SECTION,
      setting: settings.uid,
      help: 'Run as this user (name or number).',
    },
    gid: {
      flags: ['--gid'],
      type: text,
      section: SECTION,
      setting: settings.gid,
      help: 'Run as this group (name or number).',
    },
    umask: {
      flags: ['--umask'],
      type: text,
      section: SECTION,
      setting: settings.umask,
      help: 'File mode mask in the background; octal with a leading 0.',
    },
    executable: {
      flags: ['--executable'],
      type: path,
      section: SECTION,
      setting: settings.executable,
      help: 'Program to run in the background instead of this Node.',
    },
  } as const satisfies Options;
}
