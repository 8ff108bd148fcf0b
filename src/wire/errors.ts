import { CeleryError } from '../base/errors.ts';

/** Base of trouble with content. Python knows these classes as `kombu.exceptions`. */
abstract class ContentError extends CeleryError {
  static override readonly excModule: string = 'kombu.exceptions';
}

/** A value that the serializer cannot write. */
export class EncodeError extends ContentError {
  readonly code = 'ENCODE';
}

/** Bytes that cannot be read. */
export class DecodeError extends ContentError {
  readonly code = 'DECODE';
}

/** Content of a type that `accept_content` does not list. */
export class ContentDisallowed extends ContentError {
  readonly code = 'CONTENT_DISALLOWED';
}

/** A serializer or compression that nobody registered. */
export class SerializerNotInstalled extends ContentError {
  readonly code = 'SERIALIZER_NOT_INSTALLED';
}

/** A task message with something missing or of the wrong type. Celery: `InvalidTaskError`. */
export class InvalidTaskError extends CeleryError {
  readonly code = 'INVALID_TASK';
}
