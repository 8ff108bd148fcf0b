import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadRouters } from '../../../../src/app/routing/router-modules.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

const ROUTERS = `
export const routeTask = name => 'routed';
export class Router { routeForTask() { return 'by class'; } }
`;

describe('routers named by settings', () => {
  test('module:name, a path and a dotted name are loaded, everything else stays', async t => {
    const cwd = temporaryProject(t, { 'proj/routers.mjs': ROUTERS });
    const map = { 'a.*': 'b' };
    const loaded = (await loadRouters(
      ['proj/routers:routeTask', './proj/routers.mjs:Router', 'proj.routers.routeTask', map],
      cwd,
    )) as { name?: string }[];
    assert.deepEqual(
      loaded.slice(0, 3).map(router => router.name),
      ['routeTask', 'Router', 'routeTask'],
    );
    assert.equal(loaded[3], map);
    assert.equal(typeof (await loadRouters('proj/routers:routeTask', cwd)), 'function');
    assert.equal(await loadRouters(map, cwd), map);
  });

  test('a name that is missing is an error that says what there is', async t => {
    const cwd = temporaryProject(t, { 'routers.mjs': ROUTERS });
    await assert.rejects(loadRouters('./routers:routeTsk', cwd), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /does not export "routeTsk".*routeTask/,
    });
    await assert.rejects(loadRouters('./nothing:route', cwd), /cannot load the router/);
    await assert.rejects(loadRouters('nothing', cwd), /names no router/);
  });
});
