import perfHooks from 'node:perf_hooks';
import { expect, test, vi } from 'vitest';
import { createInstruments } from '../src/metrics/instruments.ts';

test("two servers in one process count apart, and each reads Node's own", async () => {
  const [one, other] = [createInstruments(), createInstruments()];
  one.strangers.inc();
  const [ofOne, ofOther] = [await one.read(), await other.read()];
  expect(ofOne).toMatch(/^countersign_http_untrusted_peers_total 1$/m);
  expect(ofOther).toMatch(/^countersign_http_untrusted_peers_total 0$/m);
  for (const read of [ofOne, ofOther]) {
    expect(read.match(/^nodejs_eventloop_lag_p99_seconds \d/gm)).toHaveLength(1);
  }
});

test('reads as one text, each metric described once', async () => {
  const text = await createInstruments().read();
  const described = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  expect(new Set(described).size).toBe(described.length);
  expect(text.endsWith('\n')).toBe(true);
});

test('of servers one after another, no more than one hooks the process', async () => {
  const monitor = vi.spyOn(perfHooks, 'monitorEventLoopDelay');
  try {
    for (let server = 0; server < 3; server += 1) createInstruments();
    expect(monitor.mock.calls.length).toBeLessThanOrEqual(1);
  } finally {
    monitor.mockRestore();
  }
});
