import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, nearest } from '../../../../src/base/text/nearest.ts';

test('the nearest word is the one with the fewest slips, whatever the case', () => {
  assert.equal(
    nearest('Brokr_url', ['result_backend', 'broker_url', 'broker_use_ssl']),
    'broker_url',
  );
});

test('two letters that changed places are one slip', () => {
  assert.equal(nearest('QIUT', ['INT', 'QUIT']), 'QUIT');
  assert.equal(nearest('acb', ['xxb', 'abc'], 1), 'abc');
  assert.equal(nearest('ba', ['ab'], 1), 'ab');
});

test('what is too far from all is near to none, and the limit can be set', () => {
  assert.equal(nearest('concurrency', ['queues']), undefined);
  assert.equal(nearest('foo', ['iot']), 'iot');
  assert.equal(nearest('foo', ['iot'], 1), undefined);
  assert.equal(nearest('', ['ab']), 'ab');
  assert.equal(nearest('word', []), undefined);
});

test('a hint is a sentence, or nothing', () => {
  assert.equal(didYouMean('qeues', ['queues']), ' Did you mean "queues"?');
  assert.equal(didYouMean('zzzzzzz', ['queues']), '');
});
