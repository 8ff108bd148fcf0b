import type { Declaration } from '../parsing/command.ts';

export const AMQP: Declaration = {
  name: 'amqp',
  summary:
    'Look at queues and messages of the broker by hand: one command, or `repl` for a prompt.',
  arguments: [
    {
      name: 'COMMAND',
      help: 'repl, exchange.declare, exchange.delete, queue.declare, queue.bind, queue.delete, queue.purge, basic.publish, basic.get or basic.ack, and its arguments.',
      rest: true,
    },
  ],
  options: {},
};
