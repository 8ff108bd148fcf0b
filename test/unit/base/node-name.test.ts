import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, it } from 'node:test';
import { ImproperlyConfigured } from '../../../src/base/errors.ts';
import { expandHostName, expandNodePath, nodeName } from '../../../src/base/node-name.ts';

describe('the name of a node', () => {
  const names: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'celery@box'],
    ['', 'celery@box'],
    ['w1@h', 'w1@h'],
    ['w1@', 'w1@box'],
    ['@h', 'celery@h'],
    ['@', 'celery@box'],
    ['h', 'celery@h'],
    ['w1@a@b', 'w1@a@b'],
    ['w1@h.example.org', 'w1@h.example.org'],
  ];
  for (const [typed, expected] of names) {
    it(`is ${expected} when ${JSON.stringify(typed)} was typed`, () => {
      assert.equal(nodeName(typed, 'box'), expected);
    });
  }

  it('has the name of this machine when nobody says another', () => {
    assert.equal(nodeName('w1@'), `w1@${hostname()}`);
  });

  const hosts: readonly (readonly [string, string, string])[] = [
    ['w1@%h', 'box.example.org', 'w1@box.example.org'],
    ['w1@%n', 'box.example.org', 'w1@box'],
    ['w1@%d', 'box.example.org', 'w1@example.org'],
    ['w1.%d', 'box', 'w1.'],
    ['w%i%I@%h', 'box', 'w0@box'],
    ['100%%@%h', 'box', '100%@box'],
    ['%%h', 'box', '%h'],
    ['50% of 3%', 'box', '50% of 3%'],
    ['plain', 'box', 'plain'],
    ['%h-%h', 'a', 'a-a'],
    ['%h', '%d', '%d'],
  ];
  for (const [text, host, expected] of hosts) {
    it(`reads ${text} on ${host} as ${expected}`, () => {
      assert.equal(expandHostName(text, host), expected);
    });
  }

  it('refuses a letter that means nothing, with those that do', () => {
    assert.throws(
      () => expandHostName('w%x', 'box'),
      error =>
        error instanceof ImproperlyConfigured &&
        error.message ===
          'Unknown format %x in string "w%x". Known formats: %h, %n, %d, %i, %I; write %% for a percent sign.',
    );
    assert.throws(() => expandHostName('%p', 'box'), /Unknown format %p/);
  });
});

describe('the path of a file of a node', () => {
  const node = 'w1@box.example.org';
  const paths: readonly (readonly [string, number, string])[] = [
    ['/run/%n.pid', 0, '/run/w1.pid'],
    ['/log/%p.log', 0, `/log/${node}.log`],
    ['/log/%h/%d', 0, '/log/box.example.org/example.org'],
    ['/log/%n%I.log', 0, '/log/w1.log'],
    ['/log/%n%I.log', 3, '/log/w1-3.log'],
    ['/log/%n-%i.log', 0, '/log/w1-0.log'],
    ['/log/%n-%i.log', 12, '/log/w1-12.log'],
    ['/log/100%%.log', 0, '/log/100%.log'],
    ['/log/%', 0, '/log/%'],
  ];
  for (const [text, slot, expected] of paths) {
    it(`${text} in place ${slot} is ${expected}`, () => {
      assert.equal(expandNodePath(text, node, slot), expected);
    });
  }

  it('has Celery for a name where the node has none', () => {
    assert.equal(expandNodePath('%n', '@box'), 'celery');
    assert.equal(expandNodePath('%n at %h', 'box'), 'celery at box');
  });

  it('refuses a letter that means nothing', () => {
    assert.throws(
      () => expandNodePath('%Q.log', node),
      /Unknown format %Q .*%p, %n, %h, %d, %i, %I/,
    );
  });
});
