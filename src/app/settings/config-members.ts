import { ImproperlyConfigured } from '../../base/errors.ts';
import { isClass } from '../../base/kind-of.ts';

type Values = Record<string, unknown>;

/**
 * Own and inherited members, so that one configuration can be made from another. Of a class
 * the static members, and the fields that its instances get.
 *
 * @throws ImproperlyConfigured for a class or function that has none
 */
export function membersOf(source: object): Values {
  if (typeof source !== 'function') return enumerable(source);
  const statics = enumerable(source);
  const hasStatics = Object.keys(statics).length > 0;
  const values = { ...fieldsOf(source as new () => object, hasStatics), ...statics };
  if (Object.keys(values).length > 0) return values;
  throw new ImproperlyConfigured(
    `The configuration ${isClass(source) ? 'class' : 'function'} ${source.name} has no members: write settings as static timezone = 'Europe/Oslo'.`,
  );
}

/** @param hasStatics and may be nothing that instances are made of */
function fieldsOf(Class: new () => object, hasStatics: boolean): Values {
  if (!isClass(Class)) return {};
  try {
    return enumerable(new Class());
  } catch (error) {
    if (hasStatics) return {};
    throw new ImproperlyConfigured(
      `No instance of the configuration class ${Class.name} can be made, and it has no static members.`,
      { cause: error },
    );
  }
}

function enumerable(source: object): Values {
  const values: Values = {};
  for (const name in source) values[name] = source[name as keyof typeof source];
  return values;
}
