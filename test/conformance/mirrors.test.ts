/** Both kinds of mirror against one contract: a directory, and a server that speaks S3. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsCredentials, directoryMirror, s3Mirror } from '@countersign/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startS3 } from '../support/s3.ts';
import { itMirrors } from './mirror-contract.ts';

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAMIRROR', AWS_SECRET_ACCESS_KEY: 'hidden-from-everybody' };
const s3 = await startS3();
const directory = await mkdtemp(join(tmpdir(), 'countersign-mirror-'));

beforeAll(async () => {
  await s3?.bucket('mirrors');
});
afterAll(async () => {
  await s3?.stop();
  await rm(directory, { recursive: true, force: true });
});

function inBucket(bucket: string, endpoint = s3?.endpoint) {
  if (endpoint === undefined) return null;
  const place = { bucket, prefix: 'a/long prefix', region: 'eu-north-1', endpoint };
  return s3Mirror(place, awsCredentials(KEYS));
}

itMirrors('a directory', () => directoryMirror(directory));
itMirrors('S3-compatible storage', () => inBucket('mirrors'), false);

describe('a mirror in a directory', () => {
  it('leaves nothing half written behind, and nothing that others may read', async () => {
    const mirror = directoryMirror(directory);
    await mirror.put('kept/a', Buffer.from('a'));
    await mirror.put('kept/a', Buffer.from('b'));
    expect(await readdir(join(directory, 'kept'))).toEqual(['a']);
  });

  it.each<[string, (path: string) => void]>([
    ['a pipe, which nobody writes to', (path) => execFileSync('mkfifo', [path])],
    ['a link', (path) => symlinkSync('/dev/zero', path)],
    ['a folder', (path) => mkdirSync(path)],
    [
      'a file of a terabyte with nothing in it',
      (path) => {
        writeFileSync(path, '');
        truncateSync(path, 2 ** 40);
      },
    ],
  ])('takes %s for no object, and waits for nobody', async (what, lay) => {
    const root = await mkdtemp(join(tmpdir(), 'countersign-laid-'));
    mkdirSync(join(root, 'at'));
    const mirror = directoryMirror(root);
    lay(join(root, 'at/1'));
    expect(await mirror.put('at/1', Buffer.from('x')), what).toBe('different');
    await expect(mirror.get('at/1')).rejects.toMatchObject({ code: 'invalid_request' });
    await rm(root, { recursive: true });
  });

  it('lists nothing of what a crash left half written', async () => {
    const mirror = directoryMirror(directory);
    await mirror.put('crashed/a', Buffer.from('a'));
    await writeFile(join(directory, 'crashed', '.b.0f0e'), 'half');
    expect(await mirror.list('crashed/', { after: null, limit: 10 })).toEqual(['crashed/a']);
  });
});

describe('a mirror in S3-compatible storage', () => {
  it('lists more than one page holds', async ({ skip }) => {
    const mirror = inBucket('mirrors') ?? skip('not available here');
    const names = Array.from({ length: 25 }, (_, i) => `many/${String(i).padStart(2, '0')}`);
    for (const name of names) await mirror.put(name, Buffer.from(name));
    expect(await mirror.list('many/', { after: 'many/03', limit: 1000 })).toEqual(names.slice(4));
    expect(await mirror.list('many/', { after: null, limit: 7 })).toEqual(names.slice(0, 7));
  });

  it('is no empty one where the bucket is gone', async ({ skip }) => {
    const mirror = inBucket('no-such-bucket') ?? skip('not available here');
    await expect(mirror.get('a')).rejects.toThrow(/NoSuchBucket/);
    await expect(mirror.list('a/', { after: null, limit: 1 })).rejects.toThrow(/NoSuchBucket/);
    await expect(mirror.put('a', Buffer.from('a'))).rejects.toThrow(/NoSuchBucket/);
  });

  it('trusts nothing to storage that writes over what is there', async () => {
    const careless = await answering((_, answer) => answer.writeHead(200).end());
    const mirror = inBucket('mirrors', careless.url);
    await expect(mirror?.put('a', Buffer.from('a'))).rejects.toThrow(/If-None-Match/);
    await careless.stop();
  });

  it('reads no more of an object than any of ours has', async () => {
    const endless = await answering((_, answer) => {
      const more = (): void => {
        while (answer.write(Buffer.alloc(65_536)));
        answer.once('drain', more);
      };
      more();
    });
    const mirror = inBucket('mirrors', endless.url);
    await expect(mirror?.get('a')).rejects.toMatchObject({ code: 'invalid_request' });
    await endless.stop();
  });

  it.each([
    ['redirects elsewhere', 307, { location: 'https://elsewhere.example.com/' }],
    ['refuses, in words that hold what was sent', 403, {}],
  ])('says nothing of its credentials where the storage %s', async (_, status, headers) => {
    const storage = await answering((request, answer) =>
      answer
        .writeHead(status, headers)
        .end(`<Code>AccessDenied</Code>${request.headers.authorization} hidden-from-everybody`),
    );
    const mirror = inBucket('mirrors', storage.url);
    const said = await mirror?.get('a').catch((error: unknown) => `${error}`);
    expect(said).toMatch(/The storage of the mirror (could not be reached|answered 403)/);
    expect(said).not.toMatch(/AKIAMIRROR|hidden/);
    await storage.stop();
  });

  it('takes credentials from the file that AWS tools share, as it is by then', async ({ skip }) => {
    if (s3 === null) skip('not available here');
    const file = join(directory, 'credentials');
    const read = awsCredentials({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'mirror' });
    await expect(read()).rejects.toThrow(/AWS_ACCESS_KEY_ID/);
    await writeFile(
      file,
      '[default]\naws_access_key_id = OTHER\naws_secret_access_key = other\n\n[mirror]\naws_access_key_id = AKIAFILE\naws_secret_access_key = from/the+file\n',
    );
    const { accessKeyId, secretAccessKey, sessionToken } = await read();
    expect([accessKeyId.reveal(), secretAccessKey.reveal(), sessionToken]).toEqual([
      'AKIAFILE',
      'from/the+file',
      null,
    ]);
  });
});

/** Storage of a test's own making. */
async function answering(listener: Parameters<typeof createServer>[1]) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
