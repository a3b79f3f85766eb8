import type { Clock, Random } from './ports.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a lower-case UUID of any version in its one canonical form. */
export function isUuid(value: string): boolean {
  return UUID.test(value);
}

export function isUuidV7(value: string): boolean {
  return UUID_V7.test(value);
}

/** A time-ordered id, RFC 9562 section 5.7: 48 bits of milliseconds, 74 random bits. */
export function uuidv7(clock: Clock, random: Random): string {
  const bytes = Buffer.alloc(16);
  bytes.set(random.bytes(16));
  bytes.writeUIntBE(clock.now(), 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
