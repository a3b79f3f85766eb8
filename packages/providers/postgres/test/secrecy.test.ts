/** Where a lease's password and the root password must never appear. */
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { codeOf, onEachServer, ROOT_PASSWORD, right } from './support/fixture.ts';

await onEachServer('secrets', (fixture) => {
  it('never cross to the server: not in its log, its statistics or its catalogs', async () => {
    const { admin, server, issuer, connection } = fixture();
    const lease = await fixture().issue([
      right('select', 'sales.booking'),
      right('delete', 'sales.room'),
    ]);
    const password = lease.issued.primary.reveal();
    expect(await codeOf(lease.open()`SELECT FROM sales.booking`)).toBe('ok');
    const [stored] = await admin`SELECT rolpassword FROM pg_authid WHERE rolname = ${lease.role}`;
    expect(stored?.['rolpassword']).toMatch(/^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$/);
    const activity = await admin`SELECT query FROM pg_stat_activity`;
    expect(JSON.stringify(activity)).not.toContain(password);
    await issuer.revoke(connection, lease.id);

    const log = await server.log();
    expect(log).toContain(`CREATE ROLE ${lease.role}`);
    expect(log).not.toContain(password);
    // The set-up statement of the fixture names the root password; nothing else does.
    const leaks = log.split('\n').filter((line) => line.includes(ROOT_PASSWORD));
    expect(leaks.every((line) => line.includes('CREATE ROLE broker'))).toBe(true);
  });

  it('print as their label, whatever prints them', async () => {
    const lease = await fixture().issue([right('select', 'sales.booking')]);
    const password = lease.issued.primary.reveal();
    const printed = [
      inspect(lease.issued, { depth: 9, showHidden: true }),
      JSON.stringify(lease.issued),
      `${lease.issued.primary}`,
    ];
    for (const text of printed) expect(text).not.toContain(password);
    expect(inspect(fixture().provider, { depth: 9, showHidden: true })).not.toContain(
      ROOT_PASSWORD,
    );
  });

  it('differ each time', async () => {
    const leases = await Promise.all(
      [1, 2, 3, 4].map(() => fixture().issue([right('select', 'sales.booking')])),
    );
    expect(new Set(leases.map(({ issued }) => issued.primary.reveal())).size).toBe(4);
  });
});
