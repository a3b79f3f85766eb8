/**
 * A mirror in S3-compatible storage. Objects are written with `If-None-Match: *`, so that none is ever written
 * over; storage that passes that by is found out before anything is trusted to it.
 */
import type { Mirror } from '@countersign/broker';
import { CountersignError } from '@countersign/core';
import { AwsClient } from 'aws4fetch';
import type { AwsCredentials } from './aws-credentials.ts';
import { LARGEST_OBJECT, noObject } from './objects.ts';

export interface S3Place {
  readonly bucket: string;
  /** Without slashes at its ends; empty: none. */
  readonly prefix: string;
  readonly region: string;
  /** Origin of storage that is not AWS; null: AWS. */
  readonly endpoint: string | null;
}

/** Milliseconds for one request. */
const LONGEST = 10_000;
/** Tries of a request that found the storage busy. */
const TRIES = 3;
/** Bytes of a page of a thousand keys, each of a kilobyte at most, and what is said of each. */
const LARGEST_LISTING = 8_388_608;
/** Bytes of an error that are looked at. */
const LARGEST_REFUSAL = 65_536;
/** Stands for an object that is none of ours. */
const OTHER = Buffer.alloc(0);
const FORMAT = Buffer.from('countersign-mirror/1\n');

/** @param credentials asked for before each request, since they are replaced while the server runs */
export function s3Mirror(place: S3Place, credentials: () => Promise<AwsCredentials>): Mirror {
  const { bucket, prefix, region, endpoint } = place;
  const origin = endpoint ?? `https://${bucket}.s3.${region}.amazonaws.com`;
  // By path where it is not AWS: a name for each bucket is nothing that every storage has.
  const base = endpoint === null ? origin : `${origin}/${bucket}`;
  const folder = prefix === '' ? '' : `${prefix}/`;
  let isKept: Promise<void> | null = null;

  async function send(path: string, init: RequestInit): Promise<Response> {
    const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
    const client = new AwsClient({
      accessKeyId: accessKeyId.reveal(),
      secretAccessKey: secretAccessKey.reveal(),
      ...(sessionToken === null ? {} : { sessionToken: sessionToken.reveal() }),
      service: 's3',
      region,
      retries: TRIES,
    });
    try {
      return await client.fetch(`${base}${path}`, {
        ...init,
        redirect: 'error',
        signal: AbortSignal.timeout(LONGEST),
      });
    } catch {
      // What fetch says quotes the request.
      throw unavailable('could not be reached');
    }
  }

  function pathOf(name: string): string {
    return `/${`${folder}${name}`.split('/').map(encodeURIComponent).join('/')}`;
  }

  async function create(name: string, bytes: Uint8Array): Promise<boolean> {
    const response = await send(pathOf(name), {
      method: 'PUT',
      headers: { 'if-none-match': '*', 'content-type': 'text/plain' },
      body: Buffer.from(bytes),
    });
    if (response.status === 412) return false;
    if (!response.ok) throw await refused(response);
    await response.body?.cancel();
    return true;
  }

  async function get(name: string): Promise<Uint8Array | null> {
    const response = await send(pathOf(name), { method: 'GET' });
    if (response.status === 404) {
      // Not so for a bucket that is gone: an empty mirror is something else.
      const error = await refused(response);
      if (!/ NoSuchKey\b/.test(error.message)) throw error;
      return null;
    }
    if (!response.ok) throw await refused(response);
    const bytes = await bodyOf(response, LARGEST_OBJECT);
    if (bytes === null) throw noObject(name);
    return bytes;
  }

  /** Whether the storage keeps what is there. Asked once, with an object that all servers write alike. */
  async function requireKeeping(): Promise<void> {
    if ((await create('format', FORMAT)) && (await create('format', FORMAT))) {
      throw unavailable('writes over what is there: it does not know If-None-Match');
    }
  }

  return {
    async put(name, bytes) {
      isKept ??= requireKeeping().catch((error: unknown) => {
        isKept = null;
        throw error;
      });
      await isKept;
      if (await create(name, bytes)) return 'stored';
      const there = await get(name).catch((error: unknown) => {
        if (error instanceof CountersignError && error.code === 'invalid_request') return OTHER;
        throw error;
      });
      if (there === null) throw unavailable('says that an object is there, and does not give it');
      return Buffer.compare(there, bytes) === 0 ? 'same' : 'different';
    },

    get,

    async list(wanted, { after, limit }) {
      const names: string[] = [];
      for (let isMore = true; isMore && names.length < limit; ) {
        const beyond = names.at(-1) ?? after;
        const query = new URLSearchParams({
          'list-type': '2',
          prefix: `${folder}${wanted}`,
          'max-keys': String(limit - names.length),
          ...(beyond === null ? {} : { 'start-after': `${folder}${beyond}` }),
        });
        const response = await send(`/?${query}`, { method: 'GET' });
        if (!response.ok) throw await refused(response);
        const text = (await bodyOf(response, LARGEST_LISTING))?.toString('utf8');
        if (!text?.includes('<ListBucketResult')) throw unavailable('answered a listing with none');
        const page = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) =>
          unescaped(key ?? '').slice(folder.length),
        );
        names.push(...page);
        // A page may be shorter than asked for and not the last.
        isMore = page.length > 0 && text.includes('<IsTruncated>true</IsTruncated>');
      }
      return names;
    },
  };
}

/** Null beyond that many bytes, the rest of which is not read. @throws CountersignError `broker_unavailable` */
async function bodyOf(response: Response, most: number): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > most) return null;
      chunks.push(chunk);
    }
  } catch {
    throw unavailable('broke off its answer');
  }
  return Buffer.concat(chunks);
}

/** XML's five, for prefixes that hold one. */
function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll(/&apos;|&#39;/g, "'")
    .replaceAll('&amp;', '&');
}

/** By status and the storage's own code, a closed list; its other words stay out. */
async function refused(response: Response): Promise<CountersignError> {
  const text = (await bodyOf(response, LARGEST_REFUSAL).catch(() => null))?.toString('utf8') ?? '';
  const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1];
  return unavailable(`answered ${[response.status, code].filter(Boolean).join(' ')}`);
}

function unavailable(what: string): CountersignError {
  return new CountersignError('broker_unavailable', `The storage of the mirror ${what}.`);
}
