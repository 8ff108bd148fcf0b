import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTimeZone, nearestTimeZone, TimeZone } from '../../../../src/base/time/time-zone.ts';

const seconds = (iso: string) => Date.parse(iso) / 1000;

describe('a time zone', () => {
  it('has the offset of the season and of fractions of an hour', () => {
    const berlin = new TimeZone('Europe/Berlin');

    assert.equal(berlin.offsetAt(seconds('2027-01-01T00:00:00Z')), 3600);
    assert.equal(berlin.offsetAt(seconds('2027-07-01T00:00:00Z')), 7200);
    assert.equal(new TimeZone('Asia/Kolkata').offsetAt(0), 19_800);
    assert.equal(
      new TimeZone('America/St_Johns').offsetAt(seconds('2027-01-01T00:00:00Z')),
      -12_600,
    );
  });

  it('changes its offset in the second of the change', () => {
    const berlin = new TimeZone('Europe/Berlin');
    const change = seconds('2027-03-28T01:00:00Z');

    assert.equal(berlin.offsetAt(change - 1), 3600);
    assert.equal(berlin.offsetAt(change), 7200);
    assert.equal(berlin.offsetAt(change - 1), 3600);
  });

  for (const [wall, instant, why] of [
    ['2027-01-01T08:00:10Z', '2027-01-01T07:00:10Z', 'in winter'],
    ['2027-07-01T08:00:10Z', '2027-07-01T06:00:10Z', 'in summer'],
    ['2027-03-28T01:59:59Z', '2027-03-28T00:59:59Z', 'just before an hour is skipped'],
    ['2027-03-28T02:30:00Z', '2027-03-28T01:30:00Z', 'that is skipped is read as an hour later'],
    ['2027-03-28T03:00:00Z', '2027-03-28T01:00:00Z', 'just after an hour was skipped'],
    ['2027-10-31T02:30:00Z', '2027-10-31T00:30:00Z', 'that comes twice is the first'],
    ['2027-10-31T03:00:00Z', '2027-10-31T02:00:00Z', 'after an hour came twice'],
  ] as const) {
    it(`reads a time ${why}`, () => {
      assert.equal(new TimeZone('Europe/Berlin').instantOf(seconds(wall)), seconds(instant));
    });
  }

  it('has a name that Intl and Python know', () => {
    for (const name of ['UTC', 'Etc/UTC', 'US/Eastern', 'Asia/Shanghai'])
      assert.ok(isTimeZone(name));
    for (const name of ['', 'Mars/X', '+02:00', 'Berlin']) assert.ok(!isTimeZone(name), name);
    assert.throws(() => new TimeZone('Mars/X'), /Not a time zone: "Mars\/X"/);
  });

  it('is found by its city or a typo', () => {
    assert.equal(nearestTimeZone('Berlin'), 'Europe/Berlin');
    assert.equal(nearestTimeZone('hong kong'), 'Asia/Hong_Kong');
    assert.equal(nearestTimeZone('Asia/Shangai'), 'Asia/Shanghai');
    assert.equal(nearestTimeZone('Mars/Utopia_Planitia_X'), undefined);
  });
});
