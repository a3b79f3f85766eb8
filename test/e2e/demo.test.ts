/** `npm run demo` as whoever types it gets it: every claim holds, and nothing is left when it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ROOT } from '../support/broker-process.ts';

const Told = z.object({
  held: z.boolean(),
  scenes: z.array(
    z.object({
      number: z.number(),
      claims: z.array(
        z.object({ text: z.string(), held: z.boolean(), instead: z.string().nullable() }),
      ),
    }),
  ),
});
/** Milliseconds, on a machine that does other things as well. */
const LONGEST = 180_000;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-demo-test-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** In a process group of its own, as a terminal starts it, with a place for files where nothing else is. */
function demo(...options: string[]): ChildProcess & { readonly stdout: NodeJS.ReadableStream } {
  return spawn(join(ROOT, 'node_modules/.bin/node'), [join(ROOT, 'test/demo/run.ts'), ...options], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
}

function isGone(group: number | undefined): boolean {
  try {
    process.kill(-Number(group), 0);
    return false;
  } catch {
    return true;
  }
}

test(
  'each scene claims what it shows, and all of it is so',
  async () => {
    const child = demo('--json');
    const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    const { held, scenes } = Told.parse(JSON.parse(output));
    const claims = scenes.flatMap(({ number, claims }) =>
      claims.map((claim) => ({ number, ...claim })),
    );
    expect(claims.filter((claim) => !claim.held)).toEqual([]);
    expect({ held, status }).toEqual({ held: true, status: 0 });
    for (const [number, words] of [
      [1, /no database and no backup/],
      [2, /Refused, told to halt/],
      [2, /nothing was destroyed, revealed or run/],
      [3, /grant is in force/],
      [3, /that volume is in production too/],
      [3, /Destroyed anywhere: nothing/],
      [4, /nothing outside of staging was touched/],
      [5, /Every entry, signature and decision verifies/],
      [5, /one delete that was allowed, written before/],
    ] as const) {
      expect(claims.filter((each) => each.number === number && words.test(each.text))).toHaveLength(
        1,
      );
    }
    expect(await readdir(directory)).toEqual([]);
    expect(isGone(child.pid)).toBe(true);
  },
  LONGEST,
);

test.each([
  ['a Ctrl-C', 'SIGINT', '2. The same agent', 130],
  ['a SIGTERM to it alone, while the broker starts,', 'SIGTERM', '1. The incident', 143],
] as const)(
  '%s ends all of it',
  async (_, signal, scene, status) => {
    const child = demo('--fast');
    const exited = once(child, 'exit');
    let shown = '';
    for await (const chunk of child.stdout) {
      const began = shown.includes(scene);
      shown += String(chunk);
      // A terminal tells everybody in the group.
      const told = Number(child.pid) * (signal === 'SIGINT' ? -1 : 1);
      if (!began && shown.includes(scene)) process.kill(told, signal);
    }
    expect(await exited).toEqual([status, null]);
    expect(shown).not.toContain('claims held');
    expect(shown.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
    expect(isGone(child.pid)).toBe(true);
  },
  LONGEST,
);
