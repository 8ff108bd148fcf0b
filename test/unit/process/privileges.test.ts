import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dropPrivileges, umaskNumber } from '../../../src/process/privileges.ts';

describe('privileges', () => {
  it('a umask is octal with a leading zero and decimal without', () => {
    assert.equal(umaskNumber('022'), 0o22);
    assert.equal(umaskNumber('22'), 22);
    assert.equal(umaskNumber(18), 0o22);
    assert.equal(umaskNumber('0'), 0);
    assert.equal(umaskNumber('0777'), 0o777);
  });

  for (const wrong of ['', 'rwx', '08', '-1', '01000', 512]) {
    it(`${JSON.stringify(wrong)} is no umask`, () => {
      assert.throws(() => umaskNumber(wrong), /umask must be octal with a leading 0/);
    });
  }

  it('an unknown user or group is named', () => {
    assert.throws(
      () => dropPrivileges('nobody-at-all', null),
      /User does not exist: nobody-at-all/,
    );
    assert.throws(() => dropPrivileges(null, 'no-group'), /Group does not exist: no-group/);
  });

  it('nothing is dropped when nothing is asked for', () => {
    const before = process.getuid?.();

    dropPrivileges(null, null);

    assert.equal(process.getuid?.(), before);
  });
});
