/** Sends the workflows of app.ts, whose worker has to run: npx jiti client.ts */
import { app, importFeeds, picture, resize } from './app.ts';

const wait = { timeout: 60 };

const pictures = picture('http://example.org/cat.png', [640, 320, 160]);
console.log('workflow:', String(pictures));
const published = await pictures.delay();
console.log('published:', await published.get(wait));
// What came before is there, too.
const sizes = (await published.parent?.get(wait)) as { height: number }[];
console.log('heights:', sizes.map(({ height }) => height).join(', '));

const missing = await picture('http://example.org/nothing', [640, 320]).delay();
console.log('missing:', String(await missing.get(wait).catch((error: unknown) => error)));

const feeds = await importFeeds(['a.xml', 'news.xml', 'weather.xml'], 'monday').delay();
console.log('feeds:', await feeds.get(wait));

// Many pictures in few messages.
const cat = { name: 'cat.png', width: 1200, height: 800 };
const many = Array.from({ length: 25 }, (_, i): [typeof cat, number] => [cat, 10 * (i + 1)]);
const chunks = await resize.chunks(many, 10).delay();
console.log('chunks:', (await chunks.get(wait)).map(part => part.length).join(', '));

await app.close();
