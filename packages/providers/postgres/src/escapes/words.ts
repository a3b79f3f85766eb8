/** What each kind of escape is, in an admin's words, and the SQL that closes it. */
import { ProviderError } from '@countersign/provider-kit';
import { z } from 'zod';
import { printable } from './names.ts';
import type { Opening } from './query.ts';

interface Words {
  readonly explanation: string;
  readonly remedy: string;
}

const Named = z.object({ name: z.string() });
const Right = z.object({ privilege: z.string(), column: z.string().nullable() });
const Pair = z.object({ parent: z.string(), child: z.string(), privileges: z.array(z.string()) });

/** By `Opening.kind`. Names in them come quoted from PostgreSQL. */
const WORDS: Readonly<Record<string, (detail: unknown) => Words>> = {
  relation: (detail) => {
    const { name, relkind, owner, privileges } = Named.extend({
      relkind: z.string(),
      owner: z.string(),
      privileges: z.array(Right),
    }).parse(detail);
    const words = [...new Set(privileges.map(({ privilege }) => privilege))].join(', ');
    const acting =
      relkind === 'v' || relkind === 'm'
        ? ` It acts on what lies under it with the rights of its owner, ${owner}.`
        : '';
    const list = privileges.map(({ privilege, column }) =>
      column === null ? privilege : `${privilege} (${quoted(column)})`,
    );
    return {
      explanation: `PUBLIC, and so every lease, may ${words} here.${acting}`,
      remedy: `REVOKE ${list.join(', ')} ON ${relkind === 'S' ? 'SEQUENCE' : 'TABLE'} ${name} FROM PUBLIC;`,
    };
  },
  schema: (detail) => ({
    explanation: 'PUBLIC, and so every lease, may create objects in this schema.',
    remedy: `REVOKE CREATE ON SCHEMA ${nameOf(detail)} FROM PUBLIC;`,
  }),
  database: (detail) => ({
    explanation: 'PUBLIC, and so every lease, may create schemas in this database.',
    remedy: `REVOKE CREATE ON DATABASE ${nameOf(detail)} FROM PUBLIC;`,
  }),
  'large object': (detail) => ({
    explanation: 'PUBLIC, and so every lease, has rights on this large object.',
    remedy: `REVOKE ALL ON LARGE OBJECT ${nameOf(detail)} FROM PUBLIC;`,
  }),
  setting: () => ({
    explanation:
      'lo_compat_privileges is on, so every lease may read and write every large object.',
    remedy: 'ALTER SYSTEM SET lo_compat_privileges = off; SELECT pg_reload_conf();',
  }),
  parameter: (detail) => ({
    explanation: 'PUBLIC, and so every lease, may change this setting, which others may not.',
    remedy: `REVOKE SET, ALTER SYSTEM ON PARAMETER ${nameOf(detail)} FROM PUBLIC;`,
  }),
  wrapper: (detail) => ({
    explanation: 'Every lease may make foreign servers with this wrapper, and connect elsewhere.',
    remedy: `REVOKE USAGE ON FOREIGN DATA WRAPPER ${nameOf(detail)} FROM PUBLIC;`,
  }),
  server: (detail) => ({
    explanation: 'Every lease may use this foreign server, and what is mapped to it for PUBLIC.',
    remedy: `REVOKE USAGE ON FOREIGN SERVER ${nameOf(detail)} FROM PUBLIC;`,
  }),
  'foreign partition': (detail) => {
    const { name, parent } = Named.extend({ parent: z.string() }).parse(detail);
    return {
      explanation: `A lease that writes to ${parent} also writes to this partition of it, on another server.`,
      remedy: `ALTER TABLE ${parent} DETACH PARTITION ${name};`,
    };
  },
  language: (detail) => ({
    explanation:
      'A language without bounds that is marked trusted: every lease may run code in it on the server.',
    remedy: `REVOKE USAGE ON LANGUAGE ${nameOf(detail)} FROM PUBLIC;`,
  }),
  function: (detail) => {
    const { name, owner, why } = Named.extend({ owner: z.string(), why: z.string() }).parse(detail);
    const reasons: Readonly<Record<string, string>> = {
      definer: `It runs with the rights of its owner, ${owner} (SECURITY DEFINER), and PUBLIC may execute it.`,
      support: `Indexes or ranges call it for whoever uses them, and it runs with the rights of its owner, ${owner} (SECURITY DEFINER).`,
      component: `It is computed by a function that runs with its owner's rights, and PUBLIC may execute it.`,
      native: `It is code outside the rights of PostgreSQL, and PUBLIC may execute it.`,
      widened: `PostgreSQL lets only the roles it names execute it; here PUBLIC may.`,
    };
    return {
      explanation: reasons[why] ?? 'PUBLIC may execute it.',
      remedy:
        why === 'support'
          ? `ALTER FUNCTION ${name} SECURITY INVOKER;`
          : `REVOKE EXECUTE ON ROUTINE ${name} FROM PUBLIC;`,
    };
  },
  extension: (detail) => {
    const { version, functions } = Named.extend({
      version: z.string(),
      functions: z.array(z.string()),
    }).parse(detail);
    return {
      explanation: `Version ${version} brings ${functions.length} native functions that PUBLIC may execute. Countersign does not know what they can do; some extensions connect elsewhere or read files.`,
      remedy: `REVOKE EXECUTE ON ROUTINE ${functions.join(', ')} FROM PUBLIC;`,
    };
  },
  trigger: (detail) => {
    const t = Named.extend({
      table: z.string(),
      function: z.string(),
      owner: z.string(),
      table_owner: z.string(),
      view: z.boolean(),
      why: z.string(),
    }).parse(detail);
    if (t.why === 'definer') {
      return {
        explanation: `A write to ${t.table} fires it, and ${t.function} runs with the rights of its owner, ${t.owner} (SECURITY DEFINER).`,
        remedy: `ALTER FUNCTION ${t.function} SECURITY INVOKER;`,
      };
    }
    return {
      explanation:
        t.why === 'native'
          ? `A write to ${t.table} fires it, and ${t.function} is code outside the rights of PostgreSQL.`
          : `A foreign key changes ${t.table} with the rights of its owner, ${t.table_owner}, and this trigger then runs with them too.`,
      remedy: t.view
        ? `DROP TRIGGER ${t.name} ON ${t.table};`
        : `ALTER TABLE ${t.table} DISABLE TRIGGER ${t.name};`,
    };
  },
  'event trigger': (detail) => {
    const t = Named.extend({ function: z.string(), owner: z.string() }).parse(detail);
    return {
      explanation: `What a lease may do can fire it, and ${t.function} runs with more rights than a lease's (owner ${t.owner}).`,
      remedy: `ALTER EVENT TRIGGER ${t.name} DISABLE;`,
    };
  },
  rule: (detail) => {
    const r = Named.extend({ table: z.string(), owner: z.string(), view: z.boolean() }).parse(
      detail,
    );
    return {
      explanation: `A write to ${r.table} is rewritten by it, and what it writes to is judged by the rights of ${r.owner}.`,
      remedy: r.view
        ? `DROP RULE ${r.name} ON ${r.table};`
        : `ALTER TABLE ${r.table} DISABLE RULE ${r.name};`,
    };
  },
  cascade: (detail) => {
    const { parent, child, event, privileges, owner, constraints } = Pair.extend({
      event: z.enum(['DELETE', 'UPDATE']),
      owner: z.string(),
      constraints: z.array(
        z.object({ name: z.string(), definition: z.string(), table: z.string() }),
      ),
    }).parse(detail);
    return {
      explanation: `A lease that may ${event} on ${parent} can so ${privileges.join(' and ')} on ${child}, with the rights of ${owner}. A lease granted both is not concerned.`,
      remedy: constraints
        .map(
          ({ name, definition, table }) =>
            `ALTER TABLE ${table} DROP CONSTRAINT ${name}, ADD CONSTRAINT ${name} ${definition};`,
        )
        .join(' '),
    };
  },
  inheritance: (detail) => {
    const { parent, child, privileges } = Pair.parse(detail);
    return {
      explanation: `A lease that may ${privileges.join(', ')} on ${parent} reaches the rows of ${child}, which inherits from it. A lease granted both is not concerned.`,
      remedy: `ALTER TABLE ${child} NO INHERIT ${parent};`,
    };
  },
};

/** @throws ProviderError for a kind without words, since an opening nobody can read is still one */
export function describeOpening({ kind, detail }: Opening): Words {
  const words = WORDS[kind];
  if (words === undefined) throw new ProviderError('unknown_outcome', `No words for ${kind}.`);
  const { explanation, remedy } = words(detail);
  return { explanation: printable(explanation), remedy: printable(remedy) };
}

function nameOf(detail: unknown): string {
  return Named.parse(detail).name;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
