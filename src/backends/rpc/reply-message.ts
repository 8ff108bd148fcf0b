/** Results as messages: written by workers, read by whoever sent the task. */
import { acceptedContentTypes, decodeContent, serializerNamed } from '../../wire/content.ts';
import { bodyBytes, type Message } from '../../wire/messages/message.ts';
import { metaFromFields, type ResultMeta } from '../../wire/results/result-meta.ts';
import { jsonDecode } from '../../wire/serializers/json.ts';
import type { BackendOptions } from '../contract.ts';
import { ResultCodec } from '../result-codec.ts';

/** A result as it is kept: the text or the bytes that came, so that no reader can change it. */
export interface Reply {
  readonly taskId: string;
  readonly status: string;
  readonly content: string | Buffer;
  readonly contentType: string;
  readonly contentEncoding: string;
}

const JSON_TYPE = 'application/json';

export class ReplyMessages {
  readonly #codec: ResultCodec;
  readonly #serializer: string;
  readonly #deliveryMode: number;
  readonly #accept: readonly string[];
  #accepted: ReadonlySet<string> | undefined;

  constructor({ serializer = 'json', accept, settings }: BackendOptions) {
    this.#codec = new ResultCodec({ serializer });
    this.#serializer = serializer;
    this.#deliveryMode = settings.result_persistent === true ? 2 : 1;
    this.#accept = accept ?? [serializer];
  }

  /**
   * The whole document, as Celery writes it from 5.7 on; older clients leave out what they do
   * not know.
   *
   * @throws EncodeError, SerializerNotInstalled
   */
  write(meta: ResultMeta): Message {
    const body = this.#codec.encodeMeta(meta);
    const { contentType, contentEncoding } = serializerNamed(this.#serializer);
    return {
      body,
      bodyEncoding: typeof body === 'string' ? 'utf-8' : 'binary',
      contentType,
      contentEncoding,
      headers: {},
      properties: {
        correlation_id: meta.task_id,
        delivery_mode: this.#deliveryMode,
        priority: 0,
      },
    };
  }

  /** @throws DecodeError, ContentDisallowed, SecurityError */
  read(message: Message): { readonly reply: Reply; readonly meta: ResultMeta } {
    const { contentType, contentEncoding } = message;
    const bytes = bodyBytes(message);
    const meta = this.#decode(bytes, message, String(message.properties.correlation_id ?? ''));
    const { task_id: taskId, status } = meta;
    // a copy: the bytes may be part of all that arrived together with them
    const content = contentType === JSON_TYPE ? bytes.toString() : Buffer.from(bytes);
    return { meta, reply: { taskId, status, content, contentType, contentEncoding } };
  }

  /** The document of a reply, made anew each time: whoever got the last one may have changed it. */
  metaOf(reply: Reply): ResultMeta {
    const { content, taskId } = reply;
    if (typeof content !== 'string') return this.#decode(content, reply, taskId);
    return withId(metaFromFields(jsonDecode(content)), taskId);
  }

  #decode(
    bytes: Buffer,
    { contentType, contentEncoding }: Pick<Message, 'contentType' | 'contentEncoding'>,
    taskId: string,
  ): ResultMeta {
    // looked up when needed: the user's own serializers may be registered after this was made
    this.#accepted ??= acceptedContentTypes(this.#accept);
    const fields = decodeContent(bytes, contentType, contentEncoding, this.#accepted);
    return withId(metaFromFields(fields), taskId);
  }
}

function withId(meta: ResultMeta, taskId: string): ResultMeta {
  return meta.task_id === '' ? { ...meta, task_id: taskId } : meta;
}
