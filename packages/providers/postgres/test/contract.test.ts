import { randomUUID } from 'node:crypto';
import { describeProviderContract } from '@countersign/provider-kit/contract-suite';
import { codeOf, orderOf, prepare, right } from './support/fixture.ts';
import { serverSources } from './support/server.ts';

for (const source of await serverSources()) {
  describeProviderContract(source.name, async () => {
    const { fixture, end } = await prepare(await source.start());
    const { provider, connection } = fixture;
    return {
      provider,
      connection,
      unreachable: { ...connection, id: randomUUID(), config: { ...connection.config, port: 1 } },
      samples: [
        {
          operation: 'postgres:select',
          valid: [
            'sales.booking',
            '"sales"."booking"',
            'sales.booking(guest, id)',
            'sales.booking(id)',
            'sales.booking(id,id)',
            '"Sal""es"."Bo oking"("Ünïcode")',
          ],
          invalid: ['', 'booking', 'sales.*', 'sales.booking()', 'pg_catalog.pg_authid', 'a.b c'],
        },
        {
          operation: 'postgres:delete',
          valid: ['sales.booking', 'sales.room'],
          invalid: ['sales.booking(id)', 'sales.*'],
        },
        {
          operation: 'postgres:drop',
          valid: ['sales', '"sales"', '"Sal""es"'],
          invalid: ['', 'sales.booking', 'sales.*', 'pg_catalog', 'information_schema', 'a b'],
        },
      ],
      leases: {
        leaseId: () => randomUUID(),
        order: (leaseId) =>
          orderOf(leaseId, [right('select', 'sales.booking'), right('delete', 'sales.room')]),
        works: async (issued) => {
          const agent = fixture.session({
            username: String(issued.credential['username']),
            password: issued.primary.reveal(),
          });
          return (await codeOf(agent`SELECT FROM sales.booking`)) === 'ok';
        },
      },
      end,
    };
  });
}
