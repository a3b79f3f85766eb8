import { describe, expect, test } from 'vitest';
import { streamJsonLines } from '../src/export-stream.ts';
import { brokerApp, requestTo } from './broker-app.ts';

/** A ledger of `count` lines of about 1 kB that knows how far it was read and whether it was closed. */
function ledger(count: number, failAt = Number.POSITIVE_INFINITY) {
  const seen = { read: 0, closed: false };
  async function* lines() {
    try {
      for (let index = 0; index < count; index += 1) {
        if (index === failAt) throw new Error('disk');
        seen.read += 1;
        yield { index, leaf_hash: 'h', entry: { filler: 'x'.repeat(1000) } };
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, lines: lines() };
}

describe('the export', () => {
  test('is one JSON document a line, as a download', async () => {
    const { app } = brokerApp();
    const response = await app.fetch(requestTo('auditExport'));
    expect(response.headers.get('content-disposition')).toBe(
      'attachment; filename="countersign-ledger.jsonl"',
    );
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { format: 'countersign-export/1' },
      { index: 0 },
    ]);
  });

  test('is read no faster than the client reads, and closed when it leaves', async () => {
    const { seen, lines } = ledger(10_000);
    const stream = await streamJsonLines(lines, () => undefined);
    const reader = stream.getReader();
    await reader.read();
    expect(seen.read).toBeLessThan(100);
    await reader.cancel();
    expect(seen.closed).toBe(true);
  });

  test('all of it arrives', async () => {
    const { seen, lines } = ledger(1000);
    const text = await new Response(await streamJsonLines(lines, () => undefined)).text();
    expect(text.trimEnd().split('\n')).toHaveLength(1000);
    expect(seen.closed).toBe(true);
  });

  test('failing at once, it is a refusal and not a stream', async () => {
    const { app, errors } = brokerApp({ auditExport: () => ledger(1, 0).lines });
    const response = await app.fetch(requestTo('auditExport'));
    expect(response.status).toBe(503);
    expect(errors).toHaveLength(1);
  });

  test('failing later, it is cut and never ends cleanly', async () => {
    const failures: unknown[] = [];
    const { lines } = ledger(1000, 500);
    const stream = await streamJsonLines(lines, (error) => failures.push(error));
    await expect(new Response(stream).text()).rejects.toThrow('the export was cut short');
    expect(failures).toHaveLength(1);
  });

  test('asked by HEAD, it is opened for nobody', async () => {
    const { seen, lines } = ledger(1000);
    const { app } = brokerApp({ auditExport: () => lines });
    const response = await app.fetch(new Request(requestTo('auditExport'), { method: 'HEAD' }));
    expect(await response.text()).toBe('');
    expect(seen).toEqual({ read: 1, closed: true });
  });
});
