import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import {
  ChildLedger,
  LedgerBuffer,
  LedgerFile,
  type LedgerMemory,
  ledgerSize,
  ParentLedger,
} from '../../../src/pool/ledger.ts';

const ENTRIES = 4;

/** The same memory, as the parent and as the child sees it. */
const MEMORIES: Record<string, () => [LedgerMemory, LedgerMemory]> = {
  file: () => {
    const file = new LedgerFile(ledgerSize(ENTRIES));
    return [file, new LedgerFile(ledgerSize(ENTRIES), file.fd)];
  },
  'shared memory': () => {
    const shared = LedgerBuffer.share(ledgerSize(ENTRIES));
    return [new LedgerBuffer(shared), new LedgerBuffer(shared)];
  },
};

for (const [name, open] of Object.entries(MEMORIES)) ledgerTests(name, open);

function ledgerTests(name: string, open: () => [LedgerMemory, LedgerMemory]): void {
  const setup = (t: TestContext) => {
    const [ours, theirs] = open();
    const parent = new ParentLedger(ours);
    t.after(() => parent.close());
    return { parent, child: new ChildLedger(theirs, ENTRIES) };
  };

  describe(`ledger in ${name}`, () => {
    test('the parent reads which jobs the child has started', t => {
      const { parent, child } = setup(t);

      assert.equal(child.claim(1), 'run');
      assert.equal(child.claim(2), 'run');

      assert.ok(parent.started().has(1));
      assert.ok(parent.started().has(2));
      assert.ok(!parent.started().has(3));
    });

    test('the latest starts are kept when it is full', t => {
      const { parent, child } = setup(t);

      for (let ticket = 1; ticket <= 10; ticket++) child.claim(ticket);

      assert.deepEqual([...parent.started()].sort(), [10, 7, 8, 9]);
    });

    test('a job that was taken back is not run and never counts as started', t => {
      const { parent, child } = setup(t);
      child.claim(1);
      parent.takeBackUpTo(3);

      // the first one collides, it had been written down before the mark was read
      assert.equal(child.claim(2), 'dropped');
      assert.equal(child.claim(3), 'taken');

      assert.ok(!parent.started().has(3));
      assert.equal(child.claim(4), 'run');
    });

    test('closing it twice does no harm', t => {
      const { parent } = setup(t);

      parent.close();
      parent.close();
    });
  });
}
