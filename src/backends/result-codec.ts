/** Result documents as they are stored: `result_serializer`, `result_accept_content`. */
import {
  acceptedContentTypes,
  assertAccepted,
  decodeContent,
  type Serializer,
  serializerNamed,
} from '../wire/content.ts';
import { EncodeError } from '../wire/errors.ts';
import { type ChordPartFields, chordPartTuple } from '../wire/results/chord-part.ts';
import {
  decodeMeta,
  encodeMeta,
  metaFromFields,
  metaToFields,
  type ResultMeta,
} from '../wire/results/result-meta.ts';
import { jsonDecode, jsonEncode } from '../wire/serializers/json.ts';
import type { BackendOptions } from './contract.ts';
import { writableMeta, writablePart } from './writable-meta.ts';

/** Text for JSON, bytes for every other serializer. */
export type Encoded = string | Buffer;

const JSON_TYPE = 'application/json';

export class ResultCodec {
  readonly #name: string;
  readonly #accept: readonly string[] | null;
  #accepted: ReadonlySet<string> | undefined;

  constructor({ serializer, accept }: Pick<BackendOptions, 'serializer' | 'accept'>) {
    this.#name = serializer ?? 'json';
    this.#accept = accept ?? null;
  }

  /**
   * Whether documents are text with the fields in Python's order, `status` first, where scripts in
   * Redis look for it.
   */
  get isJson(): boolean {
    return this.#name === 'json';
  }

  /** @throws EncodeError when the result cannot be written, SerializerNotInstalled */
  encodeMeta(meta: ResultMeta): Encoded {
    try {
      return this.#encodeMeta(meta);
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      return this.#encodeMeta(writableMeta(meta, value => this.#canWrite(value)));
    }
  }

  #encodeMeta(meta: ResultMeta): Encoded {
    return this.isJson ? encodeMeta(meta) : this.encode(metaToFields(meta));
  }

  #canWrite(value: unknown): boolean {
    try {
      this.encode(value);
      return true;
    } catch {
      return false;
    }
  }

  /** @throws DecodeError, ContentDisallowed, SecurityError */
  decodeMeta(data: Encoded): ResultMeta {
    if (!this.isJson || typeof data !== 'string') return metaFromFields(this.decode(data));
    assertAccepted(JSON_TYPE, this.#acceptedTypes());
    return decodeMeta(data);
  }

  /** A part of a chord; what cannot be written of an error is text, as in its result document. */
  encodeChordPart(part: ChordPartFields): Encoded {
    try {
      return this.encode(chordPartTuple(part));
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      return this.encode(chordPartTuple(writablePart(part, value => this.#canWrite(value))));
    }
  }

  encode(value: unknown): Encoded {
    if (this.isJson) return jsonEncode(value, { spacing: 'python' });
    const written = this.#serializer().encode(value);
    return typeof written === 'string' ? Buffer.from(written) : asBuffer(written);
  }

  decode(data: Encoded): unknown {
    const accepted = this.#acceptedTypes();
    if (this.isJson) {
      assertAccepted(JSON_TYPE, accepted);
      return jsonDecode(data.toString());
    }
    const { contentType, contentEncoding } = this.#serializer();
    return decodeContent(Buffer.from(data as string), contentType, contentEncoding, accepted);
  }

  /** Looked up each time: `auth` and the user's own may be registered after this was made. */
  #serializer(): Serializer {
    return serializerNamed(this.#name);
  }

  #acceptedTypes(): ReadonlySet<string> {
    this.#accepted ??= acceptedContentTypes(this.#accept ?? [this.#name]);
    return this.#accepted;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
