import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';

/** The variable that a wrong configuration names. */
function refusedVariable(env: NodeJS.ProcessEnv): string {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split(' ')[0] ?? '';
    throw error;
  }
  return 'none';
}

describe('configuration', () => {
  test('needs nothing', () => {
    const config = readConfig({ HOME: '/home/x' });
    expect(config).toMatchObject({ host: '127.0.0.1', port: 8420, databaseUrl: null });
    expect(config.issuer).toBe('http://localhost:8420');
  });

  test('waits for load balancers where there may be replicas', () => {
    const DATABASE_URL = 'postgres://x@127.0.0.1/x';
    expect(readConfig({}).drainSeconds).toBe(0);
    expect(readConfig({ DATABASE_URL }).drainSeconds).toBe(5);
    expect(readConfig({ DATABASE_URL, COUNTERSIGN_DRAIN_SECONDS: '0' }).drainSeconds).toBe(0);
  });

  test('lets one agent ask a hundred times a second, or as often as is said', () => {
    expect(readConfig({}).agentRate).toBe(100);
    expect(readConfig({ COUNTERSIGN_AGENT_RATE: '7' }).agentRate).toBe(7);
  });

  test('lets one agent have providers asked ten times a second, or as often as is said', () => {
    expect(readConfig({}).agentResolverRate).toBe(10);
    expect(readConfig({ COUNTERSIGN_AGENT_RESOLVER_RATE: '7' }).agentResolverRate).toBe(7);
  });

  test('takes a variable set to nothing for one that is not set', () => {
    const empty = { PORT: '', HOST: '', COUNTERSIGN_ISSUER: '', DATABASE_URL: '' };
    expect(readConfig({ ...empty, COUNTERSIGN_KEK_FILE: '', COUNTERSIGN_DATA_DIR: '' })).toEqual(
      readConfig({}),
    );
  });

  test.each<[string, NodeJS.ProcessEnv]>([
    ['PORT', { PORT: '0' }],
    ['PORT', { PORT: '65536' }],
    ['PORT', { PORT: '80a' }],
    ['COUNTERSIGN_DRAIN_SECONDS', { COUNTERSIGN_DRAIN_SECONDS: '-1' }],
    ['COUNTERSIGN_AGENT_RESOLVER_RATE', { COUNTERSIGN_AGENT_RESOLVER_RATE: '0' }],
    ['COUNTERSIGN_AGENT_RESOLVER_RATE', { COUNTERSIGN_AGENT_RESOLVER_RATE: 'many' }],
    ['COUNTERSIGN_DRAIN_SECONDS', { COUNTERSIGN_DRAIN_SECONDS: '1.5' }],
    ['COUNTERSIGN_DRAIN_SECONDS', { COUNTERSIGN_DRAIN_SECONDS: '301' }],
    ['COUNTERSIGN_AGENT_RATE', { COUNTERSIGN_AGENT_RATE: '0' }],
    ['COUNTERSIGN_AGENT_RATE', { COUNTERSIGN_AGENT_RATE: '-5' }],
    ['COUNTERSIGN_AGENT_RATE', { COUNTERSIGN_AGENT_RATE: '100001' }],
    ['COUNTERSIGN_AGENT_RATE', { COUNTERSIGN_AGENT_RATE: 'unlimited' }],
    ['HOST', { HOST: 'example.com' }],
    ['HOST', { HOST: '0.0.0.0' }],
    ['COUNTERSIGN_ISSUER', { COUNTERSIGN_ISSUER: 'http://broker.example.com' }],
    ['COUNTERSIGN_ISSUER', { COUNTERSIGN_ISSUER: 'https://broker.example.com/' }],
    ['COUNTERSIGN_ISSUER', { COUNTERSIGN_ISSUER: 'https://broker.example.com/path' }],
    ['COUNTERSIGN_ISSUER', { COUNTERSIGN_ISSUER: 'broker' }],
    ['COUNTERSIGN_ISSUER', { COUNTERSIGN_ISSUER: 'http://127.example.com' }],
    ['COUNTERSIGN_TRUSTED_PROXIES', { COUNTERSIGN_ISSUER: 'https://broker.example.com' }],
    ['COUNTERSIGN_TRUSTED_PROXIES', { COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/33' }],
    ['COUNTERSIGN_TRUSTED_PROXIES', { COUNTERSIGN_TRUSTED_PROXIES: 'proxy' }],
    ['COUNTERSIGN_LOG_LEVEL', { COUNTERSIGN_LOG_LEVEL: 'loud' }],
    ['none', { COUNTERSIGN_MIRROR: '/somewhere' }],
    ['none', { COUNTERSIGN_MIRROR: 's3://bucket' }],
    ['none', { COUNTERSIGN_MIRROR: 's3://bucket/a/prefix/' }],
    ['COUNTERSIGN_MIRROR', { COUNTERSIGN_MIRROR: 's3://' }],
    ['COUNTERSIGN_MIRROR', { COUNTERSIGN_MIRROR: 's3://id:secret@bucket/prefix' }],
    ['COUNTERSIGN_MIRROR', { COUNTERSIGN_MIRROR: 's3://bucket/prefix?region=x' }],
    ['COUNTERSIGN_MIRROR', { COUNTERSIGN_MIRROR: 'https://bucket.example.com' }],
    ['COUNTERSIGN_MIRROR', { COUNTERSIGN_MIRROR: 'file:///somewhere' }],
    [
      'AWS_ENDPOINT_URL_S3',
      { COUNTERSIGN_MIRROR: 's3://bucket', AWS_ENDPOINT_URL_S3: 'http://minio.example.com:9000' },
    ],
    [
      'none',
      { COUNTERSIGN_MIRROR: 's3://bucket', AWS_ENDPOINT_URL: 'https://minio.example.com:9000' },
    ],
    ['COUNTERSIGN_QUORUM', { COUNTERSIGN_QUORUM: '1' }],
    ['DATABASE_URL', { DATABASE_URL: 'mysql://127.0.0.1/x' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://db.example.com/x' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://db.example.com/x?sslmode=require' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://127.example.com/x' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres:///x' }],
    ['none', { DATABASE_URL: 'postgres://127.0.0.1:5432/x' }],
    ['none', { DATABASE_URL: 'postgres://db.example.com/x?sslmode=verify-full' }],
    [
      'none',
      {
        HOST: '0.0.0.0',
        COUNTERSIGN_ISSUER: 'https://broker.example.com',
        COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
      },
    ],
  ])('names %s of %j', (variable, env) => {
    expect(refusedVariable(env)).toBe(variable);
  });

  test('repeats nothing of a database URL', () => {
    const env = { DATABASE_URL: 'postgres://u:hunter2@db.example.com/x' };
    expect(() => readConfig(env)).not.toThrow(/hunter2/);
    expect(() => readConfig(env)).toThrow(/verify-full/);
  });
});
