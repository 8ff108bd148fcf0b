/** Messages that are too large are refused here: brokers close the connection, or run out of memory. */
import { EncodeError } from '../../wire/errors.ts';
import type { Message } from '../../wire/messages/message.ts';
import type { TaskCall } from '../../wire/messages/task-message.ts';
import { jsonEncode } from '../../wire/serializers/json.ts';

/** What a caller can do something about. */
const PARTS = ['args', 'kwargs', 'callbacks', 'errbacks', 'chain', 'chord', 'headers'] as const;
/** Of a character of JavaScript in UTF-8. */
const MOST_BYTES_OF_CHARACTER = 3;

/**
 * @param most bytes of the body as it is sent
 * @throws EncodeError naming the size, and what takes most of it
 */
export function checkSize({ body }: Message, call: TaskCall, most: number): void {
  if (body.length * MOST_BYTES_OF_CHARACTER <= most) return;
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  if (size <= most) return;
  throw new EncodeError(
    `The message of ${call.task} has ${megabytes(size)}, more than task_message_max_size allows (${megabytes(most)}): ${largestParts(call)}.`,
  );
}

function largestParts(call: TaskCall): string {
  const sizes = PARTS.map(part => ({ part, size: sizeOf(call[part]) }));
  const [first, second] = sizes.sort((one, other) => other.size - one.size);
  const shown = [first!, second!].filter(({ size }) => size > first!.size / 10);
  return shown.map(({ part, size }) => `${megabytes(size)} in its ${part}`).join(', ');
}

/** As JSON, whatever the serializer: near enough to tell what is large. */
function sizeOf(value: unknown): number {
  try {
    return value == null ? 0 : jsonEncode(value).length;
  } catch {
    return 0;
  }
}

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
