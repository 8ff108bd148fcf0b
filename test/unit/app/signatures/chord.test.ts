import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AsyncResult, chain, chord, GroupResult, group } from '../../../../src/index.ts';
import { madeSums, resultOf, WAIT } from './made-sums.ts';

describe('a chord', () => {
  test('calls its body with the results of its header', async t => {
    const { add, double, sum } = await madeSums(t, { worker: true });

    const result = await chord([add.s(1, 2), double.s(5)], sum.s()).delay();

    assert.ok(result instanceof AsyncResult);
    assert.equal(await result.get(WAIT), 13);
    assert.ok(result.parent instanceof GroupResult);
    assert.deepEqual(await result.parent.get(WAIT), [3, 10]);
    assert.equal(await resultOf(chord(group(add.s(1, 1), add.s(2, 2)), sum.s())), 6);
    assert.equal(await resultOf(group(add.s(1, 1), add.s(2, 2)).pipe(sum.s())), 6);
    assert.equal(await resultOf(chord([add.s(1, 1)], sum.s())), 2);
    assert.equal(await resultOf(chord(add.s(1, 1), sum.s())), 2);
    assert.equal(await resultOf(chord([add.s(1, 1), add.s(2, 2)], add.si(5, 5))), 10);
  });

  test('without a header is its body with an empty list', async t => {
    const { sum, testApp } = await madeSums(t, { worker: true });

    assert.equal(await resultOf(chord([], sum.s())), 0);
    assert.equal(testApp.sent.length, 1);
  });

  test('has a chain as one part when it is in a list, and as its steps otherwise', async t => {
    const { add, double, sum } = await madeSums(t, { worker: true });

    assert.equal(await resultOf(chord([chain(add.s(1, 2), double.s())], sum.s())), 6);
    assert.equal(await resultOf(chord(chain(add.si(1, 2), double.si(5)) as never, sum.s())), 13);
  });

  test('gives its arguments to its header', async t => {
    const { add, double, sum } = await madeSums(t, { worker: true });

    assert.equal(await (await chord([add.s(1), double.s()], sum.s()).delay(10)).get(WAIT), 31);
  });

  test('may have chords and groups within it, and chains around it', async t => {
    const { add, double, sum } = await madeSums(t, { worker: true });
    const inner = chord([add.s(1, 1), add.s(2, 2)], sum.s());

    assert.equal(await resultOf(chord([inner, double.s(5)], sum.s())), 16);
    assert.equal(await resultOf(chain(inner, double.s(), add.s(1))), 13);
    const spread = chain(double.s(1), group(add.s(1), add.s(2)), sum.s(), double.s());
    assert.equal(await resultOf(spread), 14);
    const last = await chain(double.s(1), group(add.s(1), add.s(2))).delay();
    assert.ok(last instanceof GroupResult);
    assert.deepEqual(await last.get(WAIT), [3, 4]);
    const ends = await chord([add.s(1, 1), add.s(2, 2)], group(sum.s(), sum.s())).delay();
    assert.deepEqual(await ends.get(WAIT), [6, 6]);
  });

  test('fails with the error of a part, and does not run its body', async t => {
    const { add, broken, hear, heard } = await madeSums(t, { worker: true });

    const result = await chord([add.s(1, 2), broken.s(7)], hear.s()).delay();

    await assert.rejects(result.get(WAIT), /broken 7/);
    await assert.rejects(result.get({ ...WAIT, followParents: false }), {
      name: 'ChordError',
      message: /Dependency .* raised RangeError\('broken 7'\)/,
    });
    assert.deepEqual(heard, []);
  });

  test('calls what is linked to it after its body', async t => {
    const { add, sum, double, hear, heard } = await madeSums(t, { worker: true });

    await resultOf(chord([add.s(1, 2), add.s(3, 4)], sum.s()).link(hear.s('sum')));
    await resultOf(double.s(0));

    assert.deepEqual(heard, [[10, 'sum']]);
  });

  test('has errbacks on its body, and on its header where a setting says so', async t => {
    const linksOf = (whole: { kwargs: unknown }) => {
      const { header, body } = JSON.parse(JSON.stringify(whole)).kwargs;
      return [...header, body].map(({ options }) => options.link_error?.length ?? 0);
    };
    const plain = await madeSums(t);
    const also = await madeSums(t, { settings: { task_allow_error_cb_on_chord_header: true } });

    for (const [{ add, sum, hear }, links] of [
      [plain, [0, 0, 1]],
      [also, [1, 1, 1]],
    ] as const) {
      const whole = chord([add.s(1, 2), add.s(3, 4)], sum.s());
      assert.deepEqual(linksOf(whole.linkError(hear.s())), links);
    }
  });

  test('needs a result backend that counts', async t => {
    const { add, sum } = await madeSums(t, { settings: { result_backend: 'disabled://' } });

    await assert.rejects(
      chord([add.s(1, 2), add.s(3, 4)], sum.s()).delay(),
      /result backend cannot count.*sums\.sum waits for 2/s,
    );
  });

  test('shows as Celery shows it, also with a group as its body', async t => {
    const { add, sum } = await madeSums(t);

    const whole = chord([add.s(1, 1)], group(sum.s()));

    assert.equal(String(whole), '%celery.group([sums.add(1, 1)], tasks=[sums.sum()])');
  });

  test('says which part of it is no signature', async t => {
    const { add, sum } = await madeSums(t);

    assert.throws(() => chord([add.s(1, 2)], sum as never), /a function \(sums\.sum\) as its body/);
    assert.throws(() => chord([add.s(1, 2), 3 as never], sum.s()), /got 3 as part 2 of its header/);
    assert.throws(() => chord(add as never, sum.s()), /a function \(sums\.add\) as its header/);
    assert.throws(() => add.s(1, 2).pipe(sum as never), /as the next step/);
  });
});
