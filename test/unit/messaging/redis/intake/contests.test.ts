import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Contests } from '../../../../../src/messaging/redis/intake/contests.ts';

/** Contests in which these races were run on `q`, one after the other. */
function after(...races: ('lost' | 'won')[]): Contests {
  const contests = new Contests();
  for (const race of races) contests[race]('q');
  return contests;
}

describe('a list', () => {
  test('is contested after two races that were lost, one after the other', () => {
    assert.equal(after('lost').isContested('q'), false);
    assert.equal(after('lost', 'lost').isContested('q'), true);
  });

  test('is not while races are won in between', () => {
    assert.equal(after('lost', 'won', 'lost', 'won').isContested('q'), false);
  });

  test('says nothing of others', () => {
    const contests = after('lost', 'lost');
    contests.lost('r');

    assert.equal(contests.isContested('r'), false);
  });

  test('is looked at again after fifty takes', () => {
    const contests = after('lost', 'lost');

    for (let n = 1; n < 50; n++) contests.took('q');
    assert.equal(contests.isContested('q'), true);
    contests.took('q');
    assert.equal(contests.isContested('q'), false);
  });

  test('is contested again when it is lost again then, and not before', () => {
    const contests = after('lost', 'lost');
    for (let n = 0; n < 50; n++) contests.took('q');

    contests.lost('q');
    assert.equal(contests.isContested('q'), false);
    contests.lost('q');
    assert.equal(contests.isContested('q'), true);
  });

  test('is not contested by takes that were late', () => {
    const contests = new Contests();

    contests.took('q');

    assert.equal(contests.isContested('q'), false);
  });

  test('begins anew when it was forgotten', () => {
    const contests = after('lost', 'lost', 'lost');
    contests.forget('q');

    contests.lost('q');

    assert.equal(contests.isContested('q'), false);
  });
});
