/** The least that Node can do with RabbitMQ: take messages, decode nothing, acknowledge each. */
import { connect } from 'amqplib';

const { BENCH_BROKER, BENCH_PREFETCH } = process.env;

const connection = await connect(BENCH_BROKER);
const channel = await connection.createChannel();
await channel.prefetch(Number(BENCH_PREFETCH));
await channel.consume('celery', message => channel.ack(message));
process.on('SIGTERM', async () => {
  await connection.close();
  process.exit(0);
});
