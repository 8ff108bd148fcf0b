/** Classes whose instances travel as typed JSON values, kombu's `{__type__, __value__}`. */

import { processWide } from '../../base/process/process-wide.ts';

export interface RegisteredType {
  readonly Class: abstract new (...args: never[]) => object;
  readonly name: string;
  readonly encode: (value: never) => unknown;
  readonly decode: (wire: unknown) => unknown;
}

/** By name; the last registered is asked first. */
const types = processWide('json-types', () => new Map<string, RegisteredType>());

/**
 * Teach JSON a class, as kombu's `register_type` does in Python. Instances, also those of
 * subclasses, are sent as `{"__type__": name, "__value__": encode(instance)}` and come back
 * through `decode`. Readers that have not registered the name get that object as it is;
 * Python (kombu 5.3 and later) refuses the message.
 *
 * @param name the same on every node, so rather `shop.Money` than `Money`; registering it
 *   again replaces the class
 * @param encode to anything that JSON can write
 * @throws TypeError for arguments of a wrong type
 */
export function registerType<T extends object>(
  Class: abstract new (...args: never[]) => T,
  name: string,
  encode: (value: T) => unknown,
  decode: (wire: unknown) => T,
): void {
  if (typeof Class !== 'function') throw new TypeError('registerType needs a class');
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`registerType(${Class.name}) needs a name, got ${JSON.stringify(name)}`);
  }
  if (typeof encode !== 'function' || typeof decode !== 'function') {
    throw new TypeError(`registerType(${Class.name}, ${JSON.stringify(name)}) needs two functions`);
  }
  types.set(name, { Class, name, encode, decode });
}

export function registeredTypeOf(value: object): RegisteredType | undefined {
  if (types.size === 0) return undefined;
  return [...types.values()].findLast(({ Class }) => value instanceof Class);
}

export function registeredType(name: string): RegisteredType | undefined {
  return types.get(name);
}
