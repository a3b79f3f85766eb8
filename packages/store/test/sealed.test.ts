import { generateKeyPairSync } from 'node:crypto';
import type { CredentialBinding, Intent } from '@countersign/broker';
import { Secret } from '@countersign/core';
import { describe, expect, it } from 'vitest';
import { ownStores } from './support/own-stores.ts';
import { intent, newId, open } from './support/store.ts';

const own = ownStores();

const refused = expect.objectContaining({ code: 'broker_unavailable' });
/** Of a last base64url character that stands for two bits: the same bits, spelled otherwise. */
function spareBitFlipped(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(last) ^ 1] ?? '';
}

describe('a sealed credential', () => {
  const binding: CredentialBinding = {
    broker: 'fingerprint',
    connection: 'pg',
    endpoint: 'db.example:5432',
    account: 'root',
  };

  async function keep(bound: CredentialBinding, credential: string): Promise<string> {
    const statement = newId();
    const sealed = await own.store.sealedCredentials.seal(
      bound,
      'salt',
      new Secret('pw', credential),
    );
    const effects: Intent['effects'] = [{ kind: 'seal-credential', statement, sealed }];
    expect(await own.store.journal.commit([intent({ effects })])).toMatchObject([
      { outcome: 'committed' },
    ]);
    return statement;
  }

  it('opens for what it was sealed for', async () => {
    const statement = await keep(binding, 'pässword');
    const opened = await own.store.sealedCredentials.open(statement, binding);
    expect(opened.salt).toBe('salt');
    expect(opened.credential.reveal()).toBe('pässword');
    const rows = await own.byHand('select sealed from countersign.sealed_credentials');
    expect(Object.keys(JSON.parse(String(rows[0]?.['sealed']))).sort()).toEqual([
      'aad',
      'ciphertext',
      'iv',
      'protected',
      'tag',
    ]);
  });

  it('is destroyed once: whoever comes second has lost', async () => {
    const statement = await keep(binding, 'password');
    const destroy = intent({ effects: [{ kind: 'destroy-credential', statement }] });
    expect(await own.store.sealedCredentials.holds(statement)).toBe(true);
    expect(await own.store.journal.commit([destroy])).toMatchObject([{ outcome: 'committed' }]);
    expect(await own.store.sealedCredentials.holds(statement)).toBe(false);
    const again = intent({ effects: [{ kind: 'destroy-credential', statement }] });
    expect(await own.store.journal.commit([again])).toEqual([
      { outcome: 'conflict', what: 'destroy-credential' },
    ]);
    expect(await own.store.sealedCredentials.holds('no statement')).toBe(false);
  });

  it.each(['broker', 'connection', 'endpoint', 'account'])(
    'opens for no other %s',
    async (member) => {
      const statement = await keep(binding, 'password');
      const other = { ...binding, [member]: 'other' };
      await expect(own.store.sealedCredentials.open(statement, other)).rejects.toEqual(refused);
    },
  );

  it('opens in no other row', async () => {
    const other = { ...binding, connection: 'other' };
    const [one, two] = [await keep(binding, 'one'), await keep(other, 'two')];
    await own.byHand(
      `update countersign.sealed_credentials s set sealed =
         (select o.sealed from countersign.sealed_credentials o where o.statement <> s.statement)`,
    );
    await expect(own.store.sealedCredentials.open(one, binding)).rejects.toEqual(refused);
    await expect(own.store.sealedCredentials.open(two, other)).rejects.toEqual(refused);
  });

  it('opens under no other key', async () => {
    const sealed = await own.store.sealedCredentials.seal(binding, 'salt', new Secret('pw', 'one'));
    const second = await own.server.database();
    const elsewhere = await open(second, { kek: new Secret('kek', Buffer.alloc(32, 9)) });
    const statement = newId();
    await elsewhere.journal.commit([
      intent({ effects: [{ kind: 'seal-credential', statement, sealed }] }),
    ]);
    await expect(elsewhere.sealedCredentials.open(statement, binding)).rejects.toEqual(refused);
    await elsewhere.close();
  });

  it.each(['protected', 'iv', 'ciphertext', 'tag'])(
    'opens with no flipped bit in %s',
    async (member) => {
      const statement = await keep(binding, 'password');
      const rows = await own.byHand('select sealed from countersign.sealed_credentials');
      const jwe = JSON.parse(String(rows[0]?.['sealed']));
      const bytes = Buffer.from(jwe[member], 'base64url');
      bytes[1] = (bytes[1] ?? 0) ^ 1;
      const changed = JSON.stringify({ ...jwe, [member]: bytes.toString('base64url') });
      await own.byHand(`update countersign.sealed_credentials set sealed = '${changed}'`);
      await expect(own.store.sealedCredentials.open(statement, binding)).rejects.toEqual(refused);
    },
  );

  it.each([
    [
      'what it is bound to',
      (text: string) => text.replace(/(?<="aad":"..)./, (c) => (c === 'x' ? 'y' : 'x')),
    ],
    [
      'bits that no byte is made of',
      (text: string) => text.replace(/.(?=","aad")/, spareBitFlipped),
    ],
    ['a space', (text: string) => text.replace('{', '{ ')],
    ['a member more', (text: string) => text.replace('{', '{"zip":"",')],
  ])('has one text: opens with no change of %s', async (_, change) => {
    const statement = await keep(binding, 'password');
    const rows = await own.byHand('select sealed from countersign.sealed_credentials');
    const sealed = String(rows[0]?.['sealed']);
    const changed = change(sealed);
    expect(changed).not.toBe(sealed);
    await own.byHand(`update countersign.sealed_credentials set sealed = '${changed}'`);
    await expect(own.store.sealedCredentials.open(statement, binding)).rejects.toEqual(refused);
  });

  it('is gone when it was discarded, or never there', async () => {
    const statement = await keep(binding, 'password');
    const discard = () =>
      own.store.journal.commit([intent({ effects: [{ kind: 'discard-credential', statement }] })]);
    expect(await discard()).toMatchObject([{ outcome: 'committed' }]);
    // A veto goes through whether or not the row is still there.
    expect(await discard()).toMatchObject([{ outcome: 'committed' }]);
    await expect(own.store.sealedCredentials.open(statement, binding)).rejects.toEqual(refused);
    await expect(own.store.sealedCredentials.open('no-id', binding)).rejects.toEqual(refused);
  });

  it('needs a key of 32 bytes', async () => {
    const kek = new Secret<Uint8Array>('kek', Buffer.alloc(31));
    await expect(open(own.url, { kek })).rejects.toThrow('not 32 bytes');
  });
});

describe("the server's own key", () => {
  async function make() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const privateJwk = new Secret('key', JSON.stringify(privateKey.export({ format: 'jwk' })));
    return { publicJwk: { ...publicKey.export({ format: 'jwk' }), kid: 'k1' }, privateJwk };
  }

  it('is one key, however many servers start at once', async () => {
    const other = await open(own.url);
    const keys = await Promise.all(
      [own.store, other, own.store, other].map((one) => one.sealedKeys.ensure('token', make)),
    );
    expect(new Set(keys.map((key) => key.privateJwk.reveal())).size).toBe(1);
    expect(new Set(keys.map((key) => JSON.stringify(key.publicJwk))).size).toBe(1);
    for (const purpose of ['ledger', 'client-secret'] as const) {
      const [here, there] = await Promise.all(
        [own.store, other].map((one) => one.sealedKeys.ensure(purpose, make)),
      );
      expect(here?.privateJwk.reveal()).toBe(there?.privateJwk.reveal());
      expect(here?.publicJwk).not.toEqual(keys[0]?.publicJwk);
    }
    await other.close();
  });

  it('is refused with a public key of someone else, or another kid', async () => {
    await own.store.sealedKeys.ensure('token', make);
    const { publicJwk } = await make();
    await own.byHand(
      `update countersign.sealed_keys set public_jwk = '${JSON.stringify(publicJwk)}'`,
    );
    await expect(own.store.sealedKeys.ensure('token', make)).rejects.toEqual(refused);
  });

  it('is refused with another kid', async () => {
    await own.store.sealedKeys.ensure('token', make);
    await own.byHand(`update countersign.sealed_keys set public_jwk = public_jwk || '{"kid":"x"}'`);
    await expect(own.store.sealedKeys.ensure('token', make)).rejects.toEqual(refused);
  });

  it('is refused for another purpose', async () => {
    await own.store.sealedKeys.ensure('token', make);
    await own.byHand("update countersign.sealed_keys set purpose = 'ledger'");
    await expect(own.store.sealedKeys.ensure('ledger', make)).rejects.toEqual(refused);
  });

  it('is never stored when its halves do not belong together', async () => {
    const mixed = async () => ({ ...(await make()), publicJwk: (await make()).publicJwk });
    await expect(own.store.sealedKeys.ensure('token', mixed)).rejects.toEqual(refused);
  });
});
