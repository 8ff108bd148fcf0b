import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { checkSource, parseCommandLineSetting } from '../../../../src/app/settings/names.ts';
import { Settings } from '../../../../src/app/settings/settings.ts';
import {
  type CeleryConfig,
  SETTING_NAMES,
  SETTINGS,
} from '../../../../src/app/settings/tables/table.ts';

function settings(changes: Record<string, unknown> = {}, env: Record<string, string> = {}) {
  return new Settings(changes as CeleryConfig, { env });
}

function fromSource(values: Record<string, unknown>, namespace?: string) {
  const conf = settings();
  conf.setSource({ values, origin: 'celeryconfig.ts', namespace });
  return conf;
}

describe('settings table', () => {
  test("every default is a value that its own type accepts, or Python's None", () => {
    for (const name of SETTING_NAMES) {
      const { kind, default: fallback } = SETTINGS[name];
      if (fallback !== null) assert.deepEqual(kind.read(fallback), fallback, name);
    }
  });

  test('no old name stands for two settings', () => {
    const old = SETTING_NAMES.flatMap(name => SETTINGS[name].oldNames);

    assert.equal(new Set(old).size, old.length);
    assert.equal(old.length, 205);
  });

  test('the old names of the manual are known besides those of the code', () => {
    const settings = fromSource({ CELERY_ENABLE_UTC: false, CELERYD_SOFT_TIME_LIMIT: 5 });

    assert.equal(settings.enable_utc, false);
    assert.equal(settings.task_soft_time_limit, 5);
  });

  test('a duration that looks like milliseconds, is endless or negative is refused', () => {
    const hint = /result_expires must be .*1795173964633 was given.*in seconds.*1795173964\.633\?/;
    assert.throws(() => fromSource({ result_expires: 1795173964633 }), { message: hint });
    const bound = /broker_connection_timeout .*It has to be below 1e11 seconds/;
    for (const long of [1e15, { weeks: 1e9 }]) {
      assert.throws(() => fromSource({ broker_connection_timeout: long }), { message: bound });
    }
    for (const bad of [Number.POSITIVE_INFINITY, Number.NaN, -1]) {
      assert.throws(() => fromSource({ task_time_limit: bad }), /task_time_limit must be a number/);
    }
  });

  test('every setting says what it means, and those without effect say why', () => {
    for (const name of SETTING_NAMES) {
      const { meaning, status, reason } = SETTINGS[name];
      assert.match(meaning, /^[A-Z0-9].*\.$/, name);
      assert.equal(reason !== '', status === 'no effect in Node', name);
    }
  });
});

describe('settings', () => {
  test('are properties with defaults, and can be assigned', () => {
    const conf = settings();

    conf.worker_concurrency = 4;

    assert.equal(conf.task_default_queue, 'celery');
    assert.equal(conf.get('result_expires'), 86_400);
    assert.equal(conf.worker_concurrency, 4);
    assert.equal(conf.isGiven('worker_concurrency'), true);
    assert.equal(conf.isGiven('task_default_queue'), false);
  });

  test('are known by snake_case, camelCase and old names', () => {
    const conf = settings({ taskDefaultQueue: 'a', CELERYD_CONCURRENCY: 3, enable_utc: false });
    const byName = conf as unknown as Record<string, unknown>;

    assert.equal(conf.task_default_queue, 'a');
    assert.equal(conf.get('CELERY_DEFAULT_QUEUE'), 'a');
    assert.equal(byName.taskDefaultQueue, 'a');
    byName.workerConcurrency = 5;
    assert.deepEqual(conf.withoutDefaults(), {
      task_default_queue: 'a',
      worker_concurrency: 5,
      enable_utc: false,
    });
    assert.equal(byName.then, undefined, 'an app can be awaited');
  });

  test('of one app do not share maps with another', () => {
    const [one, other] = [settings(), settings()];

    (one.broker_transport_options as Record<string, unknown>).visibility_timeout = 5;

    assert.deepEqual(other.broker_transport_options, {});
  });

  test('count their revisions, so that what is derived from them can be renewed', () => {
    const conf = settings();
    const before = conf.revision;

    conf.task_acks_late = true;

    assert.ok(conf.revision > before);
  });

  test('leave out what is undefined', () => {
    const conf = settings({ broker_url: undefined, worker_concurrency: 2 });

    assert.deepEqual(conf.withoutDefaults(), { worker_concurrency: 2 });
  });
});

describe('layers', () => {
  test('changes come before added defaults, these before the config file, that before defaults', () => {
    const conf = settings({ task_default_queue: 'change' });

    conf.setSource({
      values: {
        task_default_queue: 'file',
        control_exchange: 'file',
        task_default_exchange: 'file',
      },
      origin: 'file',
    });
    conf.addDefaults({ task_default_queue: 'added', control_exchange: 'added' });
    conf.addDefaults(() => ({ control_exchange: 'added later' }));

    assert.equal(conf.task_default_queue, 'change');
    assert.equal(conf.control_exchange, 'added later');
    assert.equal(conf.task_default_exchange, 'file');
    assert.equal(conf.task_default_routing_key, null);
    assert.deepEqual(conf.changes(), { task_default_queue: 'change' });
  });

  test('a second config file replaces the first, changes stay', () => {
    const conf = fromSource({ control_exchange: 'first', task_default_queue: 'first' });
    conf.worker_concurrency = 2;

    conf.setSource({ values: { control_exchange: 'second' }, origin: 'second' });

    assert.deepEqual(conf.withoutDefaults(), { control_exchange: 'second', worker_concurrency: 2 });
  });

  test('the environment comes first for broker and results', () => {
    const env = {
      CELERY_BROKER_URL: 'redis://env',
      CELERY_BROKER_READ_URL: 'redis://read',
      CELERY_BROKER_WRITE_URL: 'redis://write',
      CELERY_RESULT_BACKEND: 'redis://results',
    };
    const conf = settings({ broker_url: 'redis://set', result_backend: 'rpc' }, env);

    assert.equal(conf.broker_url, 'redis://env');
    assert.equal(conf.broker_read_url, 'redis://read');
    assert.equal(conf.broker_write_url, 'redis://write');
    assert.equal(conf.result_backend, 'redis://results');
  });

  test('a wrong change changes nothing', () => {
    const conf = settings();

    assert.throws(() => conf.update({ task_default_queue: 'x', worker_concurrency: -1 }));

    assert.deepEqual(conf.withoutDefaults(), {});
  });
});

describe('broker and results', () => {
  test('nothing configured, both are a file in the working directory', () => {
    const conf = settings();

    assert.equal(conf.usesEmbeddedDefault, true);
    assert.equal(conf.broker_url, 'sqla+sqlite:///celery.sqlite');
    assert.equal(conf.result_backend, 'db+sqlite:///celery.sqlite');
  });

  test('with a broker alone there are no results, with results alone the broker is RabbitMQ', () => {
    const broker = settings({ broker_url: 'redis://h/1' });
    const results = settings({ result_backend: 'redis://h/2' });

    assert.equal(broker.usesEmbeddedDefault, false);
    assert.equal(broker.result_backend, null);
    assert.equal(results.broker_url, 'amqp://');
  });

  test('reading and writing use the one broker unless they have their own', () => {
    const conf = settings({ broker_url: 'redis://h', broker_write_url: 'redis://w' });

    assert.equal(conf.broker_read_url, 'redis://h');
    assert.equal(conf.broker_write_url, 'redis://w');
  });

  test('a list of URLs is kept as one text', () => {
    assert.equal(
      settings({ broker_url: ['redis://a', 'redis://b'] }).broker_url,
      'redis://a;redis://b',
    );
  });

  test('a URL is made from its parts', () => {
    const conf = settings({
      BROKER_TRANSPORT: 'redis',
      BROKER_HOST: 'h',
      BROKER_PORT: 6380,
      BROKER_PASSWORD: 'p@ss',
      BROKER_VHOST: '2',
    });

    assert.equal(conf.broker_url, 'redis://:p%40ss@h:6380/2');
    assert.equal(
      settings({ broker_url: 'h:1//', broker_transport: 'redis' }).broker_url,
      'redis://h:1//',
    );
  });
});

describe('unknown setting', () => {
  const nearest: [string, string][] = [
    ['task_defualt_queue', 'task_default_queue'],
    ['CELERY_TASK_ACKS_LATE', 'CELERY_ACKS_LATE'],
    ['celeryd_concurrency', 'CELERYD_CONCURRENCY'],
  ];
  for (const [key, meant] of nearest) {
    test(`${key} is refused and ${meant} is offered`, () => {
      const refusal = {
        code: 'IMPROPERLY_CONFIGURED',
        message: `Unknown setting "${key}" in celeryconfig.ts. Did you mean "${meant}"?`,
      };

      assert.throws(() => fromSource({ [key]: 1 }), refusal);
    });
  }

  for (const [word, meant] of [
    ['brokr', 'broker_url'],
    ['connection', 'broker_url'],
    ['backnd', 'result_backend'],
  ] as const) {
    test(`${word} is told its setting`, () => {
      const message = `Unknown setting "${word}". Did you mean "${meant}"?`;
      assert.throws(() => settings({ [word]: 'redis://' }), { message });
    });
  }

  test('is refused in every way to set or get one', () => {
    const conf = settings();
    const message = /Unknown setting "worker_concurency"\. Did you mean "worker_concurrency"\?/;

    assert.throws(() => settings({ worker_concurency: 1 }), message);
    assert.throws(() => conf.get('worker_concurency'), message);
    assert.throws(() => {
      (conf as unknown as Record<string, unknown>).worker_concurency = 1;
    }, message);
    assert.equal(conf.has('worker_concurency'), false);
  });

  test('is no error for keys of the author or of Django', () => {
    const conf = fromSource({ _comment: 'x', $schema: 'x', TIME_ZONE: 'UTC', timezone: 'UTC' });

    assert.deepEqual(conf.withoutDefaults(), { timezone: 'UTC' });
  });
});

describe('value', () => {
  const wrong: [string, unknown, RegExp][] = [
    [
      'worker_concurrency',
      'four',
      /must be a whole number, 0 or more, but "four" \(a string\) was/,
    ],
    [
      'worker_concurrency',
      1e20,
      /0 or more, but 100000000000000000000 was given\. It is too large\./,
    ],
    ['worker_concurrency', 1.5, /must be a whole number, 0 or more, but 1\.5 was given/],
    ['worker_concurrency', -1, /0 or more, but -1 was given/],
    ['worker_child_slots', 0, /1 or more, but 0 was given/],
    ['task_acks_late', 'yes', /must be true or false, but "yes" \(a string\) was given/],
    ['task_default_queue', null, /must be a string, but null was given/],
    ['task_default_queue', 5, /must be a string, but 5 was given/],
    ['accept_content', ['json', 5], /must be a list of strings, but a list was given/],
    ['broker_transport_options', [], /must be a map, but a list was given/],
    ['beat_schedule', new Date(), /must be a map, but an object was given/],
    ['result_expires', -5, /must be a number of seconds \(0 or more\)/],
    [
      'result_expires',
      { day: 1 },
      /a map such as \{minutes: 5\}, or null, but a map with the keys day/,
    ],
    ['task_default_delivery_mode', 3, /must be 1, 2, "transient" or "persistent", but 3/],
    ['task_default_rate_limit', '10/d', /must be a rate such as "10\/s"/],
    ['task_default_priority', 256, /from 0 to 255, but 256/],
    ['task_protocol', 3, /must be 1 or 2, but 3/],
    ['broker_use_ssl', 'true', /must be true, false, or a map of TLS options/],
    ['broker_use_ssl', { keyfil: 'k' }, /There is no "keyfil"\. Did you mean "keyfile"\?/],
    ['redis_backend_use_ssl', { ssl_cert_req: 0 }, /"ssl_cert_req"\. Did you mean "ssl_cert_reqs"/],
    ['redis_backend_use_ssl', { sslCaCerts: 'f' }, /Did you mean "ssl_ca_certs"/],
    ['broker_use_ssl', { zzzz: 1 }, /no "zzzz"\. There are keyfile, certfile, ca_certs, cert_reqs/],
  ];
  for (const [name, value, message] of wrong) {
    test(`${JSON.stringify(value)} is refused for ${name}`, () => {
      assert.throws(() => settings({ [name]: value }), { code: 'IMPROPERLY_CONFIGURED', message });
      assert.throws(
        () => settings({ [name]: value }),
        new RegExp(`^ImproperlyConfigured: Setting ${name} `),
      );
    });
  }

  const converted: [string, unknown, unknown][] = [
    ['result_expires', { days: 1, hours: 2, minutes: 3, seconds: 4.5 }, 93_784.5],
    ['result_expires', { weeks: 1, milliseconds: 500 }, 604_800.5],
    ['result_expires', 'P1DT1H30M', 91_800],
    ['result_expires', null, null],
    ['result_backend_max_retries', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ['task_default_delivery_mode', 'transient', 1],
    ['imports', 'proj.tasks', ['proj.tasks']],
    ['broker_connection_max_retries', null, null],
  ];
  for (const [name, value, kept] of converted) {
    test(`${JSON.stringify(value)} of ${name} is kept as ${JSON.stringify(kept)}`, () => {
      assert.deepEqual(settings({ [name]: value }).get(name), kept);
    });
  }

  test('that may hold a secret is not quoted', () => {
    assert.throws(
      () => settings({ redis_password: 12345 }),
      (error: Error) => !error.message.includes('12345'),
    );
    assert.throws(
      () => settings({ broker_transport_options: 'redis://:hidden@h' }),
      (error: Error) => !error.message.includes('hidden'),
    );
  });

  test('of the wrong type names the file it comes from', () => {
    assert.throws(() => fromSource({ task_acks_late: 1 }), /\(in celeryconfig\.ts\)\.$/);
  });

  test("Python's names of built-in classes are accepted", () => {
    const conf = settings({
      beat_scheduler: 'celery.beat:PersistentScheduler',
      worker_consumer: 'celery.worker.consumer:Consumer',
      worker_autoscaler: 'celery.worker.autoscale:Autoscaler',
      worker_pool: 'prefork',
    });

    assert.equal(conf.beat_scheduler, 'celery.beat:PersistentScheduler');
  });
});

describe('old and new names in one config', () => {
  test('a few old ones among new ones are listed with their new names', () => {
    assert.throws(() => fromSource({ CELERY_ACKS_LATE: true, timezone: 'UTC', enable_utc: true }), {
      message:
        'Cannot mix new and old setting keys, please rename the following settings to the new format:\n\n' +
        'CELERY_ACKS_LATE                     -> task_acks_late\n',
    });
  });

  test('a few new ones among old ones are listed with their old names', () => {
    assert.throws(
      () => fromSource({ task_acks_late: true, CELERY_TIMEZONE: 'UTC', ENABLE_UTC: true }),
      {
        message:
          /^Cannot mix new setting names with old [\s\S]*\n\ntask_acks_late {23}-> CELERY_ACKS_LATE\n\nOr change all/,
      },
    );
  });

  test('are no mix when the one setting is given in both', () => {
    const checked = checkSource({
      values: { result_expires: 5, CELERY_TASK_RESULT_EXPIRES: 7 },
      origin: 'x',
    });

    assert.deepEqual([...checked], [['result_expires', 5]]);
  });

  test('are no mix when all of them are old', () => {
    const conf = fromSource({ BROKER_URL: 'redis://h', CELERY_ACKS_LATE: true });

    assert.deepEqual(conf.withoutDefaults(), { broker_url: 'redis://h', task_acks_late: true });
  });
});

describe('namespace', () => {
  test('a prefix is taken off in its own case, and wins over the bare name', () => {
    const values = {
      CELERY_TASK_DEFAULT_QUEUE: 'prefixed',
      task_default_queue: 'bare',
      task_acks_late: true,
      DEBUG: true,
    };

    for (const namespace of ['CELERY', 'CELERY_']) {
      assert.deepEqual(fromSource(values, namespace).withoutDefaults(), {
        task_default_queue: 'prefixed',
        task_acks_late: true,
      });
    }
    assert.equal(fromSource({ celery_timezone: 'UTC' }, 'celery').timezone, 'UTC');
  });

  test('an unknown name behind the prefix is refused', () => {
    assert.throws(() => fromSource({ CELERY_TASK_DEFAULT_QUEU: 'x' }, 'CELERY'), {
      message:
        'Unknown setting "CELERY_TASK_DEFAULT_QUEU". Did you mean "CELERY_TASK_DEFAULT_QUEUE"?',
    });
  });
});

describe('setting on the command line', () => {
  const read: [string, string, unknown][] = [
    ['worker.prefetch_multiplier=1', 'worker_prefetch_multiplier', 1],
    ['.concurrency=3', 'worker_concurrency', 3],
    ['.timezone=UTC', 'timezone', 'UTC'],
    ['timezone=Europe/Berlin', 'timezone', 'Europe/Berlin'],
    ['Task.Acks_Late=yes', 'task_acks_late', true],
    ['task_acks_late=off', 'task_acks_late', false],
    ['result.expires=none', 'result_expires', null],
    ['result.expires=12.5', 'result_expires', 12.5],
    ['broker.url=redis://h/?a=b', 'broker_url', 'redis://h/?a=b'],
    ['accept_content=(json)["json", "yaml"]', 'accept_content', ['json', 'yaml']],
    ['imports=a,b', 'imports', ['a', 'b']],
    ['broker_transport_options={"a": 1}', 'broker_transport_options', { a: 1 }],
    ['worker_concurrency=(int)7', 'worker_concurrency', 7],
    ['task_default_queue=(string)5', 'task_default_queue', '5'],
  ];
  for (const [text, name, value] of read) {
    test(`${text} is read`, () => {
      assert.deepEqual(parseCommandLineSetting(text, 'worker'), { name, value });
    });
  }

  const refused: [string, RegExp][] = [
    ['concurrency', /"concurrency" is no setting: expected key=value/],
    [
      'worker.concurency=3',
      /Unknown setting "worker_concurency" in the command line\. Did you mean/,
    ],
    [
      'worker.concurrency=x',
      /Setting worker_concurrency must be .* but "x" \(a string\) was given \(in the/,
    ],
    ['task_acks_late=maybe', /must be true or false, but "maybe"/],
    ['broker_transport_options={a', /Setting broker_transport_options: the value is no JSON/],
    ['worker_concurrency=(int)x', /but NaN was given/],
  ];
  for (const [text, message] of refused) {
    test(`${text} is refused`, () => {
      assert.throws(() => parseCommandLineSetting(text, 'worker'), {
        code: 'IMPROPERLY_CONFIGURED',
        message,
      });
    });
  }
});

describe('settings on a screen', () => {
  const secrets = {
    broker_url: 'redis://user:secret1@h/1',
    broker_read_url: 'redis://:secret2@h/1',
    broker_write_url: ['redis://:secret3@a', 'redis://:secret4@b'],
    result_backend: 'db+postgresql://u:secret5@h/d',
    broker_transport_options: {
      sentinel_kwargs: { password: 'secret6' },
      nodes: [{ url: 'redis://:secret7@h' }],
    },
    s3_secret_access_key: 'secret8',
    task_default_queue: 'q',
  };

  test('show no secret, however deep it sits, in print, JSON, report and table', () => {
    const conf = settings(secrets);

    for (const text of [
      inspect(conf, { depth: 9 }),
      JSON.stringify(conf),
      conf.humanize(),
      JSON.stringify(conf.table({ withDefaults: true })),
    ]) {
      assert.doesNotMatch(text, /secret\d/);
      assert.match(text, /redis:\/\/user:\*{8}@h\/1/);
    }
    assert.equal(conf.table({ censored: false }).s3_secret_access_key, 'secret8');
  });

  test('are one line each in the words of Python, file first and changes last', () => {
    const conf = fromSource({
      task_acks_late: true,
      result_backend: null,
      broker_transport_options: { visibility_timeout: 60 },
    });
    conf.imports = ['a'];

    assert.equal(
      conf.humanize(),
      [
        'task_acks_late: True',
        'result_backend: None',
        "broker_transport_options: {\n    'visibility_timeout': 60}",
        "imports: ['a']",
      ].join('\n'),
    );
  });

  test('are complete with their defaults when asked for', () => {
    const table = settings().table({ withDefaults: true });

    assert.deepEqual(Object.keys(table).sort(), [...SETTING_NAMES].sort());
  });
});
