/**
 * Settings that name something a program may add to: serializers, compressions, attributes of
 * tasks. They can be looked up only when everything is registered, so when a worker starts or the first call is
 * made, and not when the settings are read.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { compressionNamed } from '../../wire/compression/compression.ts';
import { acceptedContentTypes, serializerNamed } from '../../wire/content.ts';
import { SerializerNotInstalled } from '../../wire/errors.ts';
import type { Settings } from '../settings/settings.ts';
import type { SettingName } from '../settings/tables/table.ts';
import { checkAnnotations } from '../tasks/annotations.ts';

type Lookup = (value: never) => unknown;

/** A type that nothing here can read is a slip too. */
function acceptable(names: readonly string[]): void {
  acceptedContentTypes(names);
  for (const type of names) if (type.includes('/')) serializerNamed(type);
}

const LOOKUPS: readonly (readonly [SettingName, Lookup])[] = [
  ['accept_content', acceptable],
  ['result_accept_content', acceptable],
  ['task_serializer', serializerNamed],
  ['result_serializer', serializerNamed],
  ['event_serializer', serializerNamed],
  ['task_compression', compressionNamed],
  ['result_compression', compressionNamed],
];

/**
 * @throws ImproperlyConfigured naming the setting, and the nearest name that exists or the value
 */
export function checkNamedSettings(conf: Settings): void {
  for (const [setting, lookup] of LOOKUPS) {
    const value = conf.get(setting);
    if (value === null) continue;
    found(`Setting ${setting}`, () => lookup(value as never));
  }
  checkAnnotations(conf.get('task_annotations'));
}

/** The same for what the declaration of a task names. */
export function checkNamedOptions(
  task: string,
  named: { readonly serializer: string; readonly compression: string | null },
): void {
  const { serializer, compression } = named;
  found(`Task ${task}`, () => serializerNamed(serializer));
  if (compression !== null) found(`Task ${task}`, () => compressionNamed(compression));
}

function found(whose: string, lookUp: () => unknown): void {
  try {
    lookUp();
  } catch (error) {
    if (!(error instanceof SerializerNotInstalled)) throw error;
    throw new ImproperlyConfigured(`${whose}: ${error.message}`, { cause: error });
  }
}
