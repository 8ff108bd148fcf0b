/** A Node process that does nothing: what every process costs that runs on Node. */
setInterval(() => {}, 1_000_000);
console.log('ready.');
