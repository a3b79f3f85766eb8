/** The import table of ARCHITECTURE.md, as a check that counts what it looked at. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Package folder → folders it may import, as ARCHITECTURE.md has it. `*` is anything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'packages/core': [],
  'packages/contract': ['packages/core'],
  'packages/ledger': ['packages/core'],
  'packages/tokens': ['packages/core'],
  'packages/provider-kit': ['packages/core'],
  'packages/authority': ['packages/core', 'packages/contract'],
  'packages/policy': ['packages/core', 'packages/authority'],
  'packages/verify': [
    'packages/core',
    'packages/contract',
    'packages/authority',
    'packages/policy',
    'packages/ledger',
  ],
  'packages/providers/http': ['packages/core', 'packages/provider-kit'],
  'packages/providers/postgres': ['packages/core', 'packages/provider-kit'],
  'packages/providers/railway': ['packages/core', 'packages/provider-kit'],
  'packages/broker': [
    'packages/core',
    'packages/contract',
    'packages/authority',
    'packages/policy',
    'packages/ledger',
    'packages/tokens',
    'packages/provider-kit',
  ],
  'packages/store': [
    'packages/core',
    'packages/contract',
    'packages/authority',
    'packages/ledger',
    'packages/broker',
  ],
  'packages/http': ['packages/core', 'packages/contract', 'packages/broker'],
  'packages/client': ['packages/core', 'packages/contract'],
  'apps/cli': [
    'packages/client',
    'packages/core',
    'packages/contract',
    'packages/authority',
    'packages/verify',
    'packages/providers/http',
    'apps/server',
  ],
  'apps/server': ['*'],
};

function folders(parent: string): string[] {
  return readdirSync(join(ROOT, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${parent}/${entry.name}`);
}

function packageFolders(): string[] {
  return [
    ...folders('packages').filter((folder) => folder !== 'packages/providers'),
    ...folders('packages/providers'),
    ...folders('apps'),
  ];
}

function rules(): IForbiddenRuleType[] {
  const table = Object.entries(MAY_IMPORT)
    .filter(([, allowed]) => !allowed.includes('*'))
    .map(([folder, allowed]): IForbiddenRuleType => {
      const own = [folder, ...allowed].map((each) => `^${each}/`);
      return {
        name: `table: ${folder}`,
        severity: 'error',
        from: { path: `^${folder}/src/` },
        to: { path: '^(packages|apps|test)/', pathNot: own },
      };
    });
  return [
    ...table,
    {
      name: 'store takes only types from the broker',
      severity: 'error',
      from: { path: '^packages/store/src/' },
      to: { path: '^packages/broker/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'cli reaches the server by dynamic import only',
      severity: 'error',
      from: { path: '^apps/cli/src/' },
      to: { path: '^apps/server/', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'pure packages do no I/O',
      severity: 'error',
      from: { path: '^packages/(core|contract|authority|policy|ledger|verify|tokens)/src/' },
      to: {
        path: '^(node:)?(fs|net|tls|http|https|http2|child_process|dns|dgram|worker_threads|cluster|process)(/|$)',
      },
    },
  ];
}

async function look(
  paths: readonly string[],
  forbidden: IForbiddenRuleType[],
): Promise<ICruiseResult> {
  const result = await cruise([...paths], {
    baseDir: ROOT,
    ruleSet: { forbidden },
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
    tsConfig: { fileName: join(ROOT, 'tsconfig.json') },
  });
  if (typeof result.output === 'string') throw new Error('expected the result as an object');
  return result.output;
}

describe('the import table', () => {
  let result: ICruiseResult;
  beforeAll(async () => {
    result = await look(
      packageFolders().map((folder) => `${folder}/src`),
      rules(),
    );
  });

  test('has a row for every package, and a package for every row', () => {
    expect(packageFolders().sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  test.each(Object.keys(MAY_IMPORT))('saw modules of %s', (folder) => {
    const seen = result.modules.filter((module) => module.source.startsWith(`${folder}/src/`));
    expect(seen.length).toBeGreaterThan(1);
  });

  test('saw imports across packages', () => {
    const crossing = result.modules
      .filter((module) => module.source.startsWith('packages/broker/'))
      .flatMap((module) => module.dependencies)
      .filter((dependency) => dependency.resolved.startsWith('packages/authority/'));
    expect(crossing.length).toBeGreaterThan(5);
  });

  test('holds', () => {
    const found = result.summary.violations.map(
      (violation) => `${violation.rule.name}: ${violation.from} -> ${violation.to}`,
    );
    expect(found).toEqual([]);
  });

  test('would find a violation, type-only ones too', async () => {
    const planted = await look(
      ['packages/policy/src'],
      [
        {
          name: 'planted',
          severity: 'error',
          from: { path: '^packages/policy/src/' },
          to: { path: '^packages/authority/' },
        },
      ],
    );
    const from = planted.summary.violations.map((violation) => relative('', violation.from));
    expect(from).toContain('packages/policy/src/facts.ts');
  });
});
