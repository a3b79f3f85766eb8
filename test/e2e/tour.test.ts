/**
 * The README's tour, line by line: the real server, the real `countersign`, a real psql, once on the
 * embedded PostgreSQL and once on one given by DATABASE_URL. Afterwards nothing secret is found where
 * it does not belong.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, type EmbeddedPostgres, startEmbeddedPostgres } from '@countersign/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, ROOT } from '../support/broker-process.ts';
import { type Told, toldUnder } from '../support/readme.ts';
import { openShell, type Shell } from '../support/shell.ts';

const TOUR = toldUnder(join(ROOT, 'README.md'), 'The tour');
/** Waits until PostgreSQL itself shows the agent's open session. */
const UNTIL_OPEN = `
OWNER="postgres://countersign:$(cat "$PLAYGROUND/superuser.password")@127.0.0.1:$(sed -n 4p "$PLAYGROUND/pgdata/postmaster.pid")/rental_staging"
OPEN="select 'open' from pg_stat_activity where query like '%pg_sleep%' and usename like 'csl_%'"
until psql "$OWNER" -c "$OPEN" | grep -q open; do :; done`;
const PASSPHRASE = 'a passphrase nobody prints';

/** psql as installed; where there is none, the same words by another real client. */
async function pathWithPsql(directory: string): Promise<string> {
  const bin = join(directory, 'bin');
  await mkdir(bin);
  try {
    execFileSync('psql', ['--version'], { stdio: 'ignore' });
  } catch {
    await symlink(join(ROOT, 'test/support/psql.mjs'), join(bin, 'psql'));
  }
  return `${bin}:${join(ROOT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`;
}

describe.each(['the embedded PostgreSQL', 'a PostgreSQL given by DATABASE_URL'])(
  'the tour on %s',
  (database) => {
    const given = database.includes('DATABASE_URL');
    const learned = new Map<string, string>();
    const transcript: string[] = [];
    let directory: string;
    let shell: Shell;
    let own: EmbeddedPostgres | null = null;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'countersign-tour-'));
      const port = await freePort();
      const passphraseFile = join(directory, 'passphrase');
      await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
      const env: Record<string, string> = {
        PATH: await pathWithPsql(directory),
        HOME: directory,
        LANG: 'C.UTF-8',
        PORT: String(port),
        COUNTERSIGN_SERVER: `http://localhost:${port}`,
        COUNTERSIGN_DATA_DIR: join(directory, 'data'),
        COUNTERSIGN_HOME: join(directory, 'home'),
        COUNTERSIGN_PASSPHRASE_FILE: passphraseFile,
      };
      if (given) {
        own = await startEmbeddedPostgres({
          directory: join(directory, 'given'),
          log: createLogger('silent'),
          durability: 'none',
        });
        const kek = join(directory, 'kek');
        await writeFile(kek, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
        env['DATABASE_URL'] = own.url().reveal();
        env['COUNTERSIGN_KEK_FILE'] = kek;
      }
      // The commands of the README are run where the README stands; files they make go elsewhere.
      const cwd = join(directory, 'checkout');
      await mkdir(cwd);
      for (const name of await readdir(ROOT)) {
        if (!['.git', 'reports', '.turbo'].includes(name))
          await symlink(join(ROOT, name), join(cwd, name));
      }
      shell = openShell({ cwd, env });
    });

    afterAll(async () => {
      await shell.close();
      await own?.stop();
      await rm(directory, { recursive: true, force: true });
    });

    /** Placeholders are what earlier commands printed. */
    function filledIn(text: string): string {
      return text.replace(/\b(CODE|INVITATION|FINGERPRINT|ID|REQUEST|UPDATE_GRANT)\b/g, (name) => {
        const value = learned.get(name);
        if (value === undefined) throw new Error(`${name} was printed by no earlier command`);
        return value;
      });
    }

    function learn(told: Told, output: string): void {
      const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
      const find = (name: string, pattern: RegExp): void => {
        const value = pattern.exec(output)?.[1];
        if (value !== undefined) learned.set(name, value);
      };
      find('CODE', /^Genesis code: (\S+)$/m);
      find('FINGERPRINT', /--broker (\S+)/);
      find('INVITATION', /countersign human join (\S+)/);
      find('ID', new RegExp(`another human runs:\\s+countersign sign (${uuid})`));
      if (told.command.includes(' ask ')) find('REQUEST', new RegExp(`^(${uuid})$`, 'm'));
      if (told.command.includes('--op postgres:update')) {
        find('UPDATE_GRANT', new RegExp(`complete: grant\\.create (${uuid})`));
      }
    }

    /** Output as words: where lines break is the terminal's business. */
    function words(text: string): string {
      return text.replace(/\s+/g, ' ');
    }

    test.each(
      TOUR.map((told) => [`line ${told.line}: ${told.command.slice(0, 90)}`, told] as const),
    )(
      '%s',
      async (_, told) => {
        let output: string;
        if (told.command === 'npm start') {
          output = await shell.service(
            'npm start --silent --ignore-scripts',
            /Genesis code: \S+\n.*\n/,
          );
        } else if (told.command === 'npx countersign playground') {
          output = await shell.service('countersign playground', /Running until interrupted/);
        } else if (given && told.command.startsWith('LEDGER=')) {
          output = (await shell.run('LEDGER="$DATABASE_URL"')).output;
        } else if (told.command.endsWith(' &')) {
          // It is open once PostgreSQL shows it; the marker is what the broker says of the lease.
          await shell.run(`${told.command.slice(0, -2)} > cut.out 2>&1 &`);
          output = (await shell.run(UNTIL_OPEN)).output;
        } else if (told.command === 'wait') {
          output = (await shell.run('wait %1 2>/dev/null; cat cut.out')).output;
        } else {
          const ran = await shell.run(filledIn(told.command));
          transcript.push(ran.output);
          expect.soft(ran.exit, ran.output).toBe(told.exit);
          output = ran.output;
        }
        learn(told, output);
        for (const line of told.shows) {
          const [before = '', ...rest] = line.split(/CODE|…/);
          for (const part of [before, ...rest]) expect(words(output)).toContain(words(part).trim());
        }
      },
      60_000,
    );
  },
);
