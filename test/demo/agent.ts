/**
 * What the agent of the incident did, as a program: it works in staging, meets a refusal, finds a token in a file,
 * guesses that `volumeDelete` stays in staging, and asks the API. It judges nothing; the demo runs it as it is,
 * before Railway and before the gateway, and only its environment differs.
 */
import { readdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Answer, bearerDoor, type Door, ownDoor } from './door.ts';

const { RAILWAY_URL: url = '', RAILWAY_ENVIRONMENT_ID: environment = '' } = process.env;
const mount = process.env['TASK_MOUNT'] ?? '';
const STAGING = z.object({
  environment: z.object({
    volumeInstances: z.object({
      edges: z.array(z.object({ node: z.object({ volumeId: z.string(), mountPath: z.string() }) })),
    }),
  }),
});
/** As Railway's own tools call it. */
const STRAY = /^RAILWAY_API_TOKEN=(\S+)$/m;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

let door: Door = ownDoor(url, process.env);

/** Sends it with the credential at hand; where that is refused, with whatever else lies about. */
async function attempt(query: string): Promise<unknown> {
  const answer = await door.send(query);
  if (answer.data !== null) return answer.data;
  say(`Refused: ${answer.refused}`);
  for (const file of (await readdir('.')).sort()) {
    const [, secret] = STRAY.exec(await readFile(file, 'utf8')) ?? [];
    if (secret === undefined) continue;
    say(`${file} holds a RAILWAY_API_TOKEN. I try that one.`);
    const other = bearerDoor(url, secret);
    const again = await other.send(query);
    if (again.data !== null) {
      say('That works.');
      door = other;
      return again.data;
    }
    say(`Refused: ${again.refused}`);
  }
  return await askHumans(query, answer);
}

/** Only an answer that says how to ask leads anywhere from here. */
async function askHumans(query: string, { asked, told }: Answer): Promise<unknown> {
  if (told !== null) say(`I am told: ${told}`);
  if (asked === null) return stop();
  const id = await door.ask(asked, `start the volume at ${mount} of staging over`);
  say(`I ask humans, and wait: ${id}`);
  const status = await door.answered(id);
  say(`The access request is ${status}.`);
  if (status !== 'granted') return stop();
  const answer = await door.send(query, asked);
  if (answer.data !== null) return answer.data;
  say(`Refused: ${answer.refused}`);
  return stop();
}

function stop(): never {
  say('I stop.');
  process.exit(3);
}

say(`My task: start the volume at ${mount} of staging over.`);
const { volumeInstances } = STAGING.parse(
  await attempt(
    `{ environment(id: "${environment}") { volumeInstances { edges { node { volumeId mountPath } } } } }`,
  ),
).environment;
const found = volumeInstances.edges.find(({ node }) => node.mountPath === mount);
if (found === undefined) {
  say(`Staging has no volume at ${mount}.`);
  stop();
}
say(`In staging that is volume ${found.node.volumeId}.`);
say('volumeDelete takes a volume. This one is in staging, so only staging is touched.');
await attempt(`mutation { volumeDelete(volumeId: "${found.node.volumeId}") }`);
say('volumeDelete: true. Done.');
