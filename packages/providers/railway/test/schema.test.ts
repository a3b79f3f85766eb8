/**
 * The simulated part of the schema against the real one. Railway's introspection is open:
 *
 *     RAILWAY_INTROSPECTION_FILE=railway.json node_modules/.bin/vitest run packages/providers/railway/test/schema.test.ts
 *
 * with the answer to graphql-js' `getIntrospectionQuery()` in that file.
 */
import { readFileSync } from 'node:fs';
import {
  buildClientSchema,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { MUTATIONS as ROWS } from '../src/catalog.ts';
import { KIND_OF_TYPE } from '../src/simulator/fields.ts';
import { MUTATIONS, QUERIES } from '../src/simulator/operations.ts';
import { simulatedSchema } from '../src/simulator/schema.ts';

/** Mutations that are judged, and whose deeds have no place in the simulated world. */
const NOT_SIMULATED: readonly string[] = [
  'baseEnvironmentOverride',
  'cancelPitrHaWorkflow',
  'canvasViewMerge',
  'clearPitrHaWorkflowProgress',
  'cliAuthEventTrack',
  'cliEventTrack',
  'cloudAgentStateReport',
  'customDomainIssueCertificate',
  'egressGatewayHAMigrationPreview',
  'privateNetworkEndpointCreateOrGet',
  'projectFeatureFlagAdd',
  'projectFeatureFlagRemove',
  'projectInvitationCreate',
  'projectInviteUser',
  'projectLeave',
  'projectMemberAdd',
  'projectMemberRemove',
  'projectMemberUpdate',
  'sandboxTemplateBuild',
  'serviceFeatureFlagAdd',
  'serviceFeatureFlagRemove',
  'serviceInstanceAutoDeployUpdate',
  'serviceInstanceVulnRemediationDismiss',
  'serviceRemoveUpstreamUrl',
  'setupAgentEventTrack',
  'templateServiceSourceEject',
  'updateServiceEdgeConfig',
];

const FILE = process.env['RAILWAY_INTROSPECTION_FILE'];

/** Every type, member, argument and value, a line each, with its type, default and deprecation. */
function linesOf(schema: GraphQLSchema): string[] {
  const lines: string[] = [];
  const mark = (reason: string | null | undefined): string =>
    reason == null ? '' : ' (deprecated)';
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue;
    lines.push(`${type.constructor.name} ${type.name}`);
    if (isEnumType(type)) {
      for (const value of type.getValues()) {
        lines.push(`${type.name}.${value.name}${mark(value.deprecationReason)}`);
      }
    } else if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        const initial = field.defaultValue === undefined ? '' : ` = ${String(field.defaultValue)}`;
        lines.push(
          `${type.name}.${field.name}: ${field.type}${initial}${mark(field.deprecationReason)}`,
        );
      }
    } else if (isObjectType(type) || isInterfaceType(type)) {
      for (const each of type.getInterfaces()) lines.push(`${type.name} implements ${each.name}`);
      for (const field of Object.values(type.getFields())) {
        lines.push(`${type.name}.${field.name}: ${field.type}${mark(field.deprecationReason)}`);
        for (const arg of field.args) {
          lines.push(`${type.name}.${field.name}(${arg.name}: ${arg.type})`);
        }
      }
    }
  }
  return lines;
}

describe('the simulated schema', () => {
  const schema = simulatedSchema();

  test.skipIf(FILE === undefined)(
    'declares nothing that the real one has not, or has otherwise (RAILWAY_INTROSPECTION_FILE names an introspection)',
    () => {
      const parsed = JSON.parse(readFileSync(FILE ?? '', 'utf8'));
      const real = new Set(linesOf(buildClientSchema(parsed.data ?? parsed)));
      const declared = linesOf(schema);
      expect(declared.length).toBeGreaterThan(1000);
      expect(declared.filter((line) => !real.has(line))).toEqual([]);
    },
  );

  test.skipIf(FILE === undefined)(
    'leaves no argument, input member or enum value out of what it declares (RAILWAY_INTROSPECTION_FILE)',
    () => {
      const parsed = JSON.parse(readFileSync(FILE ?? '', 'utf8'));
      const real = buildClientSchema(parsed.data ?? parsed);
      const declared = new Set(linesOf(schema));
      const missing = linesOf(real).filter((line) => {
        const [owner = ''] = line.split(/[(:]/);
        const [typeName = '', member] = owner.split('.');
        const type = schema.getType(typeName);
        if (isEnumType(type) || isInputObjectType(type)) return !declared.has(line);
        const has = isObjectType(type) && member !== undefined && member in type.getFields();
        return has && line.includes('(') && !declared.has(line);
      });
      expect(missing).toEqual([]);
    },
  );

  test('has a root field before each operation', () => {
    const rootsOf = (type = schema.getQueryType()) => Object.keys(type?.getFields() ?? {});
    expect(rootsOf()).toEqual(expect.arrayContaining(Object.keys(QUERIES)));
    expect(rootsOf(schema.getMutationType())).toEqual(
      expect.arrayContaining(Object.keys(MUTATIONS)),
    );
  });

  test('has an operation behind each mutation that is forwarded, but for those that stand here', () => {
    const forwarded = Object.entries(ROWS)
      .filter(([, row]) => row.never === undefined)
      .map(([name]) => name);
    const without = forwarded.filter((name) => !Object.hasOwn(MUTATIONS, name)).sort();
    expect(without).toEqual(NOT_SIMULATED);
  });

  test('counts as read every type that stands for something stored', () => {
    const nodes = Object.values(schema.getTypeMap())
      .filter(
        (type) => isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node'),
      )
      .map(({ name }) => name);
    expect(nodes.filter((name) => !(name in KIND_OF_TYPE))).toEqual([]);
  });

  test('pages every connection', () => {
    for (const type of Object.values(schema.getTypeMap())) {
      if (!isObjectType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        if (!getNamedType(field.type).name.endsWith('Connection')) continue;
        const names = field.args.map(({ name }) => name);
        expect(names, `${type.name}.${field.name}`).toEqual(
          expect.arrayContaining(['first', 'after']),
        );
      }
    }
  });
});
